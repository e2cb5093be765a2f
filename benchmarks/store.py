"""The store's write path beside bare sqlite3 executemany of the same rows, in one run.

    python -m benchmarks.store [--nodes 10000] [--pairs 5] [--folder DIR]

Heartbeats: one from every node, by 500 callers that wait, so that a group of 250 gathers while one
is written. Ours reads the nodes' accounts, builds the rows and answers every caller; the peer is
handed finished rows and runs the same statements, 250 heartbeats a commit. Decisions: 250 a
commit, by SQLAlchemy Core, each with its row in the timeline. Both sides wait for the disk at
every commit of the journal: wall clock has the disk in it, CPU is of the whole process.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from benchmarks import measure
from benchmarks.measure import Pairs
from collector.adapters import store
from collector.adapters.clock import SystemClock
from collector.adapters.store import (
    SqlStore,
    counts,
    encode,
    engines,
    heartbeats,
    samples,
    verdicts,
)
from collector.adapters.store.heartbeats import Rows
from collector.adapters.store.moments import to_ms
from collector.adapters.store.node_states import State
from collector.adapters.store.schema_acts import decisions
from collector.adapters.store.timeline import new_id
from collector.core.heartbeat import Heartbeat
from collector.core.judgement import Judgement
from collector.core.policy import Policy
from deliverability.zones import Verdict
from tests import store_bed
from tests.store_bed import EPOCH, cell, ip
from tests.store_judged import decision

GROUP = 250
CALLERS = 2 * GROUP
PEER = "bare executemany"
DECISIONS = 5_000
DECISION = f"INSERT INTO decisions VALUES ({', '.join('?' * len(decisions.columns))})"
STANDING = """INSERT INTO standing VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
 decision_id = excluded.decision_id, fate = excluded.fate, brake = excluded.brake"""
TOLD = """INSERT INTO timeline (at, kind, node_id, severity, text, details)
 VALUES (?, ?, ?, ?, ?, ?)"""
Item = TypeVar("Item")
Decided = tuple[list[tuple[Any, ...]], ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=measure.PAIRS_MIN)
    parser.add_argument("--folder", type=Path, help="where the files go, instead of /tmp")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        bench = Bench(runner, Path(folder), nodes=options.nodes)
        try:
            report(bench, pairs=options.pairs)
        finally:
            bench.close()


class Bench:
    """One journal of ours, one of the peer's, filled alike, and the rounds of either."""

    def __init__(self, runner: asyncio.Runner, folder: Path, *, nodes: int) -> None:
        self.nodes = nodes
        self.runner = runner
        for name in ("ours", "peer"):
            (folder / name).mkdir()
            runner.run(_furnish(folder / name, nodes))
        self.store: SqlStore = runner.run(store.open(folder / "ours", SystemClock()))
        self.journal = _bare(folder / "peer" / "journal.db", engines.JOURNAL)
        self.samples = _bare(folder / "peer" / "samples.db", engines.SAMPLES)
        self.sequence = 0

    def close(self) -> None:
        self.runner.run(self.store.close())
        self.journal.close()
        self.samples.close()

    def next_round(self) -> None:
        """Both sides' work of the next round, made before the clock runs."""
        self.sequence += 1
        self.beats = [beat(number, sequence=self.sequence) for number in range(1, self.nodes + 1)]
        self.groups = [_rows(group) for group in _groups(self.beats)]

    def ours(self) -> None:
        self.runner.run(self._record())

    async def _record(self) -> None:
        async def caller(share: Sequence[Heartbeat]) -> None:
            for one in share:
                await self.store.record(one)

        await asyncio.gather(*(caller(self.beats[n::CALLERS]) for n in range(CALLERS)))

    def peer(self) -> None:
        for rows in self.groups:
            self.journal.execute("BEGIN IMMEDIATE")
            self.samples.execute("BEGIN IMMEDIATE")
            self.samples.executemany(samples.INSERT.single, rows.samples)
            self.samples.commit()
            self.journal.executemany(heartbeats.ZONES.single, rows.zones)
            self.journal.executemany(heartbeats.STATE, rows.states)
            self.journal.executemany(counts.TOTALS.single, rows.counts.totals.values())
            self.journal.executemany(counts.DETAILS.single, rows.counts.details)
            self.journal.commit()

    def next_decisions(self) -> None:
        self.sequence += 1
        proposed = [decision(1 + n % self.nodes, "pool") for n in range(DECISIONS)]
        self.judgements = [
            Judgement(at=store_bed.START, term=1, decisions=tuple(group))
            for group in _groups(proposed)
        ]
        self.decided = [_decided(judgement) for judgement in self.judgements]

    def our_decisions(self) -> None:
        async def commits() -> None:
            for judgement in self.judgements:
                await self.store.commit(judgement)

        self.runner.run(commits())

    def peer_decisions(self) -> None:
        for decided, standing, told in self.decided:
            self.journal.execute("BEGIN IMMEDIATE")
            self.journal.executemany(DECISION, decided)
            self.journal.executemany(STANDING, standing)
            self.journal.executemany(TOLD, told)
            self.journal.commit()


async def _furnish(folder: Path, nodes: int) -> None:
    async with store_bed.opened(folder) as found:
        pool_id = await store_bed.pool_of(found)
    store_bed.fill(folder, nodes, pool_id)


def _bare(path: Path, pragmas: dict[str, str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in engines.spoken(pragmas):
        connection.execute(statement)
    return connection


def _groups(items: Sequence[Item]) -> list[Sequence[Item]]:
    return [items[n : n + GROUP] for n in range(0, len(items), GROUP)]


def beat(number: int, *, sequence: int) -> Heartbeat:
    """A busy node's: six receivers with news, one zone asked anew every tenth heartbeat."""
    address, n = ip(number), sequence
    cells = (
        cell(address, "gmail", sent=90 * n, deferred=7 * n, bounced=n),
        cell(address, "microsoft", sent=60 * n, deferred=9 * n),
        *(cell(address, name, sent=9 * n) for name in ("yahoo", "gmx", "telekom", "other")),
    )
    reading = store_bed.zone_reading(address, Verdict.CLEAR, round=1 + sequence // 10)
    return store_bed.beat(number, sequence, cells=cells, zones=(reading,))


def _rows(group: Sequence[Heartbeat]) -> Rows:
    """What the store writes for them, sums of attempts too."""
    rows = Rows(busy_above=Policy().cpu_alert)
    for one in group:
        number = int(one.node_id[-12:])
        heard = to_ms(one.received_at) - 30_000
        state = State(number, number, EPOCH, one.sequence - 1, heard, 0, 0, 0, 0)
        heartbeats.gather(one, {one.node_id: state}, rows=rows)
        rows.samples[-1] = (*rows.samples[-1][: samples.SUMS_FROM], 202, 186, 16, 1)
    return rows


def _decided(judgement: Judgement) -> Decided:
    """Rows of the three tables, as `verdicts` makes them."""
    rows = []
    for one in judgement.decisions:
        shared = {"batch": new_id(), "term": 1, "core_version": "0", "inputs": None}
        rows.append({"id": new_id(), **shared, **verdicts.row(one)})
    told = [
        verdicts.told(str(row["id"]), one)
        for row, one in zip(rows, judgement.decisions, strict=True)
    ]
    key = ("node_id", "address", "kind", "reason", "id", "fate", "brake")
    return (
        [tuple(row[column.name] for column in decisions.columns) for row in rows],
        [tuple(row[name] for name in key) for row in rows],
        [(t.at, t.kind, t.node_id, t.severity, t.text, encode.text(t.details)) for t in told],
    )


def report(bench: Bench, *, pairs: int) -> None:
    rows, ratios = [], {}
    cases = (
        ("heartbeats", bench.ours, bench.peer, bench.next_round, bench.nodes),
        ("decisions", bench.our_decisions, bench.peer_decisions, bench.next_decisions, DECISIONS),
    )
    for what, ours, peer, before, count in cases:
        for clock, name in ((time.perf_counter, "wall"), (time.process_time, "CPU")):
            found = measure.pairs(ours, peer=peer, count=pairs, before=before, clock=clock)
            rows.append(_row(f"{what}, {name}", found, count))
            ratios[f"{what} over {PEER}, {name}"] = found.ratio
    measure.report(
        "store",
        columns=("what", "a run", "ours µs each", "peer µs each", "speed over the peer's"),
        rows=rows,
        ratios=ratios,
        notes=("targets: 0.6 where the one writer uses raw statements, 0.35 with SQLAlchemy Core",),
    )


def _row(name: str, found: Pairs, count: int) -> tuple[object, ...]:
    ours, peer = (1e6 * median / count for median in (found.ours_median, found.peer_median))
    return (name, count, ours, peer, found.ratio)


if __name__ == "__main__":
    main()
