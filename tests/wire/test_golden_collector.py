"""The bytes of every release stay readable: what a collector was once sent means the same for ever.

A folder a release, a file a message. Files of a release are never changed; the old bytes of a
message that a newer agent writes otherwise must still be understood.
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from collector.core.heartbeat import (
    AgentReading,
    Cell,
    Event,
    Heartbeat,
    Hello,
    HostReading,
    NewEpoch,
    PostfixReading,
    QueueReading,
    Welcome,
    ZoneReading,
)
from collector.core.model import Order
from collector.identity import Applicant, Issued, Renewal
from collector.rpc import wire, wire_enrolment
from collector.rpc.wire import Arrival
from deliverability.replies import Outcome
from deliverability.zones import Sentinels, Verdict
from protos import fleet_pb2 as pb

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 22, 9, 33, 50, tzinfo=timezone.utc)
NODE = "5a3c1f0e-0d8b-4d1c-9a55-0c8d6a1f2b3c"
ARRIVAL = Arrival(node_id=NODE, at=NOW + timedelta(seconds=1))
ADDRESS = "198.51.100.7"

HELLO = Hello(
    node_id=NODE,
    agent_version="0.1.0",
    machine_id="3d1219c7c4c5404aaa1f6d2a48adfda4",
    boot_id="0f1c6b8e-6f57-4c5c-9d8e-1d0a6d0d8a11",
    run_id="7c0f6f3a",
    epoch="epoch-1",
    sequence=41,
    counted_from=NOW - timedelta(days=1),
    applied=Order(
        term=3, revision=8, node_pauses=("OPERATOR",), addresses=((ADDRESS, ("LISTED",)),)
    ),
    term_highest=3,
    capabilities=("pause",),
    sent_at=NOW,
    received_at=ARRIVAL.at,
    hostname="mx1.example",
    addresses=(ADDRESS,),
)
ZONE = ZoneReading(
    address=ADDRESS,
    zone="zen.spamhaus.org",
    verdict=Verdict.LISTED,
    answers=("127.0.0.2",),
    sentinels=Sentinels.RIGHT,
    round=12,
    checked_at=NOW,
    why="",
)
HEARTBEAT = Heartbeat(
    node_id=NODE,
    epoch="epoch-1",
    sequence=42,
    sent_at=NOW,
    received_at=ARRIVAL.at,
    host=HostReading(
        cpu_ratio=0.25,
        cpu_count=2,
        memory_bytes_total=2_000_000_000,
        memory_bytes_used=900_000_000,
        load_1m=0.5,
        disk_bytes_total=40_000_000_000,
        disk_bytes_used=9_000_000_000,
        inodes_total=2_000_000,
        inodes_used=150_000,
        network_bytes_received=123_456_789,
        network_bytes_sent=987_654_321,
        network_packets_received=1_000_000,
        network_packets_sent=900_000,
        uptime_seconds=86_400,
    ),
    queue=QueueReading(
        active=1, incoming=0, deferred=7, hold=0, maildrop=None, oldest_age_seconds=None
    ),
    services=(("postfix", "running"),),
    cells=(
        Cell(
            address=ADDRESS,
            receiver="gmail",
            attempts=((Outcome.BOUNCED, 1), (Outcome.DEFERRED, 5), (Outcome.SENT, 100)),
        ),
    ),
    full_state=True,
    zones=(ZONE,),
    postfix=PostfixReading(
        running=True,
        version="3.7.11",
        outbound=("relay", "smtp"),
        deferred=("relay", "smtp"),
        reload_at=NOW - timedelta(seconds=3),
        order=(3, 8),
        convergence="verified",
        problem="",
        deliveries_in_flight=2,
        deliveries_begun=0,
        is_silent=True,
    ),
    agent=AgentReading(
        started_at=NOW - timedelta(hours=1),
        lines_read=5_000,
        lines_unparsed=3,
        events_lost=0,
        state_errors=0,
        memory_bytes=42_000_000,
        problems=("clock 3600 s ahead of the collector's (timedatectl)",),
    ),
    events=(
        Event(id=1, kind="zone_changed", at=NOW, zone=ZONE, window=None, text="clear → listed"),
        Event(
            id=2,
            kind="log_gap",
            at=NOW,
            zone=None,
            window=(NOW - timedelta(hours=1), NOW),
            text="",
        ),
    ),
    log_position=b"\x00position",
    counted_to=NOW - timedelta(seconds=1),
)
ISSUED = Issued(
    node_id=NODE, fleet="fleet.test", certificate_pem=b"certificate", ca_pem=b"roots", at=NOW
)
APPLICANT = Applicant(
    token="mft1.secret.hash",
    csr_der=b"\x30request",
    machine_id="3d1219c7c4c5404aaa1f6d2a48adfda4",
    hostname="mx1.example",
    addresses=(ADDRESS, "2001:db8::7"),
    agent_version="0.1.0",
    sent_at=NOW,
    origin="192.0.2.1",
)
RENEWAL = Renewal(
    certificate_der=b"\x30certificate",
    csr_der=b"\x30request",
    nonce=b"nonce",
    signature=b"\x30signature",
    origin="192.0.2.1",
)
WRITTEN = {
    "0.1/ack.bin": wire.encode_ack(HEARTBEAT),
    "0.1/directive.bin": wire.encode_order(
        Order(
            term=7,
            revision=12,
            node_pauses=("OPERATOR",),
            addresses=((ADDRESS, ("LISTED", "BOUNCE_RATE")), ("2001:db8::7", ())),
        )
    ),
    "0.1/new_epoch.bin": wire.encode_new_epoch(
        NewEpoch(log_position=b"\x00position", counted_to=NOW - timedelta(seconds=1))
    ),
    "0.1/reconnect_after.bin": wire.encode_reconnect_after(timedelta(seconds=15)),
    "0.1/enrol_reply.bin": wire_enrolment.encode_enrolled(ISSUED),
    "0.1/renew_reply.bin": wire_enrolment.encode_renewed(ISSUED),
    "0.1/renew_nonce.bin": wire_enrolment.encode_nonce(b"nonce"),
}


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def test_a_collector_understands_every_release_s_agent() -> None:
    assert wire.decode(golden("0.1/hello.bin"), ARRIVAL) == HELLO
    assert wire.decode(golden("0.1/heartbeat.bin"), ARRIVAL) == HEARTBEAT
    assert wire_enrolment.decode_enrol(golden("0.1/enrol_request.bin"), "192.0.2.1") == APPLICANT
    assert wire_enrolment.decode_renew(golden("0.1/renew_request.bin"), "192.0.2.1") == RENEWAL


def test_a_welcome_is_that_of_its_release_but_for_the_catalogue() -> None:
    written = pb.CollectorMessage.FromString(
        wire.encode_welcome(
            Welcome(
                term=7,
                node_id=NODE,
                heartbeat_interval=timedelta(seconds=30),
                heartbeat_jitter=timedelta(seconds=3),
                reconnect_spread=timedelta(seconds=10),
                sweep_critical=timedelta(minutes=5),
                collector_time=NOW,
                full_state=True,
                replay_events=True,
            )
        )
    )
    released = pb.CollectorMessage.FromString(golden("0.1/welcome.bin"))
    assert released.welcome.catalogue_revision > 0
    released.welcome.ClearField("catalogue_revision")
    assert written == released


@pytest.mark.parametrize("name", WRITTEN)
def test_a_collector_writes_the_bytes_of_its_release(name: str) -> None:
    assert WRITTEN[name] == golden(name)


def test_a_field_a_newer_agent_added_is_passed_over() -> None:
    unknown = b"\xfa\x3f\x03new"  # field 1023, three bytes
    hello = pb.AgentMessage.FromString(golden("0.1/hello.bin")).hello.SerializeToString() + unknown
    message = b"\x0a" + bytes([len(hello) & 0x7F | 0x80, len(hello) >> 7]) + hello
    assert wire.decode(message, ARRIVAL) == HELLO


def test_what_an_agent_leaves_out_has_a_meaning() -> None:
    heartbeat = pb.AgentMessage.FromString(golden("0.1/heartbeat.bin")).heartbeat
    for name in ("host", "queue", "services", "cells", "zones", "events", "counted_to_ms"):
        heartbeat.ClearField(name)
    read = wire.decode(pb.AgentMessage(heartbeat=heartbeat).SerializeToString(), ARRIVAL)
    assert isinstance(read, Heartbeat)
    assert (read.host, read.queue.active, read.counted_to) == (None, None, None)
    assert (read.services, read.cells, read.zones, read.events) == ((), (), (), ())
