"""The agent's side of the wire: what goes out arrives whole, what may not come in is refused."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import wire
from agent.model import (
    Ack,
    AddressOrder,
    Cell,
    CellKey,
    Directive,
    NewEpoch,
    QueueReading,
    ReconnectAfter,
    Welcome,
)
from deliverability.replies import Outcome
from protos import fleet_pb2 as pb
from tests.agent.samples import ADDRESS, HEARTBEAT, HELLO, NOW, ZONE
from tests.agent.stand_in import welcome


def heartbeat(**changes: object) -> pb.Heartbeat:
    sent = wire.encode_heartbeat(replace(HEARTBEAT, **changes))  # type: ignore[arg-type]
    return pb.AgentMessage.FromString(sent).heartbeat


def test_the_hello_says_all_it_was_given() -> None:
    hello = pb.AgentMessage.FromString(wire.encode_hello(HELLO)).hello
    assert (hello.wire_version, hello.epoch, hello.sequence) == (1, "epoch-1", 41)
    assert (hello.applied.term, hello.applied.revision) == (3, 8)
    assert hello.applied.addresses[0].pauses == ["LISTED"]
    assert hello.counted_from_ms == int((NOW - timedelta(days=1)).timestamp() * 1000)
    first = pb.AgentMessage.FromString(
        wire.encode_hello(replace(HELLO, applied=None, counted_from=None))
    ).hello
    assert not first.HasField("applied")
    assert first.counted_from_ms == 0


def test_the_heartbeat_says_all_it_was_given() -> None:
    sent = heartbeat()
    assert sent.host.cpu_ratio == 0.25
    assert sent.host.network_packets_sent == 900_000
    counts = {outcome.outcome: outcome.attempts for outcome in sent.cells[0].outcomes}
    assert counts == {pb.OUTCOME_SENT: 100, pb.OUTCOME_DEFERRED: 5, pb.OUTCOME_BOUNCED: 1}
    assert sent.zones[0].verdict == pb.VERDICT_LISTED
    assert sent.zones[0].sentinels == pb.SENTINELS_RIGHT
    assert sent.postfix.convergence == pb.CONVERGENCE_VERIFIED
    assert list(sent.postfix.outbound) == ["relay", "smtp"]
    assert sent.events[0].zone.zone == "zen.spamhaus.org"
    assert sent.events[1].to_ms - sent.events[1].from_ms == 3_600_000
    assert sent.log_position == b"\x00position"


def test_unknown_and_zero_queues_stay_apart() -> None:
    sent = heartbeat(queue=QueueReading(active=0, oldest_age=timedelta(minutes=2))).queue
    assert sent.HasField("active")
    assert not sent.HasField("hold")
    assert sent.oldest_age_seconds == 120


def test_a_reading_that_could_not_be_taken_is_absent() -> None:
    sent = heartbeat(host=None, postfix=replace(HEARTBEAT.postfix, observed=None, reload_at=None))
    assert not sent.HasField("host")
    assert (sent.postfix.running, sent.postfix.reload_at_ms) == (False, 0)


def test_own_words_are_cut_to_their_bounds_and_always_text() -> None:
    long = replace(ZONE, why="x" * 1000 + "\udcff", answers=("127.0.0.2",) * 40)
    sent = heartbeat(zones=(long, replace(ZONE, why="\udcff"))).zones
    assert len(sent[0].why) == 300
    assert len(sent[0].answers) == 16
    assert sent[1].why == "?"


def test_a_busy_nodes_heartbeat_stays_within_four_kilobytes() -> None:
    cells = tuple(
        Cell(
            key=CellKey("198.51.100.107", f"receiver-{number:02}"),
            attempts=dict.fromkeys(Outcome, 3_000_000),
        )
        for number in range(33)
    )
    busy = replace(HEARTBEAT, cells=cells, events=(), log_position=b"p" * 120)
    assert len(wire.encode_heartbeat(busy)) <= 4_096


def decoded(**body: object) -> object:
    return wire.decode(pb.CollectorMessage(**body).SerializeToString())  # type: ignore[arg-type]


def test_a_welcome() -> None:
    came = decoded(welcome=welcome(full_state=True))
    assert came == Welcome(
        term=1,
        node_id="node-1",
        heartbeat_interval=timedelta(milliseconds=200),
        heartbeat_jitter=timedelta(milliseconds=20),
        reconnect_spread=timedelta(milliseconds=100),
        sweep_critical=timedelta(milliseconds=500),
        collector_time=datetime(2027, 1, 15, 8, tzinfo=timezone.utc),
        full_state=True,
        replay_events=False,
    )


def test_the_other_messages() -> None:
    order = pb.AddressOrder(address=ADDRESS, pauses=["LISTED"])
    assert decoded(directive=pb.Directive(term=2, revision=5, addresses=[order])) == Directive(
        term=2, revision=5, addresses=(AddressOrder(address=ADDRESS, pauses=("LISTED",)),)
    )
    assert decoded(ack=pb.Ack(epoch="e", sequence=4)) == Ack(epoch="e", sequence=4, events_upto=0)
    assert decoded(new_epoch=pb.NewEpoch()) == NewEpoch()
    later = decoded(reconnect_after=pb.ReconnectAfter(delay_ms=1500))
    assert later == ReconnectAfter(delay=timedelta(seconds=1.5))


REFUSED: dict[str, dict[str, object]] = {
    "nothing": {},
    "term 0": {"welcome": welcome(term=0)},
    "no node": {"welcome": welcome(node_id="")},
    "interval of 0": {"welcome": welcome(heartbeat_interval_ms=0)},
    "interval of 2 h": {"welcome": welcome(heartbeat_interval_ms=7_200_000)},
    "jitter above interval": {"welcome": welcome(heartbeat_jitter_ms=201)},
    "spread of 2 h": {"welcome": welcome(reconnect_spread_ms=7_200_000)},
    "no sweep": {"welcome": welcome(sweep_critical_ms=0)},
    "no time": {"welcome": welcome(collector_time_ms=0)},
    "time before 1970": {"welcome": welcome(collector_time_ms=-5)},
    "time past 9999": {"welcome": welcome(collector_time_ms=2**62)},
    "ack of nothing": {"ack": pb.Ack(epoch="e")},
    "ack past SQLite's integers": {"ack": pb.Ack(epoch="e", sequence=2**63)},
    "events past SQLite's integers": {"ack": pb.Ack(epoch="e", sequence=1, events_upto=2**63)},
    "control character": {"ack": pb.Ack(epoch="e\n", sequence=1)},
    "revision 0": {"directive": pb.Directive(term=1)},
    "empty pause": {"directive": pb.Directive(term=1, revision=1, node_pauses=[""])},
    "long pause": {"directive": pb.Directive(term=1, revision=1, node_pauses=["P" * 65])},
    "many pauses": {"directive": pb.Directive(term=1, revision=1, node_pauses=["P"] * 33)},
    "no address": {
        "directive": pb.Directive(term=1, revision=1, addresses=[pb.AddressOrder(address="mx1")])
    },
    "address twice": {
        "directive": pb.Directive(
            term=1, revision=1, addresses=[pb.AddressOrder(address=ADDRESS)] * 2
        )
    },
    "many addresses": {
        "directive": pb.Directive(
            term=1,
            revision=1,
            addresses=[pb.AddressOrder(address=f"10.0.0.{n}") for n in range(65)],
        )
    },
    "large position": {"new_epoch": pb.NewEpoch(log_position=b"x" * 4_097)},
    "reconnect tomorrow": {"reconnect_after": pb.ReconnectAfter(delay_ms=86_400_000)},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_may_not_come_in_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(wire.WireError):
        decoded(**body)


def test_an_oversized_message_is_refused_unread() -> None:
    with pytest.raises(wire.WireError, match="bytes"):
        wire.decode(b"\0" * (wire.MESSAGE_BYTES_MAX + 1))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    try:
        wire.decode(data)
    except wire.WireError:
        return
