"""What is kept how long: the journal's slices, and samples rolled up into minutes and hours."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from collector.adapters.store import SqlStore, pruning
from tests.store_bed import (
    START,
    HandClock,
    beat,
    enrol,
    event,
    node_id,
    opened,
    pool_of,
)
from tests.store_judged import decision, judgement

HOUR = 3600
NOON = int(START.timestamp())


def rows(folder: Path, query: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / "samples.db")) as file:
        file.row_factory = sqlite3.Row
        return [dict(row) for row in file.execute(query)]


def put(folder: Path, *, seconds: range, nodes: int = 2) -> None:
    """Samples whose attempts are their age, whose load is their node and whose queue is 5."""
    with closing(sqlite3.connect(folder / "samples.db")) as file, file:
        file.executemany(
            "INSERT INTO samples (at, node, load, queue_active, attempts) VALUES (?, ?, ?, 5, ?)",
            [
                (NOON + second, node, node, second)
                for second in seconds
                for node in range(1, nodes + 1)
            ],
        )


async def pruned(journal: SqlStore, *, times: int) -> int:
    return sum([await journal.prune() for _ in range(times)])


async def test_samples_become_minutes_and_hours(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        put(tmp_path, seconds=range(0, 2 * HOUR, 30))
        clock.move(300 + 119)
        await journal.prune()
        assert rows(tmp_path, "SELECT * FROM samples_5m") == []
        clock.move(1)
        await journal.prune()
        first, _ = rows(tmp_path, "SELECT * FROM samples_5m ORDER BY node")
        assert (first["node"], first["at"], first["load"]) == (1, NOON, 1)
        assert (first["queue_active"], first["attempts"], first["cpu"]) == (5, 270, None)
        clock.move(2 * HOUR)
        await pruned(journal, times=30)
        assert len(rows(tmp_path, "SELECT * FROM samples_5m")) == 2 * 24
        hours = rows(tmp_path, "SELECT node, at, load, attempts FROM samples_1h")
        assert hours == [
            {"node": node, "at": NOON + HOUR * n, "load": node, "attempts": HOUR * (n + 1) - 30}
            for node in (1, 2)
            for n in (0, 1)
        ]


async def test_a_silence_is_passed_over_and_a_restart_goes_on(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        put(tmp_path, seconds=range(0, 600, 30), nodes=1)
        clock.move(1200)
        await pruned(journal, times=3)
        assert len(rows(tmp_path, "SELECT * FROM samples_5m")) == 2
    put(tmp_path, seconds=range(20 * HOUR, 20 * HOUR + 300, 30), nodes=1)
    clock.move(21 * HOUR)
    async with opened(tmp_path, clock) as journal:
        await journal.prune()
        *_, last = rows(tmp_path, "SELECT at FROM samples_5m ORDER BY at")
        assert last["at"] == NOON + 20 * HOUR
        await pruned(journal, times=25)
        assert [row["at"] for row in rows(tmp_path, "SELECT at FROM samples_1h")] == [NOON]


async def test_each_history_ends_at_its_age(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        put(tmp_path, seconds=range(0, HOUR, 30), nodes=1)
        clock.move(HOUR + 600)
        await pruned(journal, times=15)
        assert len(rows(tmp_path, "SELECT * FROM samples_5m")) == 12
        clock.move(timedelta(hours=48).total_seconds())
        assert await pruned(journal, times=2) == 120
        later = int(timedelta(days=31).total_seconds())
        put(tmp_path, seconds=range(later, later + 2 * HOUR, 30), nodes=1)
        clock.seconds = later + 2 * HOUR + 600
        await pruned(journal, times=31 * 24 + 30)
        kept = rows(tmp_path, "SELECT min(at) AS oldest FROM samples_5m")
        assert kept == [{"oldest": NOON + later}]
        assert rows(tmp_path, "SELECT min(at) AS oldest FROM samples_1h") == [{"oldest": NOON}]


async def test_what_is_old_goes_in_slices_and_what_stands_stays(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        pool_id = await pool_of(journal)
        await enrol(journal, [1], pool_id)
        for sequence in range(1, 4):
            await journal.record(replace(beat(1, sequence), events=(event(sequence),)))
        ids = await journal.commit(judgement(decisions=(decision(1, pool_id),)))
        assert await journal.prune() == 0
        clock.move(timedelta(days=3).total_seconds())
        assert await journal.prune() == 3  # raw samples
        clock.move(timedelta(days=500).total_seconds())
        gone = await journal.prune()
        assert gone > 0
        assert await journal.journal(after=0, limit=99, node_id=None) == []
        # It stands still, so it explains itself still.
        assert [row["id"] for row in await journal.decisions(ids[0], limit=9)] == list(ids)
        assert await journal.prune() == 0
        account = await journal.account(node_id(1))
        assert account is not None
        assert account.sequence == 3


async def test_finding_nothing_old_reads_no_table_through(tmp_path: Path) -> None:
    """Pruning runs every few seconds: each of its statements has an index to go by."""
    async with opened(tmp_path):
        pass
    small = {"tokens", "zone_brakes", "standing", "denials", "rotations"}
    with closing(sqlite3.connect(tmp_path / "journal.db")) as file:
        for statement, _ in pruning.SLICES:
            query = f"EXPLAIN QUERY PLAN {statement}"
            plan = [row[3] for row in file.execute(query, {"edge": 0, "limit": 1})]
            scanned = {step.split()[1] for step in plan if step.startswith("SCAN ")}
            assert scanned <= small, plan
