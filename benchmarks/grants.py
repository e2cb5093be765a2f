"""What a grant costs: CPU of the collector's own part and the time until it is answered, in a pool
of a thousand addresses.

    python -m benchmarks.grants [--addresses 1000] [--grants 300] [--askers 8]

Real journal on a real disk, every address warming under a cap. Beside it in the same run, in turn
with the grants: a bare transaction of one row with SQLite's synchronous=FULL, below which no
durable grant can be. `askers` ask for ten each at the same time. The first grant reads the whole
pool, as happens again once a minute while grants are asked for. Garbage is collected as rarely as
in the collector. Whoever shares the machine shares its caches: p10 is what a grant costs alone.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio

from benchmarks import measure
from collector.adapters import store
from collector.adapters.clock import SystemClock
from collector.core.ledger import Wanted
from collector.core.policy import Policy
from collector.rotations import Rotations
from collector.service import running
from tests import store_bed

MESSAGES = (1, 10, 100)
TARGET_MS = 1.0
FIRST, BARE = "first", "a bare commit"
IN_STEP = (
    "UPDATE node_states SET obeyed_term = 1, obeyed_revision = 1, convergence = 'verified'",
    """INSERT INTO orders (node_id, term, revision, body, at)
 SELECT id, 1, 1, '{"node":[],"addresses":[]}', 0 FROM nodes""",
    """INSERT INTO warmups (kind, subject, node_id, ladder, stage, started_at, since)
 SELECT 'address', ip, node_id, 'sendgrid', 20, 0, 0 FROM addresses""",
)


@dataclass
class Spent:
    """Milliseconds of each of many, of this process's CPU and by the clock."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    @contextmanager
    def one(self) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu.append((time.process_time() - cpu) * 1000)
        self.wall.append((time.perf_counter() - wall) * 1000)

    def row(self, name: str) -> tuple[str, ...]:
        columns = (
            *((self.cpu, percent) for percent in (10, 50, 99)),
            *((self.wall, percent) for percent in (50, 99)),
        )
        return (
            name,
            *(f"{at(values, percent):.2f}" if values else "" for values, percent in columns),
        )


def at(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=1000)
    parser.add_argument("--grants", type=int, default=300)
    parser.add_argument("--askers", type=int, default=8)
    options = parser.parse_args()
    running.calm_gc()
    with tempfile.TemporaryDirectory() as folder:
        found = anyio.run(partial(run, Path(folder), options), backend_options={"use_uvloop": True})
    first, bare, ten = found.pop(FIRST), found[BARE], found["10 messages"]
    measure.report(
        "grants",
        columns=("what", "CPU ms p10", "p50", "p99", "wall ms p50", "p99"),
        rows=[one.row(name) for name, one in found.items()],
        ratios={
            f"CPU p{percent}: a grant of ten over a bare durable commit": at(ten.cpu, percent)
            / at(bare.cpu, percent)
            for percent in (10, 50, 99)
        }
        | {
            "wall p50: the same": at(ten.wall, 50) / at(bare.wall, 50),
            "wall p99: the same": at(ten.wall, 99) / at(bare.wall, 99),
        },
        notes=[
            f"target: p99 of {TARGET_MS} ms CPU a grant of ten, {options.addresses} addresses",
            f"the first grant, which reads the pool: {first.cpu[0]:.0f} ms of CPU",
        ],
    )


async def run(folder: Path, options: argparse.Namespace) -> dict[str, Spent]:
    async with store_bed.opened(folder) as begun:
        pool_id = await store_bed.pool_of(begun)
    store_bed.fill(folder, options.addresses, pool_id)
    with closing(sqlite3.connect(folder / "journal.db")) as journal, journal:
        for statement in IN_STEP:
            journal.execute(statement)
    clock, policy = SystemClock(), Policy()
    opened = await store.open(folder, clock)
    try:
        rotations = Rotations(opened, clock=clock, policy=lambda: policy)
        return await _grants(Asker(rotations, pool_id, clock), folder, options)
    finally:
        await opened.close()


@dataclass
class Asker:
    rotations: Rotations
    pool_id: str
    clock: SystemClock
    asked: int = 0

    async def one(self, messages: int, spent: Spent) -> None:
        self.asked += 1
        until = self.clock.now() + timedelta(minutes=5)
        # Another receiver now and then, so that no limit of one is reached.
        receiver = f"r{self.asked // 200}.example"
        asked = Wanted(messages=messages, receiver=receiver, expires_at=until)
        with spent.one():
            answer = await self.rotations.grant(self.pool_id, asked, key=str(self.asked))
        assert answer.grant is not None, answer.held


async def _grants(asker: Asker, folder: Path, options: argparse.Namespace) -> dict[str, Spent]:
    names = {1: "1 message", **{n: f"{n} messages" for n in MESSAGES if n > 1}}
    at_once = f"10 messages, {options.askers} askers"
    found = {name: Spent() for name in (FIRST, BARE, *names.values(), at_once)}
    await asker.one(1, found[FIRST])
    with closing(bare(folder)) as plain:
        for number in range(options.grants):
            commit(plain, number, spent=found[BARE])
            for messages, name in names.items():
                await asker.one(messages, found[name])

    async def many() -> None:
        for _ in range(options.grants // options.askers):
            await asker.one(10, found[at_once])

    async with anyio.create_task_group() as tasks:
        for _ in range(options.askers):
            tasks.start_soon(many)
    # Whose CPU it was nobody can tell apart.
    found[at_once].cpu.clear()
    return found


def bare(folder: Path) -> sqlite3.Connection:
    """A table of its own, as durable as the journal."""
    plain = sqlite3.connect(folder / "bare.db", isolation_level=None)
    plain.execute("PRAGMA journal_mode=WAL")
    plain.execute("PRAGMA synchronous=FULL")
    plain.execute("CREATE TABLE grants (key TEXT PRIMARY KEY, body TEXT)")
    return plain


def commit(plain: sqlite3.Connection, number: int, *, spent: Spent) -> None:
    with spent.one():
        plain.execute("BEGIN IMMEDIATE")
        plain.execute("INSERT INTO grants VALUES (?, ?)", (str(number), "x" * 100))
        plain.execute("COMMIT")


if __name__ == "__main__":
    main()
