"""Which of a node's finer figures go with a heartbeat. Pure; knows what the collector has of them.

Counts go at once, with every heartbeat after a change. Histograms, classes and replies are larger:
a few go with each heartbeat, the longest waiting first, and all of them when everything is asked
for. What was not acknowledged goes again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from agent.maillog.unknown import UnknownLines
from agent.model import Cell, CellKey, Reply
from agent.report import DETAIL_BYTES_MAX, REPLIES_MAX
from agent.sent import Sent
from deliverability.replies import ReplyClass

# Of interest to people alone, and larger than the rest of a quiet heartbeat: so long apart where
# other lines were not understood, and where only more were read.
UNKNOWN_APART = timedelta(minutes=10)
UNKNOWN_SHARE_APART = timedelta(hours=1)

ReplyKey = tuple[str, ReplyClass]


class Details:
    """`add` the news, `choose` what goes with a heartbeat, `acknowledged` once it arrived."""

    def __init__(self) -> None:
        self._cells: dict[CellKey, Cell] = {}
        self._replies: dict[ReplyKey, Reply] = {}
        self._sent = Sent[tuple[Sequence[Cell], Sequence[Reply]]]()

    def add(self, cells: Sequence[Cell], replies: Sequence[Reply]) -> None:
        """What waits already keeps its place and has its new value."""
        self._cells.update({cell.key: cell for cell in cells})
        self._replies.update({(one.receiver, one.reply_class): one for one in replies})

    def choose(
        self, number: int, cells: Sequence[Cell], *, whole: bool
    ) -> tuple[tuple[Cell, ...], tuple[Reply, ...]]:
        """These cells, with the details that are due, and the replies that are due."""
        due = {cell.key: cell for cell in self._cells_due(whole=whole)}
        replies = [*self._replies.values()][: None if whole else REPLIES_MAX]
        for one in replies:
            place = (one.receiver, one.reply_class)
            self._replies[place] = self._replies.pop(place)
        self._sent.add(number, (tuple(due.values()), tuple(replies)))
        told = {cell.key: _bare(cell) for cell in cells}
        return tuple((told | due).values()), tuple(replies)

    def acknowledged(self, number: int) -> None:
        """What has not changed since need not go again."""
        cells, replies = self._sent.acknowledged(number) or ((), ())
        for cell in cells:
            if self._cells.get(cell.key) == cell:
                del self._cells[cell.key]
        for reply in replies:
            place = (reply.receiver, reply.reply_class)
            if self._replies.get(place) == reply:
                del self._replies[place]

    def _cells_due(self, *, whole: bool) -> list[Cell]:
        due: list[Cell] = []
        size = 0
        for key in [*self._cells]:
            cell = self._cells[key]
            size += _size(cell)
            if size > DETAIL_BYTES_MAX and due and not whole:
                break
            due.append(cell)
            # To the end of the queue, should it change before it is acknowledged.
            self._cells[key] = self._cells.pop(key)
        return due


class UnknownNews:
    """What of the log was not understood, as seldom as it may be told."""

    def __init__(self) -> None:
        self._told: UnknownLines | None = None
        self._told_at: datetime | None = None
        self._sent = Sent[tuple[UnknownLines, datetime]]()

    def choose(
        self, number: int, unknown: UnknownLines, *, whole: bool, now: datetime
    ) -> UnknownLines | None:
        """None: it is not due."""
        if not (whole or self._is_due(unknown, now)):
            return None
        self._sent.add(number, (unknown, now))
        return unknown

    def acknowledged(self, number: int) -> None:
        sent = self._sent.acknowledged(number)
        if sent is not None:
            self._told, self._told_at = sent

    def _is_due(self, unknown: UnknownLines, now: datetime) -> bool:
        if self._told is None or self._told_at is None:
            return True
        passed = abs(now - self._told_at)  # the clock may be put back
        is_alike = unknown.by_host.keys() == self._told.by_host.keys()
        told = replace(self._told, lines=unknown.lines, by_host=unknown.by_host)
        if unknown != told or not is_alike:
            return passed >= UNKNOWN_APART
        has_any = unknown.count > 0 or bool(unknown.by_host)
        return has_any and unknown != self._told and passed >= UNKNOWN_SHARE_APART


def _bare(cell: Cell) -> Cell:
    return replace(cell, delays=(), classes={}) if cell.delays or cell.classes else cell


def _size(cell: Cell) -> int:
    """About so many bytes on the wire."""
    numbers = sum(len(part) + sum(count > 127 for count in part) for part in cell.delays)
    return 40 + numbers + 6 * len(cell.classes)
