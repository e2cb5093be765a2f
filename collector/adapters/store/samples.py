"""History for charts: one raw row a heartbeat in samples.db, rolled up by `rollups`. No decision
reads it.

Ratios are per mille, rates per second. The sums of attempts stand in a node's first row of every
minute; empty is "not looked", never zero.
"""

import sqlite3
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, Integer, MetaData, PrimaryKeyConstraint, Table, Text

from collector.adapters.store.bulk import Bulk
from collector.adapters.store.moments import to_ms
from collector.adapters.store.node_states import State
from collector.core.heartbeat import Heartbeat, HostReading

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
# By node first: this is how a chart reads them.
five_minutes, hours = (
    Table(
        name,
        metadata,
        Column("node", Integer, nullable=False),
        Column("at", Integer, nullable=False),
        *(Column(field, Integer) for field in FIELDS),
        PrimaryKeyConstraint("node", "at"),
        sqlite_with_rowid=False,
    )
    for name in ("samples_5m", "samples_1h")
)
# What nodes counted while nobody heard them, by minutes of their logs.
OUTCOMES = ("sent", "deferred", "bounced", "expired", "ours")
minutes_kept = Table(
    "minutes",
    metadata,
    Column("node", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    *(Column(name, Integer) for name in OUTCOMES),
    PrimaryKeyConstraint("node", "at"),
    sqlite_with_rowid=False,
)
# How far each was rolled up: the slot under way, and in it the last node done.
rolled = Table(
    "rolled",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("node", Integer, nullable=False),
)

INSERT = Bulk(
    """INSERT INTO samples (at, node, cpu, memory, load, disk, queue_active, queue_deferred,
 queue_hold, queue_age, received, transmitted, attempts, sent, deferred, bounced) VALUES {}
 ON CONFLICT DO NOTHING""",
    width=2 + len(FIELDS),
)
MINUTES = Bulk(
    """INSERT INTO minutes (node, at, sent, deferred, bounced, expired, ours) VALUES {}
 ON CONFLICT DO UPDATE SET sent = excluded.sent, deferred = excluded.deferred,
 bounced = excluded.bounced, expired = excluded.expired, ours = excluded.ours""",
    width=2 + len(OUTCOMES),
)
HISTORY_KEPT = timedelta(days=1, hours=1)  # a node keeps a day
# In the order of the table's key, so that nothing is sorted.
SUMS = """SELECT epoch_number, sum(sent + deferred + bounced + expired + ours), sum(sent),
 sum(deferred), sum(bounced + expired)
 FROM totals WHERE epoch_number IN ({}) GROUP BY epoch_number"""
SUMS_EVERY_MS = 60_000
SUMS_FROM = 2 + FIELDS.index("attempts")

Row = tuple[Any, ...]


def row(beat: Heartbeat, state: State, *, received: int) -> Row:
    """With the sums left empty. `state` is what was known before this heartbeat."""
    host, queue = beat.host, beat.queue
    if host is None:
        cpu = memory = load = disk = incoming = outgoing = None
    else:
        cpu, load = round(host.cpu_ratio * 1000), round(host.load_1m * 100)
        memory = _ratio(host.memory_bytes_used, total=host.memory_bytes_total)
        disk = _ratio(host.disk_bytes_used, total=host.disk_bytes_total)
        incoming, outgoing = _rates(host, state, received=received)
    return (
        received // 1000,
        state.number,
        cpu,
        memory,
        load,
        disk,
        queue.active,
        queue.deferred,
        queue.hold,
        queue.oldest_age_seconds,
        incoming,
        outgoing,
        None,
        None,
        None,
        None,
    )


def _ratio(used: int, *, total: int) -> int | None:
    return used * 1000 // total if total else None


def _rates(
    host: HostReading, state: State, *, received: int
) -> tuple[int, int] | tuple[None, None]:
    """Bytes a second since the heartbeat before; None across a boot of the machine."""
    before = state.last_heartbeat
    if before is None or received <= before or host.uptime_seconds < state.uptime:
        return (None, None)
    came = host.network_bytes_received - state.network_received
    went = host.network_bytes_sent - state.network_sent
    if came < 0 or went < 0:
        return (None, None)
    passed = received - before
    return (came * 1000 // passed, went * 1000 // passed)


def minutes(beat: Heartbeat, node: int) -> list[Row]:
    """Only of the last day, and none of the future: so many and no more can there ever be."""
    oldest = beat.received_at - HISTORY_KEPT
    return [
        (node, to_ms(minute.at) // 1000, *(attempts.get(name, 0) for name in OUTCOMES))
        for minute in beat.history
        if oldest <= minute.at <= beat.received_at
        for attempts in [{outcome.value: count for outcome, count in minute.attempts}]
    ]


def sums_are_due(before: int | None, *, received: int) -> bool:
    return before is None or received // SUMS_EVERY_MS != before // SUMS_EVERY_MS


def sums(journal: sqlite3.Connection, epochs: list[int]) -> dict[int, Row]:
    """Epoch number -> attempts, sent, deferred, bounced (expired too), over all its cells."""
    query = SUMS.format(",".join("?" * len(epochs)))
    return {row[0]: row[1:] for row in journal.execute(query, epochs)}
