"""Rotation revisions, and the baseline measured over a day."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.core.judgement import Judgement, RotationChange
from collector.core.model import Reason, Subject
from collector.ports import Store
from tests.store_bed import START, HandClock, enrol, ip, node_id, pool_of
from tests.store_judged import the_pool
from tests.stores import STORES


@pytest.fixture(params=STORES)
async def journal(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path, clock) as found:
        await enrol(found, range(1, 6), await pool_of(found))
        yield found


async def test_the_baseline_is_the_median_of_a_day_by_time(
    journal: Store, clock: HandClock
) -> None:
    async def move(at_hour: float, numbers: range, *, member: bool) -> None:
        pool_id = await the_pool(journal)
        changes = tuple(
            RotationChange(
                subject=Subject(node_id=node_id(n), address=ip(n), pool_id=pool_id),
                member=member,
                reason=None,
                decision=None,
            )
            for n in numbers
        )
        at = START + timedelta(hours=at_hour)
        await journal.commit(Judgement(at=at, term=1, rotation=changes))

    async def baseline(at_hour: float) -> tuple[int, int]:
        clock.seconds = at_hour * 3600
        (row,) = await journal.pools()
        return int(str(row["in_rotation"])), int(str(row["baseline"]))

    assert await baseline(0) == (0, 0)
    await move(0, range(1, 5), member=True)
    assert await baseline(0) == (4, 4)
    await move(10, range(1, 3), member=False)
    assert await baseline(11) == (2, 4)  # 10 h of 4, 1 h of 2
    assert await baseline(19) == (2, 4)
    assert await baseline(21) == (2, 2)  # 10 h of 4, 11 h of 2
    await move(21, range(1, 6), member=True)
    assert await baseline(21) == (5, 5)  # never below the present
    await move(21, range(1, 6), member=False)
    assert await baseline(30) == (0, 2)  # since hour 6: 4 h of 4, 11 h of 2, 9 h of none
    (row,) = await journal.pools()
    assert row["rotation_revision"] == 4


async def test_the_baseline_does_not_sink_with_the_trouble(
    journal: Store, clock: HandClock
) -> None:
    """What automation took out counts for a week; what a person or a lifecycle did, never."""

    async def move(at_hour: float, numbers: range, why: Reason | None) -> None:
        pool_id = await the_pool(journal)
        changes = tuple(
            RotationChange(
                subject=Subject(node_id=node_id(n), address=ip(n), pool_id=pool_id),
                member=why is Reason.IDLE,
                reason=None if why is Reason.IDLE else why,
                decision=None,
            )
            for n in numbers
        )
        at = START + timedelta(hours=at_hour)
        await journal.commit(Judgement(at=at, term=1, rotation=changes))

    async def baseline(at_hour: float) -> int:
        clock.seconds = at_hour * 3600
        (row,) = await journal.pools()
        return int(str(row["baseline"]))

    await move(0, range(1, 6), Reason.IDLE)
    await move(10, range(1, 3), Reason.SILENCE)
    await move(10, range(3, 4), Reason.OPERATOR)
    await move(10, range(4, 5), None)
    assert await baseline(40) == 3
    assert await baseline(10 + 7 * 24) == 3
    assert await baseline(11 + 7 * 24) == 1
