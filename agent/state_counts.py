"""What was counted: cells, intake, replies, the minutes of a day, who is deferred at present.

All of it within the caller's transaction on the state file. Knows no line.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from agent import state_schema, state_senders
from agent.maillog.recipients import OpenRecipients
from agent.model import Cell, CellKey, Counted, Intake, Minute, Reply
from agent.state_file import StateFile, to_datetime, to_microseconds
from deliverability.delays import BUCKETS, PARTS
from deliverability.replies import Outcome, ReplyClass

# One column for each outcome, named by it.
OUTCOMES = tuple(Outcome)
NUMBERS = (
    *("rejected", "first_sent", "first_deferred", "first_bounced", "first_unknown"),
    "bytes_sent",
)
COLUMNS = (
    *("address", "receiver", "instance"),
    *(outcome.value for outcome in OUTCOMES),
    *NUMBERS,
    *("delays", "classes"),
)
_HISTOGRAMS = struct.Struct(f"<{len(PARTS) * BUCKETS}I")
_COUNT_MAX = 2**32 - 1
_NUMBER_MAX = 2**53  # eight million terabytes; sizes that a log makes up may come to more
_MINUTE = timedelta(minutes=1)
_EPOCH_START = to_datetime(0)

_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[3:])
# Our own names are put in.
_PUT = f"""INSERT INTO cells ({", ".join(COLUMNS)}, changed_in)
 SELECT {", ".join("?" * len(COLUMNS))}, sequence + 1 FROM node WHERE true
 ON CONFLICT DO UPDATE SET {_CHANGED}, changed_in = excluded.changed_in
 WHERE ({", ".join(COLUMNS[3:])}) IS NOT ({", ".join(f"excluded.{n}" for n in COLUMNS[3:])})"""  # noqa: S608
_CELLS = f"""SELECT {", ".join(COLUMNS)} FROM cells WHERE changed_in > ?
 ORDER BY address, receiver, instance"""  # noqa: S608
_PUT_INTAKE = """INSERT INTO intake SELECT ?, ?, ?, sequence + 1 FROM node WHERE true
 ON CONFLICT DO UPDATE SET messages = excluded.messages, changed_in = excluded.changed_in"""
_PUT_REPLY = """INSERT INTO replies SELECT ?, ?, ?, ?, ?, sequence + 1 FROM node WHERE true
 ON CONFLICT DO UPDATE SET outcome = excluded.outcome, text = excluded.text, at = excluded.at,
 changed_in = excluded.changed_in"""
_ADD_MINUTE = """INSERT INTO history VALUES (?, ?, ?, ?, ?)
 ON CONFLICT DO UPDATE SET attempts = attempts + excluded.attempts"""
SHRINK_BYTES = 64 * 1024
PASSES = 1024


def put(file: StateFile, counted: Counted) -> None:
    with_cells = [_cell_row(cell) for cell in counted.cells]
    file.write_many(_PUT, with_cells)
    file.write_many(_PUT_INTAKE, [(i.instance, i.client, i.messages) for i in counted.intake])
    file.write_many(
        _PUT_REPLY,
        [
            (
                one.receiver,
                one.reply_class.value,
                one.outcome.value,
                one.text,
                to_microseconds(one.at),
            )
            for one in counted.replies
        ],
    )
    state_senders.put(file, counted)
    if counted.history:
        _add_history(file, counted)
    if counted.opened or counted.closed:
        _put_open(file, counted)
    if counted.blind_until is not None:
        file.rows("UPDATE node SET blind_until = ?", (to_microseconds(counted.blind_until),))
    if counted.unknown_lines is not None:
        body = msgspec.json.encode(counted.unknown_lines).decode()
        file.rows("UPDATE node SET unknown_lines = ?", (body,))


def minute_of(at: datetime) -> int:
    """Minutes since 1970."""
    assert _EPOCH_START is not None
    return (at - _EPOCH_START) // _MINUTE


def cells(file: StateFile, *, since: int) -> tuple[Cell, ...]:
    return tuple(map(_cell, file.rows(_CELLS, (since,))))


def intake(file: StateFile, *, since: int) -> tuple[Intake, ...]:
    query = "SELECT instance, client, messages FROM intake WHERE changed_in > ? ORDER BY 1, 2"
    return tuple(
        Intake(instance=instance, client=client, messages=messages)
        for instance, client, messages in file.rows(query, (since,))
    )


def replies(file: StateFile, *, since: int) -> tuple[Reply, ...]:
    """Those that changed longest ago first."""
    query = """SELECT receiver, class, outcome, text, at FROM replies WHERE changed_in > ?
 ORDER BY changed_in, receiver, class"""
    return tuple(
        Reply(
            receiver=receiver,
            reply_class=ReplyClass(meant),
            outcome=Outcome(outcome),
            text=text,
            at=_moment(at),
        )
        for receiver, meant, outcome, text, at in file.rows(query, (since,))
    )


def minutes(
    file: StateFile, *, after: datetime, before: datetime, limit: int
) -> tuple[Minute, ...]:
    """Of the oldest minutes between the two, at most so many."""
    query = """WITH known AS (
  SELECT minute, outcome, attempts FROM history UNION ALL
  SELECT minute, outcome, attempts FROM past)
 SELECT minute, outcome, sum(attempts) FROM known WHERE minute IN
  (SELECT DISTINCT minute FROM known WHERE minute > ? AND minute < ? ORDER BY 1 LIMIT ?)
 GROUP BY minute, outcome ORDER BY minute, outcome"""
    found: dict[int, dict[Outcome, int]] = {}
    rows = file.rows(query, (minute_of(after), minute_of(before), limit))
    for minute, outcome, attempts in rows:
        found.setdefault(minute, {})[Outcome(outcome)] = attempts
    assert _EPOCH_START is not None
    return tuple(
        Minute(at=_EPOCH_START + minute * _MINUTE, attempts=attempts)
        for minute, attempts in found.items()
    )


def open_recipients(file: StateFile) -> OpenRecipients:
    """Every change since the beginning, or since they were last written anew."""
    found = OpenRecipients()
    for opened, closed in file.rows("SELECT opened, closed FROM open_recipients ORDER BY id"):
        for one in _mixed(closed):
            found.discard(one)
        for one in _mixed(opened):
            found.add(one)
    return found


def _mixed(packed: bytes) -> Iterator[int]:
    """They were often written in the order of their places, and by that order one end of a growing
    or shrinking table would take them all, and each of them a long walk."""
    hashes = array("Q", packed)
    return (one for start in range(PASSES) for one in hashes[start::PASSES])


def forget(file: StateFile) -> None:
    """A new epoch counts from zero; the minutes stay, they are history."""
    for table in ("cells", "intake", "replies", "open_recipients", *state_senders.TABLES):
        file.rows(f"DELETE FROM {table}")  # noqa: S608


def _add_history(file: StateFile, counted: Counted) -> None:
    """Adds to what these minutes hold. What is a day away from the present goes: it is too old, or
    was told by a clock that was put back since."""
    file.write_many(
        _ADD_MINUTE,
        [
            (minute_of(one.minute), one.address, one.receiver, one.outcome.value, one.attempts)
            for one in counted.history
        ],
    )
    assert counted.at is not None
    present, kept = minute_of(counted.at), state_schema.HISTORY_KEPT // _MINUTE
    file.rows(
        "DELETE FROM history WHERE minute NOT BETWEEN ? AND ?", (present - kept, present + kept)
    )


def _put_open(file: StateFile, counted: Counted) -> None:
    """One row a commit; written anew as one when the changes outgrow what they come to. From what
    is told, and not from the rows: to go through half a million changes takes seconds."""
    opened, closed = array("Q", counted.opened).tobytes(), array("Q", counted.closed).tobytes()
    ((opened_bytes, closed_bytes),) = file.rows(
        "SELECT total(length(opened)), total(length(closed)) FROM open_recipients"
    )
    if 2 * (closed_bytes + len(closed)) > opened_bytes + len(opened) + SHRINK_BYTES:
        file.rows("DELETE FROM open_recipients")
        opened, closed = array("Q", counted.open_recipients).tobytes(), b""
    row = (opened, closed)
    file.rows("INSERT INTO open_recipients (opened, closed) VALUES (?, ?)", row)


def _cell_row(cell: Cell) -> tuple[object, ...]:
    return (
        *(cell.key.address, cell.key.receiver, cell.key.instance),
        *(cell.attempts.get(outcome, 0) for outcome in OUTCOMES),
        *(min(getattr(cell, name), _NUMBER_MAX) for name in NUMBERS),
        pack(cell.delays),
        msgspec.json.encode({name.value: count for name, count in cell.classes.items()}).decode(),
    )


def _cell(row: Sequence[object]) -> Cell:
    address, receiver, instance, *rest = row
    counts = rest[: len(OUTCOMES)]
    numbers = dict(zip(NUMBERS, rest[len(OUTCOMES) :], strict=False))
    classes = msgspec.json.decode(str(rest[-1]), type=dict[str, int])
    return Cell(
        key=CellKey(str(address), str(receiver), str(instance)),
        attempts={outcome: int(n) for outcome, n in zip(OUTCOMES, counts, strict=True) if n},  # type: ignore[call-overload]
        delays=unpack(rest[-2]),  # type: ignore[arg-type]
        classes={ReplyClass(name): count for name, count in classes.items()},
        **numbers,  # type: ignore[arg-type]
    )


def pack(delays: Iterable[Sequence[int]]) -> bytes:
    counts = [min(count, _COUNT_MAX) for part in delays for count in part]
    return _HISTOGRAMS.pack(*counts) if counts else b""


def unpack(packed: bytes) -> tuple[tuple[int, ...], ...]:
    """ValueError: not what `pack` makes."""
    if not packed:
        return ()
    if len(packed) != _HISTOGRAMS.size:
        raise ValueError(f"histograms of {len(packed)} bytes")
    counts = _HISTOGRAMS.unpack(packed)
    return tuple(counts[k : k + BUCKETS] for k in range(0, len(counts), BUCKETS))


def _moment(microseconds: int) -> datetime:
    at = to_datetime(microseconds)
    assert at is not None
    return at
