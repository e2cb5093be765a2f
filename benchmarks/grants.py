"""What a grant costs: CPU of the collector's own part, in a pool of a thousand addresses.

    python -m benchmarks.grants [--addresses 1000] [--grants 200]

Real journal on a real disk, every address warming under a cap. Beside it in the same run: a bare
transaction of one row with SQLite's synchronous=FULL, below which no durable grant can be; and the
first grant, which reads the whole pool, as happens again once a minute while grants are asked for.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio

from benchmarks import measure
from collector.adapters import store
from collector.adapters.clock import SystemClock
from collector.core.ledger import Asked
from collector.core.policy import Policy
from collector.rotations import Rotations
from tests import store_bed

MESSAGES = (1, 10, 100)
TARGET_MS = 1.0
IN_STEP = (
    "UPDATE node_states SET obeyed_term = 1, obeyed_revision = 1, convergence = 'verified'",
    """INSERT INTO orders (node_id, term, revision, body, at)
 SELECT id, 1, 1, '{"node":[],"addresses":[]}', 0 FROM nodes""",
    """INSERT INTO warmups (kind, subject, node_id, ladder, stage, started_at, since)
 SELECT 'address', ip, node_id, 'sendgrid', 20, 0, 0 FROM addresses""",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=1000)
    parser.add_argument("--grants", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = anyio.run(
            partial(run, Path(folder), addresses=options.addresses, count=options.grants),
            backend_options={"use_uvloop": True},
        )
        bare = bare_commit(Path(folder), count=options.grants)
    rows = [(what, f"{ms:.2f}") for what, ms in (*found.items(), ("a bare commit", bare))]
    measure.report(
        "grants",
        columns=("what", "CPU ms"),
        rows=rows,
        ratios={
            "a grant of ten over a bare durable commit": found["10 messages"] / bare,
            "a grant of a hundred over a bare durable commit": found["100 messages"] / bare,
        },
        notes=[f"target: {TARGET_MS} ms of CPU a grant, {options.addresses} addresses in the pool"],
    )


async def run(folder: Path, *, addresses: int, count: int) -> dict[str, float]:
    """Median CPU milliseconds of a grant, by its size."""
    async with store_bed.opened(folder) as begun:
        pool_id = await store_bed.pool_of(begun)
    store_bed.fill(folder, addresses, pool_id)
    journal = sqlite3.connect(folder / "journal.db")
    with journal:
        for statement in IN_STEP:
            journal.execute(statement)
    journal.close()
    clock, policy = SystemClock(), Policy()
    opened = await store.open(folder, clock)
    try:
        rotations = Rotations(opened, clock=clock, policy=lambda: policy)

        async def one(messages: int, key: str) -> float:
            until = clock.now() + timedelta(minutes=5)
            asked = Asked(messages=messages, receiver=f"r{messages}.example", expires_at=until)
            began = time.process_time()
            answer = await rotations.grant(pool_id, asked, key=key)
            assert answer.grant is not None, answer.held
            return (time.process_time() - began) * 1000

        found = {"first, reads the pool": await one(1, "first")}
        for messages in MESSAGES:
            spent = [await one(messages, f"{messages}-{n}") for n in range(count)]
            name = "1 message" if messages == 1 else f"{messages} messages"
            found[name] = statistics.median(spent)
        return found
    finally:
        await opened.close()


def bare_commit(folder: Path, *, count: int) -> float:
    """Median CPU milliseconds of one row, one transaction, durable."""
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute("CREATE TABLE grants (key TEXT PRIMARY KEY, body TEXT)")
    spent = []
    for number in range(count):
        began = time.process_time()
        bare.execute("BEGIN IMMEDIATE")
        bare.execute("INSERT INTO grants VALUES (?, ?)", (str(number), "x" * 100))
        bare.execute("COMMIT")
        spent.append((time.process_time() - began) * 1000)
    bare.close()
    return statistics.median(spent)


if __name__ == "__main__":
    main()
