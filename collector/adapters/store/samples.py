"""History for charts: one raw row a heartbeat in samples.db. No decision reads it.

Ratios are per mille, rates per second. The sums of attempts are empty where nothing was counted
since the node's row before; empty is "as before", not zero.
"""

from typing import TYPE_CHECKING, Any

import aiosqlite
from sqlalchemy import Column, Integer, MetaData, PrimaryKeyConstraint, Table

from collector.core.heartbeat import Heartbeat
from deliverability.replies import Outcome

if TYPE_CHECKING:
    from collector.adapters.store.heartbeats import State

metadata = MetaData()
FIELDS = (
    *("cpu", "memory", "load", "disk"),
    *("queue_active", "queue_deferred", "queue_hold", "queue_age"),
    *("received", "transmitted"),
    *("attempts", "sent", "deferred", "bounced"),
)
raw = Table(
    "samples",
    metadata,
    Column("at", Integer, nullable=False),
    Column("node", Integer, nullable=False),
    *(Column(name, Integer) for name in FIELDS),
    # By time first: rows are added at one edge of the tree and pruned at the other.
    PrimaryKeyConstraint("at", "node"),
    sqlite_with_rowid=False,
)

INSERT = """INSERT INTO samples (at, node, cpu, memory, load, disk, queue_active, queue_deferred,
 queue_hold, queue_age, received, transmitted, attempts, sent, deferred, bounced)
 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
SUMS = """SELECT s.number, t.outcome, sum(t.attempts) FROM totals t
 JOIN node_states s ON s.epoch_number = t.epoch_number
 WHERE t.epoch_number IN ({}) GROUP BY t.epoch_number, t.outcome"""
BOUNCED = (Outcome.BOUNCED.value, Outcome.EXPIRED.value)
SUMS_FROM = 2 + FIELDS.index("attempts")

Row = tuple[Any, ...]


def row(beat: Heartbeat, state: "State", *, received: int) -> Row:
    host, queue = beat.host, beat.queue
    machine: Row = (None,) * 4
    if host is not None:
        machine = (
            round(host.cpu_ratio * 1000),
            _ratio(host.memory_bytes_used, total=host.memory_bytes_total),
            round(host.load_1m * 100),
            _ratio(host.disk_bytes_used, total=host.disk_bytes_total),
        )
    return (
        *(received // 1000, state.number, *machine),
        *(queue.active, queue.deferred, queue.hold, queue.oldest_age_seconds),
        *_rates(beat, state, received=received),
        *(None, None, None, None),
    )


def _ratio(used: int, *, total: int) -> int | None:
    return used * 1000 // total if total else None


def _rates(beat: Heartbeat, state: "State", *, received: int) -> tuple[int | None, int | None]:
    """Bytes a second since the heartbeat before; None across a boot of the machine."""
    host, before = beat.host, state.last_heartbeat
    if host is None or before is None or received <= before or host.uptime_seconds < state.uptime:
        return (None, None)
    pairs = (
        (host.network_bytes_received, state.network_received),
        (host.network_bytes_sent, state.network_sent),
    )
    if any(now < then for now, then in pairs):
        return (None, None)
    first, second = ((now - then) * 1000 // (received - before) for now, then in pairs)
    return (first, second)


async def sums(journal: aiosqlite.Connection, epochs: list[int]) -> dict[int, dict[str, int]]:
    """Node number -> outcome -> attempts, over all cells of the epochs given."""
    query = SUMS.format(",".join("?" * len(epochs)))
    found: dict[int, dict[str, int]] = {}
    for number, outcome, attempts in await journal.execute_fetchall(query, epochs):
        found.setdefault(number, {})[outcome] = attempts
    return found


def with_sums(sample: Row, sums_by_node: dict[int, dict[str, int]]) -> Row:
    counted = sums_by_node.get(sample[1])
    if counted is None:
        return sample
    return (
        *sample[:SUMS_FROM],
        sum(counted.values()),
        counted.get(Outcome.SENT.value, 0),
        counted.get(Outcome.DEFERRED.value, 0),
        sum(counted.get(outcome, 0) for outcome in BOUNCED),
    )
