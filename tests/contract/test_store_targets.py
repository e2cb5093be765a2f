"""Which of the owners' targets nodes miss, and since when, as a judgement reads it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from collector.core.heartbeat import Detail, QueueReading
from collector.core.histograms import pack
from collector.core.judge import judge
from collector.core.judgement import LifecycleChange
from collector.core.model import Lifecycle
from collector.core.policy import Policy
from collector.core.rates import QUARTER_SECONDS
from collector.core.readings import TargetFact
from deliverability import delays
from tests.store_bed import HandClock, beat, cell, enrol, ip, node_id, opened, pool_of
from tests.store_judged import judgement

QUIET = QueueReading(
    active=3, incoming=0, deferred=7, hold=0, maildrop=None, oldest_age_seconds=None
)
FULL = replace(QUIET, deferred=97)


class Bed:
    """One node, which tells and is looked at a quarter of an hour at a time."""

    def __init__(self, journal: SqlStore, clock: HandClock) -> None:
        self.journal, self.clock = journal, clock
        self.sequence = self.sent = self.bounced = self.late = 0

    async def quarter(
        self, queue: QueueReading = QUIET, *, sent: int = 0, bounced: int = 0, late: int = 0
    ) -> None:
        """`late`: of those sent, by more than five minutes."""
        self.clock.move(QUARTER_SECONDS - 60)
        self.sent, self.bounced, self.late = (
            self.sent + sent,
            self.bounced + bounced,
            self.late + late,
        )
        taken = [0] * delays.BUCKETS
        taken[delays.bucket_of(2.0)] = self.sent - self.late
        taken[delays.bucket_of(900.0)] = self.late
        counted = replace(
            cell(
                ip(1),
                "gmail",
                sent=self.sent,
                bounced=self.bounced,
                first_sent=self.sent,
                first_bounced=self.bounced,
            ),
            detail=Detail(delays=pack([taken, [], [], [], []]), classes=()),
        )
        self.sequence += 1
        now = self.clock.now()
        told = replace(beat(1, self.sequence, cells=[counted]), received_at=now, sent_at=now)
        await self.journal.record(replace(told, queue=queue))
        await self.look(60)

    async def look(self, seconds: float) -> None:
        self.clock.move(seconds)
        for _ in range(4):
            await self.journal.prune()

    async def missed(self) -> dict[str, TargetFact]:
        (node,) = (await self.journal.load([node_id(1)])).nodes
        return {one.name: one for one in node.targets_missed}


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        await enrol(journal, (1,), await pool_of(journal))
        found = Bed(journal, clock)
        # What a first heartbeat tells of was sent before anybody looked.
        await found.quarter()
        await found.quarter(sent=10_000)
        yield found


async def test_it_is_missed_since_it_first_was_until_it_is_met(bed: Bed) -> None:
    assert await bed.missed() == {}
    await bed.quarter(FULL)
    begun = bed.clock.now()
    await bed.quarter(replace(FULL, deferred=110))
    (queue,) = (await bed.missed()).values()
    assert queue == TargetFact(
        name="queue", value="113", target="< 100", since=begun, seen_at=bed.clock.now()
    )
    await bed.quarter()
    assert await bed.missed() == {}


async def test_after_an_hour_it_is_an_alert_and_met_again_it_is_over(bed: Bed) -> None:
    async def alerts() -> list[str]:
        seen = await bed.journal.load([node_id(1)])
        found = judge(seen, Policy(), now=bed.clock.now())
        return [alert.text for alert in found.alerts_open if alert.key.startswith("target:")]

    for _ in range(4):
        await bed.quarter(FULL)
        assert await alerts() == []
    await bed.quarter(FULL)
    assert await alerts() == ["mx1: queue is 100, the target < 100"]
    await bed.quarter()
    assert await alerts() == []


async def test_bounces_and_slow_mail_are_of_the_day(bed: Bed) -> None:
    await bed.quarter(sent=1_000, bounced=250, late=600)
    missed = await bed.missed()
    assert {name: one.value for name, one in missed.items()} == {
        "bounces": "2.22%",
        "within 5 minutes": "94.5%",
    }


async def test_what_cannot_be_told_is_believed_for_an_hour(bed: Bed) -> None:
    await bed.quarter(FULL)
    (before,) = (await bed.missed()).values()
    for _ in range(4):
        await bed.look(QUARTER_SECONDS)
        assert list((await bed.missed()).values()) == [before]
    await bed.look(QUARTER_SECONDS)
    assert await bed.missed() == {}


async def test_a_node_that_is_not_to_send_misses_nothing(bed: Bed) -> None:
    await bed.quarter(FULL)
    out = LifecycleChange(node_id=node_id(1), before=Lifecycle.ACTIVE, after=Lifecycle.MAINTENANCE)
    await bed.journal.commit(judgement(lifecycles=(out,)))
    await bed.quarter(FULL)
    assert await bed.missed() == {}
