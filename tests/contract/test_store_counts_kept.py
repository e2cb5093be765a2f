"""What is carried on instead of counted: pools' numbers by triggers, baselines in memory. Both are
held against the rows themselves."""

import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from collector.adapters.store import counting
from collector.adapters.store.baselines import DAY_MS, Baselines, Track
from collector.adapters.store.counting import Counts
from tests.store_bed import HandClock, enrol, entry, fill, opened, pool_of

HOUR_MS = 3_600_000


def kept(folder: Path) -> tuple[dict[str, Counts], dict[str, Counts]]:
    """As carried on, and as counted."""
    engine = create_engine(f"sqlite:///{folder / 'journal.db'}")
    with engine.connect() as connection:
        found = {pool: one for pool, one in counting.read(connection).items() if any(one)}
        real = counting.counted(connection)
    engine.dispose()
    return found, real


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_written_the_counts_are_the_rows(tmp_path: Path, seed: int) -> None:
    async with opened(tmp_path) as journal:
        first = await pool_of(journal)
        await enrol(journal, range(1, 9), first)
    dice = random.Random(seed)  # a seed, so that a failure can be repeated
    with closing(sqlite3.connect(tmp_path / "journal.db")) as file:
        file.execute(
            "INSERT INTO pools (id, name, automation, created_at) VALUES ('b','b','act',0)"
        )
        for _ in range(120):
            node = dice.choice([row[0] for row in file.execute("SELECT id FROM nodes")])
            pool, flag = dice.choice((first, "b")), dice.choice((0, 1))
            life = dice.choice(("active", "warming", "decommissioned"))
            statement, values = dice.choice(
                (
                    ("UPDATE addresses SET in_rotation = ? WHERE node_id = ?", (flag, node)),
                    ("UPDATE addresses SET is_present = ? WHERE node_id = ?", (flag, node)),
                    ("UPDATE addresses SET pool_id = ? WHERE node_id = ?", (pool, node)),
                    ("UPDATE nodes SET lifecycle = ? WHERE id = ?", (life, node)),
                    ("UPDATE nodes SET pool_id = ? WHERE id = ?", (pool, node)),
                    ("UPDATE addresses SET in_rotation = ?", (flag,)),
                    ("DELETE FROM addresses WHERE node_id = ? AND in_rotation = ?", (node, flag)),
                    (
                        "INSERT INTO addresses (node_id, ip, position, pool_id, in_rotation)"
                        " VALUES (?, ?, 9, ?, ?) ON CONFLICT DO UPDATE SET is_present = 1",
                        (node, f"10.0.0.{dice.randint(1, 9)}", pool, flag),
                    ),
                )
            )
            file.execute(statement, values)
        file.commit()
    found, real = kept(tmp_path)
    assert found == real
    assert len(real) == 2


async def test_what_somebody_left_wrong_is_counted_anew_at_the_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        pool_id = await pool_of(journal)
    fill(tmp_path, 30, pool_id)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as file, file:
        file.execute("UPDATE pool_counts SET addresses = 7, nodes = 2")
    async with opened(tmp_path) as journal:
        (pool,) = await journal.pools()
        assert (pool["addresses"], pool["nodes"], pool["in_rotation"]) == (30, 30, 30)
        assert len(await journal.members()) == 30
    found, real = kept(tmp_path)
    assert found == real == {pool_id: Counts(30, 30, 30)}


async def test_a_wrong_count_stops_the_round(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, [1, 2], await pool_of(journal))
        with closing(sqlite3.connect(tmp_path / "journal.db")) as file, file:
            file.execute("UPDATE pool_counts SET in_rotation = 9")
        with pytest.raises(AssertionError):
            await journal.members()


def slow_median(steps: list[tuple[int, int]], now: int) -> int:
    """From every revision there was."""
    edge = now - DAY_MS
    ends = [*(at for at, _ in steps[1:]), now]
    weights: Counter[int] = Counter()
    for (at, size), end in zip(steps, ends, strict=True):
        weights[size] += max(end - max(at, edge), 0)
    half, passed = sum(weights.values()) / 2, 0
    for size in sorted(weights, reverse=True):
        passed += weights[size]
        if passed >= half:
            return size
    raise AssertionError(steps)


@pytest.mark.parametrize("seed", range(20))
def test_a_track_is_the_median_of_a_day(seed: int) -> None:
    dice = random.Random(seed)  # a seed, so that a failure can be repeated
    track, steps, now = Track(), [], 0
    for revision in range(1, 100):
        at = now + dice.choice((0, 1, 60, 300)) * 60_000
        steps.append((at, dice.randint(1, 9)))
        track.add(revision, at=at, size=steps[-1][1])
        now = at + dice.choice((1, 30, 600)) * 60_000
        assert track.median(now) == slow_median(steps, now), (seed, revision)


def test_a_clock_set_back_makes_no_stretch_of_negative_length() -> None:
    track = Track()
    for revision, (at, size) in enumerate(((5 * HOUR_MS, 4), (HOUR_MS, 9), (6 * HOUR_MS, 4)), 1):
        track.add(revision, at=at, size=size)
    assert track.median(6 * HOUR_MS) == 9
    assert track.median(8 * HOUR_MS) == 4


async def test_revisions_that_came_since_are_carried_on(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        pool_id = await pool_of(journal)
        await journal.set_switch("automation_stopped", on=False, entry=entry("switch"))
    engine, kept_on = create_engine(f"sqlite:///{tmp_path / 'journal.db'}"), Baselines()
    for revision in range(1, 200):
        with closing(sqlite3.connect(tmp_path / "journal.db")) as file, file:
            file.execute(
                "INSERT INTO rotations VALUES (?, ?, ?, ?)",
                (pool_id, revision, revision * HOUR_MS, revision % 11),
            )
        with engine.connect() as connection:
            now = revision * HOUR_MS + 1
            assert kept_on.read(connection, now=now) == Baselines().read(connection, now=now)
    engine.dispose()
