"""Windows: what nodes counted within a quarter of an hour, an hour and a day; and their end.

Each quarter the totals of all nodes are looked at once, some nodes at a time: what they grew by
since the last look is the window's. A look may come a minute or two late, and is as late the next
time; windows are as long as they should be.
"""

import sqlite3
from typing import NamedTuple

from sqlalchemy import Connection, text

from collector.adapters.store import senders
from collector.adapters.store.schema_counts import CELL, SUMMED
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS
from deliverability.receivers import LOCAL

QUARTERS_KEPT = 3 * HOUR_SECONDS  # two hours are looked at
HOURS_KEPT = 8 * DAY_SECONDS  # the rates look back seven days
DAYS_KEPT = 35 * DAY_SECONDS
NODES_AT_ONCE = 500
FLEET = 0  # a number no node has: the sums of all
SLICE_ROWS = 5_000

_SUMS = ", ".join(f"sum({name})" for name in SUMMED)
_ADD = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMMED)
_SAME_CELL = " AND ".join(f"m.{name} = t.{name}" for name in CELL)


def grown(of: str) -> str:
    """Since the last look, by node, address and receiver. All words put in are our own."""
    return f"""SELECT s.number AS node_number, t.address, t.receiver,
 {", ".join(f"sum(t.{name} - coalesce(m.{name}, 0)) AS {name}" for name in SUMMED)}
 FROM node_states s JOIN totals t ON t.epoch_number = s.epoch_number
 LEFT JOIN marks m ON {_SAME_CELL}
 WHERE {of}
 AND ({" OR ".join(f"t.{name} > coalesce(m.{name}, 0)" for name in SUMMED)})
 GROUP BY s.number, t.address, t.receiver"""  # noqa: S608


GROWN = grown("s.number > :after AND s.number <= :upto")
ADD = text(
    f"""INSERT INTO windows (span, slot, node_number, address, receiver, {", ".join(SUMMED)})
 SELECT {QUARTER_SECONDS}, :slot, g.* FROM ({GROWN}) g WHERE true
 ON CONFLICT DO UPDATE SET {_ADD}"""  # noqa: S608
)
MARK = text(
    """INSERT OR REPLACE INTO marks SELECT t.* FROM node_states s
 JOIN totals t ON t.epoch_number = s.epoch_number WHERE s.number > :after AND s.number <= :upto"""
)


def _roll(span: int, receiver: str, *, but: str = "") -> str:
    """A quarter's nodes in a range, into what covers it; without what was delivered `but` there."""
    return f"""INSERT INTO windows (span, slot, node_number, address, receiver,
 {", ".join(SUMMED)})
 SELECT {span}, :slot / {span} * {span}, node_number, address, {receiver}, {_SUMS} FROM windows
 WHERE span = {QUARTER_SECONDS} AND slot = :slot AND node_number > :after
 AND node_number <= :upto AND receiver <> '{but}' GROUP BY node_number, address, {receiver}
 ON CONFLICT DO UPDATE SET {_ADD}"""  # noqa: S608


def _fleet(span: int) -> str:
    """All nodes together, by receiver: what a person asks for, and the vigil every minute."""
    return f"""INSERT INTO windows (span, slot, node_number, address, receiver,
 {", ".join(SUMMED)})
 SELECT {span}, :slot / {span} * {span}, {FLEET}, '', receiver, {_SUMS} FROM windows
 WHERE span = {QUARTER_SECONDS} AND slot = :slot AND node_number > :after
 AND node_number <= :upto GROUP BY receiver
 ON CONFLICT DO UPDATE SET {_ADD}"""  # noqa: S608


LOOK = (
    ADD,
    text(_fleet(QUARTER_SECONDS)),
    text(_fleet(DAY_SECONDS)),
    text(_roll(HOUR_SECONDS, "''", but=LOCAL)),
    text(_roll(DAY_SECONDS, "receiver")),
    MARK,
)
# Whose place is which: the windows' own, and those of what follows them.
OWN, RATES, TARGETS = 1, 2, 3
REACHED = text("SELECT slot, node_number FROM windows_reached WHERE id = :id")
REACH = text(
    "INSERT OR REPLACE INTO windows_reached (id, slot, node_number) VALUES (:id, :slot, :n)"
)
NEXT = """SELECT s.number, w.slot, w.node_number FROM node_states s
 JOIN windows_reached w ON w.id = ? WHERE s.node_id = ? AND s.epoch_number IS NOT NULL"""
LAST = text("SELECT max(number) FROM node_states")
OLD = text(
    """DELETE FROM windows WHERE (span, slot, node_number, address, receiver) IN
 (SELECT span, slot, node_number, address, receiver FROM windows
  WHERE span = :span AND slot < :edge LIMIT :limit)"""
)
KEPT = {QUARTER_SECONDS: QUARTERS_KEPT, HOUR_SECONDS: HOURS_KEPT, DAY_SECONDS: DAYS_KEPT}
# Of epochs that are over: their totals stay, and grow no more.
OLD_MARKS = text(
    """DELETE FROM marks WHERE epoch_number NOT IN
 (SELECT epoch_number FROM node_states WHERE epoch_number IS NOT NULL)"""
)


class Slice(NamedTuple):
    """Nodes above one number and up to another, of a slot."""

    slot: int
    after: int
    upto: int


def step(connection: Connection, *, now: int) -> int:
    """One slice, `now` in seconds; how many rows were too old and went."""
    over = now // QUARTER_SECONDS * QUARTER_SECONDS - QUARTER_SECONDS
    slot, after = connection.execute(REACHED, {"id": OWN}).one_or_none() or (over, 0)
    last = connection.execute(LAST).scalar() or 0
    if after >= last and slot < over:
        # What grew since the last look did so right after it; later slots we slept through.
        slot, after = slot + QUARTER_SECONDS, 0
        connection.execute(OLD_MARKS)
        connection.execute(senders.OLD_MARKS)
    if slot <= over and after < last:
        upto = min(after + NODES_AT_ONCE, last)
        for statement in LOOK:
            connection.execute(statement, {"slot": slot, "after": after, "upto": upto})
        senders.look(connection, slot=slot, after=after, upto=upto)
        is_whole = upto >= last
        slot = max(slot, over - QUARTER_SECONDS) if is_whole and slot < over else slot
        connection.execute(REACH, {"id": OWN, "slot": slot, "n": upto})
    return _end(connection, now=now)


def end_epoch(journal: sqlite3.Connection, node_id: str) -> None:
    """Before a node begins another: what it grew by since the last look is the next look's."""
    for number, slot, upto in journal.execute(NEXT, (OWN, node_id)):
        following = slot if number > upto else slot + QUARTER_SECONDS
        given = {"slot": following, "after": number - 1, "upto": number}
        for statement in (ADD, MARK, *senders.LOOK):
            journal.execute(statement.text, given)


def reached(connection: Connection, who: int) -> tuple[int, int]:
    """Slot, and up to which node."""
    row = connection.execute(REACHED, {"id": who}).one_or_none()
    return (0, 0) if row is None else (row.slot, row.node_number)


def behind(connection: Connection, who: int, *, at_once: int) -> Slice | None:
    """The next nodes of the newest slot that all nodes' windows are whole of; taken with this."""
    slot, upto_node = reached(connection, OWN)
    last = connection.execute(LAST).scalar() or 0
    slot -= 0 if upto_node >= last else QUARTER_SECONDS
    done, after = reached(connection, who)
    if done >= slot and after >= last:
        return None
    after = after if done >= slot else 0
    upto = min(after + at_once, last)
    connection.execute(REACH, {"id": who, "slot": slot, "n": upto})
    return Slice(slot, after, upto)


def _end(connection: Connection, *, now: int) -> int:
    return senders.end(connection, now=now) + sum(
        connection.execute(OLD, {"span": span, "edge": now - kept, "limit": SLICE_ROWS}).rowcount
        for span, kept in KEPT.items()
    )
