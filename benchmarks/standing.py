"""What a control pass costs while much trouble stands and none of it changes.

    python -m benchmarks.standing [--nodes 10000] [--troubled 0 1000 5000] [--passes 9]

A real journal, a fleet of which so many nodes are listed, paused and out of the rotation, each with
an open listing, a pause of its address, one for a receiver alone, and an alert; people were told
of all that. A quiet pass judges nobody; a busy one judges ten nodes that said something new. CPU
is of the whole process. Beside each the same fleet without trouble: the difference is what standing
trouble costs each pass.
"""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import structlog
import uvloop

from benchmarks import measure
from benchmarks.control import DAY_MS, Bench, Measured, fill, median
from collector.adapters import store
from collector.adapters.clock import SystemClock
from collector.service import running
from deliverability.catalogue import CATALOGUE
from tests import store_bed
from tests.store_bed import node_id

CHANGED = 10
ZONES = 4
# Passes until people were told of everything that stands.
SETTLE = 3


async def measured(
    folder: Path, nodes: int, *, troubled: int, passes: int
) -> tuple[Measured, Measured]:
    """A quiet pass, and a busy one."""
    clock = SystemClock()
    zones = [zone.name for zone in CATALOGUE.enabled()][:ZONES]
    journal = await store.open(folder, clock)
    pool_id = await store_bed.pool_of(journal)
    await journal.close()
    store_bed.fill(folder, nodes, pool_id)
    fill(folder, nodes, zones=zones, pool_id=pool_id)
    trouble(folder, troubled, zone=zones[0])
    journal = await store.open(folder, clock)
    try:
        bench = Bench(folder, journal, nodes=nodes, zones=zones)
        bench.hear_all()
        for _ in range(SETTLE):
            await bench.timed(frozenset())
        quiet = [await bench.timed(frozenset()) for _ in range(passes)]
        healthy = range(troubled + 1, troubled + 1 + CHANGED * (passes + 1))
        busy = [
            await bench.timed(frozenset(node_id(n) for n in healthy[at : at + CHANGED]))
            for at in range(0, len(healthy), CHANGED)
        ]
        return median(quiet), median(busy[1:])
    finally:
        await journal.close()


def trouble(folder: Path, troubled: int, *, zone: str) -> None:
    """As the collector would have left it an hour ago."""
    at = int((time.time() - timedelta(hours=1).total_seconds()) * 1000)
    with closing(sqlite3.connect(folder / "journal.db")) as file, file:
        file.execute("DELETE FROM alerts")
        file.execute("DELETE FROM listings")
        file.executemany(
            "INSERT INTO alerts (key, node_id, severity, text, opened_at)"
            " VALUES (?, ?, 'medium', ?, ?)",
            (
                (f"listed:{zone}:{store_bed.ip(n)}", node_id(n), f"mx{n} is listed by {zone}", at)
                for n in range(1, troubled + 1)
            ),
        )
        file.executemany(
            "INSERT INTO listings (id, node_id, address, zone, operator, answers, consequence,"
            " confirmed_by, details, opened_at)"
            """ VALUES (?, ?, ?, ?, 'o', '["127.0.0.2"]', 'pause', 'resolver', '', ?)""",
            (
                (f"listing-{n}", node_id(n), store_bed.ip(n), zone, at)
                for n in range(1, troubled + 1)
            ),
        )
        file.executemany(
            "INSERT INTO pauses (id, node_id, address, receiver, reason, owner, note, decision_id,"
            " opened_at) VALUES (?, ?, ?, ?, ?, 'automation', '', 'd', ?)",
            _pauses(troubled, at=at),
        )
        file.execute(
            "UPDATE addresses SET in_rotation = 0, rotation_reason = 'LISTED', rotation_since = ?"
            " WHERE node_id <= ?",
            (at - DAY_MS // 24, node_id(troubled)),
        )


def _pauses(troubled: int, *, at: int) -> Iterator[tuple[object, ...]]:
    for n in range(1, troubled + 1):
        yield f"listed-{n}", node_id(n), store_bed.ip(n), "", "LISTED", at
        yield f"blocked-{n}", node_id(n), store_bed.ip(n), "gmail", "BLOCKED", at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--troubled", type=int, nargs="+", default=[0, 1_000, 5_000])
    parser.add_argument("--passes", type=int, default=9)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    running.calm_gc()
    rows, found = [], {}
    for troubled in options.troubled:
        with tempfile.TemporaryDirectory() as folder:
            quiet, busy = uvloop.run(
                measured(Path(folder), options.nodes, troubled=troubled, passes=options.passes)
            )
        found[troubled] = quiet, busy
        ms = (1000 * seconds for one in (quiet, busy) for seconds in (one.cpu, one.wall))
        rows.append((troubled, *ms))
    calm = found[options.troubled[0]]
    measure.report(
        "standing",
        columns=("troubled nodes", "quiet CPU ms", "wall", "busy CPU ms", "wall"),
        rows=rows,
        ratios={
            f"{name} pass with {troubled} troubled over {options.troubled[0]}, CPU": one.cpu
            / before.cpu
            for troubled in options.troubled[1:]
            for name, one, before in zip(("a quiet", "a busy"), found[troubled], calm, strict=True)
        },
        notes=(f"{options.nodes} nodes; a busy pass judges {CHANGED} that are well",),
    )


if __name__ == "__main__":
    main()
