"""Rare facts on their way to the collector: numbered, kept seven days, bounded, losses counted.

All of it within the caller's transaction on the state file.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from agent import state_schema
from agent.model import Event, EventDraft
from agent.state_file import StateFile, to_microseconds, to_milliseconds


def raise_numbers(file: StateFile, now: datetime) -> None:
    """Numbers begin at the present millisecond: what an older copy of the file gave out since it
    was copied, or a file lost altogether, is not given out again.
    """
    file.rows("UPDATE node SET event_next = max(event_next, ?)", (to_milliseconds(now),))


def insert(file: StateFile, drafts: Sequence[EventDraft]) -> tuple[Event, ...]:
    if not drafts:
        return ()
    events = tuple(
        Event(
            id=number,
            kind=draft.kind,
            at=draft.at,
            zone=draft.zone,
            window=draft.window,
            # A file's name need not be UTF-8.
            text=draft.text.encode("utf-8", "replace").decode(),
        )
        for number, draft in enumerate(drafts, start=int(file.node("event_next")))
    )
    for event in events:
        body = msgspec.json.encode(event).decode()
        values = (event.id, to_microseconds(event.at), body)
        file.rows("INSERT INTO events (id, at, body) VALUES (?, ?, ?)", values)
    file.rows("UPDATE node SET event_next = event_next + ?", (len(events),))
    _drop(file, before=max(event.at for event in events) - state_schema.EVENTS_KEPT_FOR)
    return events


def kept(file: StateFile) -> tuple[Event, ...]:
    """All of them. What they raise where a body is not ours is the decoder's."""
    bodies = file.rows("SELECT body FROM events ORDER BY id")
    return tuple(msgspec.json.decode(body, type=Event) for (body,) in bodies)


def unacknowledged(file: StateFile, limit: int) -> tuple[Event, ...]:
    rows = file.rows(
        "SELECT body FROM events WHERE is_acknowledged = 0 ORDER BY id LIMIT ?", (limit,)
    )
    return tuple(msgspec.json.decode(body, type=Event) for (body,) in rows)


def acknowledge(file: StateFile, upto: int) -> None:
    file.rows(
        "UPDATE events SET is_acknowledged = 1 WHERE id <= ? AND is_acknowledged = 0", (upto,)
    )


def replay(file: StateFile) -> None:
    file.rows("UPDATE events SET is_acknowledged = 0")


def _drop(file: StateFile, *, before: datetime) -> None:
    """The too old, acknowledged or not, and the oldest of too many."""
    old = (
        "FROM events WHERE at < ?"
        " OR id <= (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?)"
    )
    bounds = (to_microseconds(before), state_schema.EVENTS_KEPT_MAX)
    ((lost,),) = file.rows(f"SELECT count(*) FILTER (WHERE is_acknowledged = 0) {old}", bounds)
    file.rows(f"DELETE {old}", bounds)
    file.rows("UPDATE node SET events_lost = events_lost + ?", (lost,))
