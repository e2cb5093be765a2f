"""A node that says too much is heard more slowly; nobody else is disturbed, and nothing is lost."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from collector.intake import EVENTS_AT_ONCE
from collector.nuisances import OVER_AFTER_SECONDS
from collector.rpc import fleet
from collector.rpc import stream as streams
from protos import fleet_pb2 as pb
from tests.rpc_bed import Bed, bed


def events(first: int, *, count: int) -> list[pb.Event]:
    """The newest first: an order nobody promised."""
    return [
        pb.Event(id=number, kind=pb.EVENT_KIND_CONVERGED, at_ms=1_795_000_000_000, text="so it is")
        for number in reversed(range(first, first + count))
    ]


async def alerts(collector: Bed) -> list[tuple[str, str]]:
    return [(alert.key, alert.severity.name) for alert in (await collector.store.load(())).alerts]


async def told(collector: Bed) -> int:
    rows = await collector.store.journal(after=0, limit=5_000, node_id=None)
    return sum(str(row["text"]).endswith("so it is") for row in rows)


async def test_more_events_than_a_node_may_bring_wait_with_it(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        await call.greet()
        ack = await call.beat(1, events=events(1, count=EVENTS_AT_ONCE))
        assert ack.events_upto == EVENTS_AT_ONCE
        assert await alerts(collector) == []

        more = events(EVENTS_AT_ONCE + 1, count=50)
        assert (await call.beat(2, events=more)).events_upto == 0
        key = f"talkative:{identity.node_id}"
        assert await alerts(collector) == [(key, "MEDIUM")]
        collector.clock.off += timedelta(minutes=2)
        assert (await call.beat(3, events=more)).events_upto == EVENTS_AT_ONCE + 20
        collector.clock.off += timedelta(minutes=5)
        assert (await call.beat(4, events=more[:30])).events_upto == EVENTS_AT_ONCE + 50
        assert await told(collector) == EVENTS_AT_ONCE + 50

        collector.clock.off += timedelta(seconds=OVER_AFTER_SECONDS)
        await collector.intake.resolve_nuisances()
        assert await alerts(collector) == []


async def test_who_speaks_too_often_is_read_more_slowly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MESSAGES_AT_ONCE", 2)
    monkeypatch.setattr(streams, "MESSAGES_PER_SECOND", 0.01)
    async with bed(tmp_path) as collector:
        call = collector.connect(await collector.enrol())
        await call.greet()
        await call.beat(1)
        await call.beat(2)
        began = time.monotonic()
        await call.beat(3)
        await call.beat(4)
        assert time.monotonic() - began >= 2 * fleet.QUIET_SECONDS
