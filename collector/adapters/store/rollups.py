"""Raw samples into five minutes, those into hours, and the end of all three, in small slices.

Gauges become their mean, queues their maximum, sums of attempts their last. Times are seconds.
"""

import sqlite3
from datetime import timedelta

from collector.adapters.store.samples import FIELDS

RAW_KEPT = timedelta(hours=48)
FIVE_MINUTES_KEPT = timedelta(days=30)
HOURS_KEPT = timedelta(days=365)
RAW_SLICE_ROWS = 20_000
SLOT_NODES = 2_000
HOUR_NODES = 500
SLOT, HOUR = 300, 3600
SETTLED = 120  # heartbeats of a slot are written within this of its end

MEANS = ("cpu", "memory", "load", "disk", "received", "transmitted")
ROLLED = ", ".join(
    f"CAST(round(avg({name})) AS INTEGER)" if name in MEANS else f"max({name})" for name in FIELDS
)
# The words put in are this module's own.
FIVE_MINUTES = f"""INSERT OR REPLACE INTO samples_5m SELECT node, ?1, {ROLLED}
 FROM samples WHERE at >= ?1 AND at < ?2 AND node > ?3 AND node <= ?4 GROUP BY node"""  # noqa: S608
REST = "SELECT EXISTS (SELECT 1 FROM samples WHERE at >= ? AND at < ? AND node > ?)"
ONE_HOUR = f"""INSERT OR REPLACE INTO samples_1h SELECT node, ?2, {ROLLED}
 FROM samples_5m WHERE node = ?1 AND at >= ?2 AND at < ?3 GROUP BY node"""  # noqa: S608

OLD_RAW = """DELETE FROM samples WHERE (at, node) IN
 (SELECT at, node FROM samples WHERE at < ? ORDER BY at, node LIMIT ?)"""
OLD_FIVE_MINUTES = "DELETE FROM samples_5m WHERE node = ? AND at < ?"
OLD_HOURS = "DELETE FROM samples_1h WHERE node = ? AND at < ?"
OLD_MINUTES = "DELETE FROM minutes WHERE node = ? AND at < ?"

DONE = "SELECT at, node FROM rolled WHERE name = ?"
DO = "INSERT OR REPLACE INTO rolled (name, at, node) VALUES (?, ?, ?)"
NEXT_SAMPLE = "SELECT min(at) FROM samples WHERE at >= ?"
NEXT_NODE = "SELECT min(node) FROM samples_5m WHERE node > ?"


def step(history: sqlite3.Connection, *, now: int) -> int:
    """One slice of everything, in one transaction; how many rows were too old and went."""
    history.execute("BEGIN IMMEDIATE")
    try:
        _roll_slot(history, now=now)
        gone = _roll_hour(history, now=now)
        edge = now - int(RAW_KEPT.total_seconds())
        gone += history.execute(OLD_RAW, (edge, RAW_SLICE_ROWS)).rowcount
        history.commit()
    except BaseException:
        history.rollback()
        raise
    return gone


def _roll_slot(history: sqlite3.Connection, *, now: int) -> None:
    """The next nodes of the next five minutes that are over."""
    reached, last = _done(history, "samples_5m")
    (heard,) = history.execute(NEXT_SAMPLE, (reached,)).fetchone()
    # Slots in which nobody was heard are passed over at once.
    if heard is None or (begun := heard - heard % SLOT) + SLOT + SETTLED > now:
        return
    until = last + SLOT_NODES
    history.execute(FIVE_MINUTES, (begun, begun + SLOT, last, until))
    (rest,) = history.execute(REST, (begun, begun + SLOT, until)).fetchone()
    step_to = (begun, until) if rest else (begun + SLOT, 0)
    history.execute(DO, ("samples_5m", *step_to))


def _roll_hour(history: sqlite3.Connection, *, now: int) -> int:
    """The next nodes of the next hour, and what of theirs is too old; how many rows went."""
    reached, _ = _done(history, "samples_5m")
    hour, last = _done(history, "samples_1h")
    if not hour and reached:
        hour = (reached - SLOT) // HOUR * HOUR
        history.execute(DO, ("samples_1h", hour, last))
    if reached < hour + HOUR:
        return 0
    gone = 0
    for _ in range(HOUR_NODES):
        (node,) = history.execute(NEXT_NODE, (last,)).fetchone()
        if node is None:
            history.execute(DO, ("samples_1h", hour + HOUR, 0))
            return gone
        gone += _roll_node(history, node, hour=hour, now=now)
        last = node
    history.execute(DO, ("samples_1h", hour, last))
    return gone


def _roll_node(history: sqlite3.Connection, node: int, *, hour: int, now: int) -> int:
    history.execute(ONE_HOUR, (node, hour, hour + HOUR))
    edges = (
        (OLD_FIVE_MINUTES, now - int(FIVE_MINUTES_KEPT.total_seconds())),
        (OLD_HOURS, now - int(HOURS_KEPT.total_seconds())),
        (OLD_MINUTES, now - int(FIVE_MINUTES_KEPT.total_seconds())),
    )
    return sum(history.execute(statement, (node, edge)).rowcount for statement, edge in edges)


def _done(history: sqlite3.Connection, name: str) -> tuple[int, int]:
    at, node = history.execute(DONE, (name,)).fetchone() or (0, 0)
    return (at, node)
