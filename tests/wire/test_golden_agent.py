"""The bytes of every release stay readable: what was once sent to an agent means the same for ever.

A folder a release, a file a message. Files of a release are never changed; a message a newer agent
writes otherwise gets a new folder, and the old bytes must still be understood.
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent import wire
from agent.model import (
    Ack,
    AddressOrder,
    Directive,
    FromCollector,
    NewEpoch,
    ReconnectAfter,
    Welcome,
)
from tests.agent.samples import HEARTBEAT, HELLO

GOLDEN = Path(__file__).parent / "golden"
TO_AGENTS: dict[str, FromCollector] = {
    "0.1/welcome.bin": Welcome(
        term=7,
        node_id="5a3c1f0e-0d8b-4d1c-9a55-0c8d6a1f2b3c",
        heartbeat_interval=timedelta(seconds=30),
        heartbeat_jitter=timedelta(seconds=3),
        reconnect_spread=timedelta(seconds=10),
        sweep_critical=timedelta(minutes=5),
        collector_time=datetime(2026, 11, 22, 9, 33, 50, tzinfo=timezone.utc),
        full_state=True,
        replay_events=True,
    ),
    "0.1/ack.bin": Ack(epoch="epoch-1", sequence=42, events_upto=2),
    "0.1/directive.bin": Directive(
        term=7,
        revision=12,
        node_pauses=("OPERATOR",),
        addresses=(
            AddressOrder(address="198.51.100.7", pauses=("LISTED", "BOUNCE_RATE")),
            AddressOrder(address="2001:db8::7"),
        ),
    ),
    "0.1/new_epoch.bin": NewEpoch(
        log_position=b"\x00position",
        counted_to=datetime(2026, 11, 22, 9, 33, 49, tzinfo=timezone.utc),
    ),
    "0.1/reconnect_after.bin": ReconnectAfter(delay=timedelta(seconds=15)),
}


@pytest.mark.parametrize("name, meant", TO_AGENTS.items(), ids=TO_AGENTS.keys())
def test_an_agent_understands_every_releases_collector(name: str, meant: FromCollector) -> None:
    assert wire.decode((GOLDEN / name).read_bytes()) == meant


def test_an_agent_writes_the_bytes_of_its_release() -> None:
    assert wire.encode_hello(HELLO) == (GOLDEN / "0.1/hello.bin").read_bytes()
    assert wire.encode_heartbeat(HEARTBEAT) == (GOLDEN / "0.1/heartbeat.bin").read_bytes()


def test_no_golden_file_is_forgotten() -> None:
    files = {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.bin")}
    assert TO_AGENTS.keys() | {"0.1/hello.bin", "0.1/heartbeat.bin"} <= files
