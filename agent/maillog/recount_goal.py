"""Up to where logs are counted once more: each file to a place of its own, the journal to an entry.

Reads nothing. A file is known again by its bytes: its name and inode may be others by now.
"""

from agent.maillog.follow import Batch
from agent.maillog.position import (
    HEAD_BYTES,
    TAIL_BYTES,
    JournalPosition,
    LogPosition,
    Position,
    Positions,
    digest,
)


class Goal:
    """`begun` is where counting starts: whoever was followed then and is not at the end left
    between the two, and is counted whole."""

    def __init__(self, goal: Position, *, begun: Position) -> None:
        self._entry = goal.cursor if isinstance(goal, JournalPosition) else None
        places: dict[str, LogPosition] = {}
        if isinstance(goal, LogPosition):
            places[""] = goal
        elif isinstance(goal, Positions):
            places = {name: place.position for name, place in goal.by_name.items()}
        # What had no bytes then has none before its place.
        self._places = {name: place for name, place in places.items() if place != LogPosition()}
        self._empty = places.keys() - self._places.keys()
        known = begun.by_name.keys() if isinstance(begun, Positions) else set[str]()
        self._left = known - places.keys()
        self._followed: dict[str, _File] = {}
        if goal == begun:
            self._entry = "" if self._entry is not None else None
            self._places.clear()
            self._left = set()

    @property
    def is_reached(self) -> bool:
        """All of it, and not a byte more."""
        return not self._places and not self._entry

    @property
    def is_done(self) -> bool:
        """Reached, and nobody left of whom more may come."""
        return self.is_reached and not self._left

    def upto(self, batch: Batch) -> bytes:
        """Of the batch's data what stands before the goal."""
        if isinstance(batch.position, JournalPosition):
            if batch.position.cursor == self._entry:
                self._entry = ""
            return batch.data
        place = batch.position if batch.place is None else batch.place
        assert isinstance(place, LogPosition), place
        file = self._followed.get(batch.name)
        if file is None:
            file = self._followed[batch.name] = self._begin(batch.name, place)
        found, is_there = file.upto(batch.data, place, is_new=batch.moved)
        if is_there:
            self._places.pop(file.name, None)
        return found

    def _begin(self, name: str, place: LogPosition) -> "_File":
        """By its name; else by its bytes: it was renamed, or what is followed was configured anew.
        A file of no goal came later, unless it was there at the start."""
        if name in self._places:
            return _File(name, self._places[name])
        for other, goal in self._places.items():
            if name not in self._empty and _is_one(place, goal=goal):
                return _File(other, goal)
        return _File(name, None, is_counted=name in self._left)


class _File:
    """One file on its way to its goal; None: it has none."""

    def __init__(self, name: str, goal: LogPosition | None, *, is_counted: bool = True) -> None:
        self.name = name
        self._goal = goal
        self._is_counted = is_counted
        self._tail = b""

    def upto(self, data: bytes, place: LogPosition, *, is_new: bool) -> tuple[bytes, bool]:
        """What of it counts, and whether the goal is in it."""
        if self._goal is None or not self._is_counted:
            return (data if self._is_counted else b""), False
        if is_new:
            self._tail = b""
        surplus = place.offset - self._goal.offset
        if 0 <= surplus <= len(data):
            before = data[: len(data) - surplus]
            if _is_one(place, goal=self._goal) or self._is_tail(before):
                self._is_counted = False
                return before, True
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        return data, False

    def _is_tail(self, before: bytes) -> bool:
        tail = (self._tail + before)[-TAIL_BYTES:]
        return bool(tail) and self._goal is not None and digest(tail) == self._goal.tail_digest


def _is_one(place: LogPosition, *, goal: LogPosition) -> bool:
    """Whether both are of one file. Of one shorter than a head only the inode tells."""
    if place.head_length == goal.head_length == HEAD_BYTES:
        return place.head_digest == goal.head_digest
    return (place.device, place.inode) == (goal.device, goal.inode)
