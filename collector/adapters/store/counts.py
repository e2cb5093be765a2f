"""What heartbeats counted into rows, and the rows into the journal. The hot path: no Core here.

Totals are absolute; a cell of which any goes backwards is refused by the statement itself and told
in the timeline. `windows` finds out later what was added; but what a node counted while it was not
heard for longer than a window is history, and no rate's business.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from collector.adapters.store import encode, node_events, senders
from collector.adapters.store.bulk import Bulk
from collector.adapters.store.moments import to_ms
from collector.adapters.store.schema_counts import CELL, COUNTS, OUTCOMES
from collector.core.heartbeat import Cell, Heartbeat, UnknownLines
from collector.core.rates import QUARTER_SECONDS
from deliverability.replies import ReplyClass

# A node's own limits: 64 addresses, 33 receivers, 8 instances; 32 clients and the rest.
CELLS_MAX = 64 * 33 * 8
REPLIES_MAX = 33 * 17
INTAKE_MAX = 33
DAY_MS = 86_400_000
SLOT_MS = QUARTER_SECONDS * 1000

_FORWARD = " AND ".join(f"excluded.{name} >= {name}" for name in COUNTS)
_SET = ", ".join(f"{name} = excluded.{name}" for name in COUNTS)
# The condition refuses a total that goes backwards: then no row counts as changed. All that is put
# in here and below are our own words.
TOTALS = Bulk(
    f"""INSERT INTO totals ({", ".join((*CELL, *COUNTS))}) VALUES {{}}
 ON CONFLICT DO UPDATE SET {_SET} WHERE {_FORWARD}""",  # noqa: S608
    width=len(CELL) + len(COUNTS),
)
STORED = f"""SELECT {", ".join(COUNTS)} FROM totals WHERE epoch_number = ? AND address = ?
 AND receiver = ? AND instance = ?"""  # noqa: S608
# What a node counted while nobody heard it: no window has it.
SKIP = """INSERT OR REPLACE INTO marks SELECT * FROM totals WHERE epoch_number = ?"""
DETAILS = Bulk(
    f"""INSERT INTO details ({", ".join(CELL)}, delays, classes, day) VALUES {{}}
 ON CONFLICT DO UPDATE SET
 day_before = CASE WHEN day <> excluded.day THEN day ELSE day_before END,
 delays_before = CASE WHEN day <> excluded.day THEN delays_today ELSE delays_before END,
 classes_before = CASE WHEN day <> excluded.day THEN classes_today ELSE classes_before END,
 delays_today = CASE WHEN day <> excluded.day THEN delays ELSE delays_today END,
 classes_today = CASE WHEN day <> excluded.day THEN classes ELSE classes_today END,
 delays = excluded.delays, classes = excluded.classes, day = excluded.day""",  # noqa: S608
    width=len(CELL) + 3,
)
BLOCK = """UPDATE totals SET blocked = max(blocked, ?) WHERE epoch_number = ? AND address = ?
 AND receiver = ? AND instance = ?"""
REPLY = f"""INSERT INTO replies (node_number, receiver, class, outcome, text, at)
 SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM replies WHERE node_number = ?1)
  < {REPLIES_MAX} OR EXISTS (SELECT 1 FROM replies
  WHERE node_number = ?1 AND receiver = ?2 AND class = ?3)
 ON CONFLICT DO UPDATE SET outcome = excluded.outcome, text = excluded.text, at = excluded.at
 WHERE excluded.at >= at"""  # noqa: S608
INTAKE = f"""INSERT INTO intake (epoch_number, instance, client, messages)
 SELECT ?1, ?2, ?3, ?4 WHERE (SELECT count(*) FROM intake WHERE epoch_number = ?1)
  < {INTAKE_MAX} OR EXISTS (SELECT 1 FROM intake
  WHERE epoch_number = ?1 AND instance = ?2 AND client = ?3)
 ON CONFLICT DO UPDATE SET messages = max(messages, excluded.messages)"""  # noqa: S608
UNKNOWN = """INSERT OR REPLACE INTO unknown_lines
 (node_number, lines, deliveries, overlong, daemons, newest, unknown, at, hosts)
 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
HELD = "SELECT count(*) FROM totals WHERE epoch_number = ?"
CROWDED = "UPDATE node_states SET cells = ? WHERE epoch_number = ?"

REFUSED = ReplyClass.REPUTATION_BLOCK.value
PLACES = {name: place for place, name in enumerate(OUTCOMES)}
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Whose counts: node id and number, the epoch's number, the heartbeat's arrival in ms."""

    node_id: str
    node_number: int
    epoch_number: int
    received: int
    is_history: bool


@dataclass(slots=True)
class CountRows:
    # By cell, so that the last word of a group counts once.
    totals: dict[Row, Row] = field(default_factory=dict)
    details: list[Row] = field(default_factory=list)
    # Refused for reputation, then the cell's key.
    blocked: list[Row] = field(default_factory=list)
    replies: list[Row] = field(default_factory=list)
    intake: list[Row] = field(default_factory=list)
    senders: list[Row] = field(default_factory=list)
    unknown: list[Row] = field(default_factory=list)
    # By epoch number.
    sources: dict[int, Source] = field(default_factory=dict)
    # Epochs that may hold too many cells with these.
    crowded: set[int] = field(default_factory=set)


def is_history(before: int | None, *, received: int) -> bool:
    """`before`: arrival of the node's last heartbeat, in ms."""
    return before is None or received - before > SLOT_MS


def gather(beat: Heartbeat, source: Source, *, rows: CountRows) -> None:
    number = source.epoch_number
    if beat.cells or beat.senders:
        known = rows.sources.get(number)
        if known is None or not known.is_history:
            rows.sources[number] = source
        rows.senders += [(number, *one) for one in beat.senders]
        for cell in beat.cells:
            key = (number, cell.address, cell.receiver, cell.instance)
            rows.totals[key] = key + _counts(cell) + cell.numbers
            if cell.detail is not None:
                delays, classes = cell.detail
                by_class = dict(classes)
                told = encode.text(by_class)
                rows.details.append((*key, delays, told, source.received // DAY_MS))
                if REFUSED in by_class:
                    rows.blocked.append((by_class[REFUSED], *key))
    for reply in beat.replies:
        rows.replies.append(
            (
                *(source.node_number, reply.receiver, reply.reply_class),
                *(reply.outcome.value, reply.text, to_ms(reply.at)),
            )
        )
    for came in beat.intake:
        rows.intake.append((number, *came))
    if beat.unknown_lines is not None:
        rows.unknown.append(_unknown(beat.unknown_lines, source))


def _unknown(told: UnknownLines, source: Source) -> Row:
    return (
        *(source.node_number, told.lines, told.deliveries, told.overlong),
        *(encode.text(dict(told.daemons)), encode.text(told.newest)),
        told.deliveries + told.overlong + sum(count for _, count in told.daemons),
        source.received,
        encode.text(dict(told.hosts)),
    )


def _counts(cell: Cell) -> Row:
    counts = [0] * len(OUTCOMES)
    for outcome, attempts in cell.attempts:
        # `_value_` is what `value` returns after a walk through a descriptor, too slow for here.
        counts[PLACES[outcome._value_]] = attempts
    return tuple(counts)


def store(journal: sqlite3.Connection, rows: CountRows) -> None:
    if rows.crowded:
        _make_fit(journal, rows)
    totals = list(rows.totals.values())
    if TOTALS.write(journal, totals) != len(totals):
        _tell_backwards(journal, totals, rows=rows)
    senders.put(journal, rows.senders)
    for number, source in rows.sources.items():
        if source.is_history:
            journal.execute(SKIP, (number,))
            journal.execute(senders.SKIP, (number,))
    DETAILS.write(journal, rows.details)
    journal.executemany(BLOCK, rows.blocked)
    journal.executemany(REPLY, rows.replies)
    journal.executemany(INTAKE, rows.intake)
    journal.executemany(UNKNOWN, rows.unknown)


def _make_fit(journal: sqlite3.Connection, rows: CountRows) -> None:
    """No epoch holds more than CELLS_MAX cells: what would be one more is left out."""
    for number in rows.crowded:
        ((held,),) = journal.execute(HELD, (number,))
        new = [key for key in _keys(rows, number) if not journal.execute(STORED, key).fetchone()]
        surplus = new[max(0, CELLS_MAX - held) :]
        for key in surplus:
            del rows.totals[key]
        lost = set(surplus)
        rows.details = [row for row in rows.details if row[: len(CELL)] not in lost]
        journal.execute(CROWDED, (held + len(new) - len(surplus), number))
        if surplus and held < CELLS_MAX:
            text = f"tells of more than {CELLS_MAX} cells within an epoch: the rest is not kept"
            source = rows.sources[number]
            row = (source.received, source.node_id, "medium", text, "{}")
            journal.execute(node_events.TELL, row)


def _keys(rows: CountRows, number: int) -> Iterable[Row]:
    return [key for key in rows.totals if key[0] == number]


def _tell_backwards(journal: sqlite3.Connection, totals: list[Row], *, rows: CountRows) -> None:
    """The cells of which the journal holds more than was just told. Slow, and rare."""
    refused: dict[int, list[Row]] = {}
    for row in totals:
        key, told = row[: len(CELL)], row[len(CELL) :]
        for stored in journal.execute(STORED, key):
            refused.setdefault(key[0], []).extend(
                (*key[1:], name, new, old)
                for name, new, old in zip(COUNTS, told, stored, strict=True)
                if new < old
            )
    for number, cells in refused.items():
        if cells:
            source = rows.sources[number]
            node_events.write_backwards(
                journal, node_id=source.node_id, at=source.received, cells=cells
            )
