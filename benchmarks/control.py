"""One control pass over what changed, beside a pass over everybody, in one run.

    python -m benchmarks.control [--nodes 1000 10000 100000] [--zones 12] [--passes 7]

A real journal holds the fleet: every node with an address, answers of so many zones, a directive;
one in two hundred with an open alert, one in five hundred listed, and a day in which the rotation
changed a thousand times. Before each pass one node in a hundred says something new: most of them
that a zone answers otherwise, one in a hundred of those that a critical zone lists it. A pass is
what the collector does: read, judge, commit, on one core; CPU is of the whole process. The peer is
the same code over everybody: what a pass would cost that did not know what changed. The collector
goes through everybody every five minutes, in slices; the longest of them is shown, in seconds of
CPU.
"""

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvloop

from benchmarks import measure
from collector.adapters import store
from collector.adapters.clock import SystemClock
from collector.adapters.store import SqlStore
from collector.census import Census
from collector.control import Control, Ties, nobody
from collector.core.policy import Policy
from collector.presence import Presence
from collector.service import running
from collector.vitals import Vitals
from deliverability.catalogue import CATALOGUE
from tests import store_bed
from tests.store_bed import node_id

CHANGING = 0.01
LISTED_OF_CHANGING = 0.01
ROTATIONS = 1_000
DAY_MS = 86_400_000
CRITICAL = "zen.spamhaus.org"


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of one pass."""

    wall: float
    cpu: float


class Bench:
    """A fleet in a journal, and a control pass over it."""

    def __init__(self, folder: Path, journal: SqlStore, *, nodes: int, zones: list[str]) -> None:
        self._folder = folder
        self._journal = journal
        self._nodes = nodes
        self._zones = zones
        self._dice = random.Random(nodes)  # a seed, so that runs are alike
        self._round = 1
        self.longest = 0.0
        self._heard_at = float("-inf")
        clock = SystemClock()
        presence = Presence(started_at=clock.monotonic())
        census = Census(presence, started_at=clock.monotonic())
        self._clock, self._presence = clock, presence
        policy = Policy()
        self.control = Control(
            journal,
            clock=clock,
            census=census,
            vitals=Vitals(clock),
            ties=Ties(policy=lambda: policy, catalogue=None, rotated=nobody, told=nobody),
        )

    def hear_all(self) -> None:
        """Everybody is fresh: who is silent would be judged too."""
        now, interval = self._clock.monotonic(), Policy().heartbeat_interval
        if now - self._heard_at < interval.total_seconds() / 2:
            return
        self._heard_at = now
        for n in range(1, self._nodes + 1):
            self._presence.heard(node_id(n), now=now, interval=interval)

    def change(self) -> frozenset[str]:
        """One node in a hundred says something new; who."""
        count = max(1, int(self._nodes * CHANGING))
        chosen = self._dice.sample(range(1, self._nodes + 1), count)
        at = int(time.time() * 1000)
        self._round += 1
        rows = []
        for place, n in enumerate(chosen):
            is_listed = place < count * LISTED_OF_CHANGING
            verdict = "listed" if is_listed else self._dice.choice(("clear", "unknown"))
            zone = CRITICAL if is_listed else self._dice.choice(self._zones)
            answers = '["127.0.0.2"]' if is_listed else "[]"
            rows.append((verdict, answers, self._round, at, at, node_id(n), zone))
        with closing(sqlite3.connect(self._folder / "journal.db", timeout=30)) as file, file:
            file.executemany(
                "UPDATE zone_facts SET verdict = ?, answers = ?, round = ?, received_at = ?,"
                " since = ?, rounds = 1 WHERE node_id = ? AND zone = ?",
                rows,
            )
        self.hear_all()
        return frozenset(node_id(n) for n in chosen)

    async def timed(self, dirty: frozenset[str] | None) -> Measured:
        """One pass; over everybody as many as it takes, without the pauses between them."""
        found = [await self._once(dirty)]
        while dirty is None and self.control.waiting:
            # Or a fleet that takes long to go through on a busy machine falls silent meanwhile.
            self.hear_all()
            found.append(await self._once(frozenset()))
        self.longest = max(self.longest, *(one.cpu for one in found))
        return Measured(sum(one.wall for one in found), sum(one.cpu for one in found))

    async def _once(self, dirty: frozenset[str] | None) -> Measured:
        wall, cpu = time.perf_counter(), time.process_time()
        await self.control.once(dirty)
        return Measured(time.perf_counter() - wall, time.process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--zones", type=int, default=12)
    parser.add_argument("--passes", type=int, default=7)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    running.calm_gc()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    zones = [zone.name for zone in CATALOGUE.enabled()][: arguments.zones]
    rows, ratios = [], {}
    for nodes in arguments.nodes:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            found = uvloop.run(measured(Path(folder), nodes, zones=zones, passes=arguments.passes))
        ours, full, longest = found
        rows.append(
            (nodes, int(nodes * CHANGING), ours.wall, ours.cpu, full.wall, full.cpu, longest)
        )
        ratios[f"a full pass over {nodes} nodes, CPU"] = full.cpu / ours.cpu
    columns = ("nodes", "changed", "pass s", "pass CPU s", "full s", "full CPU s", "longest slice")
    measure.report(
        "control",
        columns=columns,
        rows=rows,
        ratios=ratios,
        notes=(f"{len(zones)} zones an address; target: 100,000 nodes, 1 % changed, < 1 s",),
    )


async def measured(
    folder: Path, nodes: int, *, zones: list[str], passes: int
) -> tuple[Measured, Measured, float]:
    """A pass over what changed, one over everybody, and CPU of the longest slice of that."""
    clock = SystemClock()
    journal = await store.open(folder, clock)
    pool_id = await store_bed.pool_of(journal)
    await journal.close()
    store_bed.fill(folder, nodes, pool_id)
    fill(folder, nodes, zones=zones, pool_id=pool_id)
    journal = await store.open(folder, clock)
    try:
        bench = Bench(folder, journal, nodes=nodes, zones=zones)
        bench.hear_all()
        full = await bench.timed(None)
        longest = bench.longest
        found = [await bench.timed(bench.change()) for _ in range(passes + 1)][1:]
        return median(found), full, longest
    finally:
        await journal.close()


def median(found: list[Measured]) -> Measured:
    return Measured(
        statistics.median(one.wall for one in found), statistics.median(one.cpu for one in found)
    )


def fill(folder: Path, nodes: int, *, zones: list[str], pool_id: str) -> None:
    """What stands about them, as the collector would have left it."""
    at = int(time.time() * 1000)
    with closing(sqlite3.connect(folder / "journal.db")) as file, file:
        file.execute("PRAGMA synchronous=OFF")
        file.executemany(
            "INSERT INTO zone_facts (node_id, address, zone, verdict, answers, sentinels, round,"
            " received_at, since, rounds, why, usable_at)"
            " VALUES (?, ?, ?, 'clear', '[]', 'right', 1, ?, ?, 1, '', ?)",
            facts(nodes, zones, at=at),
        )
        file.executemany(
            "INSERT INTO orders VALUES (?, 1, 1, ?, ?)",
            (
                (node_id(n), f'{{"node":[],"addresses":[["{store_bed.ip(n)}",[]]]}}', at)
                for n in range(1, nodes + 1)
            ),
        )
        file.execute(
            "UPDATE node_states SET obeyed_term = 1, obeyed_revision = 1, convergence = 'verified',"
            " is_silent = 0, problem = '', obedience_at = ?",
            (at,),
        )
        file.execute("UPDATE addresses SET rotation_since = ?", (at - DAY_MS,))
        file.executemany(
            "INSERT INTO alerts (key, node_id, severity, text, opened_at) VALUES (?, ?, ?, ?, ?)",
            (
                (f"skew:{node_id(n)}", node_id(n), "low", f"mx{n}'s clock is off", at)
                for n in range(1, nodes + 1, 200)
            ),
        )
        file.executemany(
            "INSERT INTO listings (id, node_id, address, zone, operator, answers, consequence,"
            " confirmed_by, details, opened_at)"
            " VALUES (?, ?, ?, ?, 'o', '[]', 'policy', '', '', ?)",
            (
                (f"listing-{n}", node_id(n), store_bed.ip(n), zones[-1], at - DAY_MS)
                for n in range(1, nodes + 1, 500)
            ),
        )
        file.executemany(
            "INSERT INTO rotations VALUES (?, ?, ?, ?)",
            (
                (pool_id, n, at - DAY_MS + n * (DAY_MS // ROTATIONS), nodes - n % 7)
                for n in range(1, ROTATIONS)
            ),
        )


def facts(nodes: int, zones: list[str], *, at: int) -> Iterator[tuple[object, ...]]:
    for n in range(1, nodes + 1):
        for zone in zones:
            yield node_id(n), store_bed.ip(n), zone, at, at, at


if __name__ == "__main__":
    main()
