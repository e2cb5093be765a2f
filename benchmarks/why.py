"""`why` in a journal of many decisions, in one run with the same question of a small one.

    python -m benchmarks.why [--nodes 100 10000] [--decisions 10] [--asked 200]

A real collector holds the fleet: every node with an address, answers of twelve zones and so many
decisions with what they were made of; one node in a hundred with an open alert. Asked about are
nodes, addresses and decisions by turns, each another one. The time is what the collector takes for
the whole answer; the target is 200 ms, and what a hundred times the fleet may cost is no more than
half as much again.
"""

import argparse
import json
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

from benchmarks import control, measure
from collector.operate import why
from deliverability.catalogue import CATALOGUE
from tests import collector_bed, store_bed
from tests.collector_bed import Bed
from tests.store_bed import ip, node_id

ZONES = [zone.name for zone in CATALOGUE.enabled()][:12]
INPUTS_BYTES = 3_000  # of a listing's decision
MINUTE_MS = 60_000
EVIDENCE = json.dumps({"zone": "zen.spamhaus.org", "answers": ["127.0.0.2"]})
SEEN = json.dumps(
    {
        "pool": "default",
        "pool_in_rotation": 9,
        "pool_addresses": 10,
        "pool_baseline": 10,
        "pool_floor": 6,
        "removed_in_this_pass": 0,
        "removed_lately": 0,
        "admitted_lately": 0,
        "pool_automation": "act",
        "fleet_nodes": 10,
        "fleet_heard": 10,
    }
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of one answer."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def cpu_median(self) -> float:
        return statistics.median(self.cpu)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 10_000])
    parser.add_argument("--decisions", type=int, default=10, help="of each node")
    parser.add_argument("--asked", type=int, default=200)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    found: dict[int, Measured] = {}
    for nodes in arguments.nodes:
        with tempfile.TemporaryDirectory() as folder:
            found[nodes] = uvloop.run(
                measured(Path(folder), nodes, each=arguments.decisions, asked=arguments.asked)
            )
    rows = [
        (
            nodes,
            nodes * arguments.decisions,
            1000 * statistics.median(one.wall),
            1000 * at_99(one.wall),
            1000 * one.cpu_median,
            1000 * at_99(one.cpu),
        )
        for nodes, one in found.items()
    ]
    small, large = found[min(found)], found[max(found)]
    measure.report(
        "why",
        columns=("nodes", "decisions", "ms", "p99 ms", "CPU ms", "p99 CPU ms"),
        rows=rows,
        ratios={"the largest fleet beside the smallest, CPU": large.cpu_median / small.cpu_median},
        notes=("target: p99 at most 200 ms",),
    )


def at_99(found: tuple[float, ...]) -> float:
    return sorted(found)[int(len(found) * 0.99) - 1]


async def measured(folder: Path, nodes: int, *, each: int, asked: int) -> Measured:
    async with collector_bed.running(folder) as bed:
        fill(bed, folder=bed.parts.config.state, nodes=nodes, each=each, pool_id=await pool_of(bed))
        dice = random.Random(nodes)  # a seed, so that runs are alike
        wall, cpu = [], []
        for turn in range(asked + 10):
            number = dice.randint(1, nodes)
            decision = decision_id(number, turn=dice.randrange(each))
            subject = (f"mx{number}", ip(number), decision)[turn % 3]
            began, worked = time.perf_counter(), time.process_time()
            answer = await why.read(bed.parts.desk, subject)
            wall.append(time.perf_counter() - began)
            cpu.append(time.process_time() - worked)
            assert answer["node"] == {"id": node_id(number), "name": f"mx{number}"}, answer
            assert answer["decisions"], answer
        return Measured(tuple(wall[10:]), tuple(cpu[10:]))


async def pool_of(bed: Bed) -> str:
    (pool,) = await bed.parts.store.pools()
    return str(pool["id"])


def fill(bed: Bed, *, folder: Path, nodes: int, each: int, pool_id: str) -> None:
    store_bed.fill(folder, nodes, pool_id)
    control.fill(folder, nodes, zones=ZONES, pool_id=pool_id)
    now = int(bed.parts.clock.now().timestamp() * 1000)
    with closing(sqlite3.connect(folder / "journal.db", timeout=30)) as file, file:
        file.executemany(
            "INSERT INTO decisions (id, batch, at, term, node_id, address, pool_id, kind, reason,"
            " rule, zone, fate, brake, evidence, aggregates, policy_revision, core_version, inputs)"
            " VALUES (?, ?, ?, 1, ?, ?, ?, ?, 'LISTED', 'confirmed critical listing', ?, ?, ?,"
            " ?, ?, 1, '1', ?)",
            decided(nodes, each=each, pool_id=pool_id, now=now),
        )
        file.executemany(
            "INSERT INTO effects (key, batch, kind, node_id, payload, created_at, finished_at)"
            " VALUES (?, ?, 'directive', ?, '{}', ?, ?)",
            (
                (f"directive:{n}.{turn}", f"batch-{n // 10}.{turn}", node_id(n), now, now)
                for n in range(1, nodes + 1)
                for turn in range(each)
            ),
        )


def decided(nodes: int, *, each: int, pool_id: str, now: int) -> Iterator[tuple[object, ...]]:
    """Ten nodes share a commit; every fourth decision was withheld."""
    inputs = "x" * INPUTS_BYTES
    for n in range(1, nodes + 1):
        for turn in range(each):
            fate, brake = ("withheld", "floor") if turn % 4 == 3 else ("made", None)
            kind = "resume" if turn % 2 else "pause"
            at = now - (each - turn) * MINUTE_MS
            yield (
                *(decision_id(n, turn=turn), f"batch-{n // 10}.{turn}", at, node_id(n), ip(n)),
                *(pool_id, kind, "zen.spamhaus.org", fate, brake, EVIDENCE, SEEN, inputs),
            )


def decision_id(number: int, *, turn: int) -> str:
    return f"decision-{number}-{turn}"


if __name__ == "__main__":
    main()
