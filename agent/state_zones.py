"""The latest word of every zone on every address, and what changed in a sweep.

All of it within the caller's transaction on the state file.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

import msgspec

from agent import state_events
from agent.model import Event, EventDraft, EventKind, ZoneReading
from agent.state_file import StateFile
from deliverability.zones import Verdict


def latest(file: StateFile) -> tuple[ZoneReading, ...]:
    rows = file.rows("SELECT body FROM readings ORDER BY address, zone")
    return tuple(msgspec.json.decode(body, type=ZoneReading) for (body,) in rows)


def record(file: StateFile, readings: Sequence[ZoneReading]) -> tuple[Event, ...]:
    """Numbers the sweep, whatever number its readings carry; an event for all that changed."""
    file.rows("UPDATE node SET round = round + 1")
    number = int(file.node("round"))
    known = {(old.address, old.zone): old for old in latest(file)}
    numbered = [replace(reading, round=number) for reading in readings]
    for new in numbered:
        values = (new.address, new.zone, msgspec.json.encode(new).decode())
        file.rows("INSERT OR REPLACE INTO readings VALUES (?, ?, ?)", values)
    drafts = [
        EventDraft(kind=EventKind.ZONE_CHANGED, at=new.checked_at, zone=new)
        for new in numbered
        if is_change(known.get((new.address, new.zone)), new)
    ]
    return state_events.insert(file, drafts)


def keep(file: StateFile, *, zones: Collection[str], addresses: Collection[str]) -> None:
    """Forgets what was said by other zones, or about other addresses."""
    for reading in latest(file):
        if reading.zone not in zones or reading.address not in addresses:
            values = (reading.address, reading.zone)
            file.rows("DELETE FROM readings WHERE address = ? AND zone = ?", values)


def is_change(old: ZoneReading | None, new: ZoneReading) -> bool:
    """Of the verdict, or of the codes of a listing; a first reading only if it lists."""
    if old is None or old.verdict is not new.verdict:
        return old is not None or new.verdict is Verdict.LISTED
    return new.verdict is Verdict.LISTED and set(old.answers) != set(new.answers)
