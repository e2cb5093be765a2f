"""Alerts nobody rings for: a receiver that defers for two hours, a node that cannot count."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collector.operate import vigil
from tests import collector_bed
from tests.collector_bed import Bed

HOUR = 3600


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with collector_bed.running(tmp_path) as running:
        await running.join("mta-1")
        yield running


async def alerts(bed: Bed) -> dict[str, str]:
    rows = await bed.parts.store.alerts(open_only=True, limit=99)
    return {str(row["key"]): str(row["text"]) for row in rows}


def deferred(folder: Path, now: int, *hours_ago: float) -> None:
    """A tenth of google's first attempts, in the quarters of that long ago."""
    with closing(sqlite3.connect(next(folder.rglob("journal.db")), timeout=10)) as journal:
        journal.execute("DELETE FROM windows WHERE receiver = 'google'")
        for ago in hours_ago:
            slot = int(now - ago * HOUR) // 900 * 900
            journal.execute(
                "INSERT INTO windows (span, slot, node_number, address, receiver, first_sent,"
                " first_deferred) VALUES (900, ?, 0, '', 'google', 90, 10)",
                (slot,),
            )
        journal.commit()


async def test_a_receiver_that_defers_for_two_hours(bed: Bed, tmp_path: Path) -> None:
    now = int(bed.parts.clock.now().timestamp())
    deferred(tmp_path, now, 0.5)
    assert (await vigil.once(bed.parts.desk)).is_empty
    deferred(tmp_path, now, 0.5, 1.5)
    await vigil.once(bed.parts.desk)
    assert "google has deferred 8%" in (await alerts(bed))["deferral:google"]
    assert (await vigil.once(bed.parts.desk)).is_empty
    deferred(tmp_path, now, 1.5)
    await vigil.once(bed.parts.desk)
    assert "deferral:google" not in await alerts(bed)


async def test_a_node_that_cannot_count(bed: Bed) -> None:
    node = bed.nodes["mta-1"]

    async def tell(*problems: str) -> None:
        node.sequence += 1
        beat = await bed._heartbeat(node)
        agent = replace(beat.agent, problems=problems)
        await bed.parts.intake.heartbeat(replace(beat, agent=agent))
        await vigil.once(bed.parts.desk)

    key = f"counting:{node.id}"
    await tell("clock: 90 s ahead")
    assert key not in await alerts(bed)
    await tell("state: counting the log: disk is full", "clock: 90 s ahead")
    text = (await alerts(bed))[key]
    assert text == "mta-1 cannot count its mail: state: counting the log: disk is full"
    await tell()
    assert key not in await alerts(bed)
