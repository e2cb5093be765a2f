"""Counts the logs once more, from where an epoch began up to a place the collector was told of.

Nothing is stored: the same lines, rotated and compressed by now, are to give the same totals. Works
in slices, so that following the log goes on meanwhile.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import anyio.lowlevel

from agent.maillog import parse
from agent.maillog import position as positions
from agent.maillog.follow import Batch
from agent.maillog.logs import Logs
from agent.maillog.position import TAIL_BYTES, LogPosition, Position, digest
from agent.maillog.tally import Known, Tally
from agent.maillog.times import LineClock
from agent.model import Cell, Recount, RecountRequest

RECOUNT_BYTES_MAX = 4 << 30
# A file that was renamed rests for some looks before the next one is read.
LOOKS_AT_THE_END = 6
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The present epoch: where in the log, and when. `began_at` None: nobody knows where."""

    epoch: str
    began_at: Position | None
    counted_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounter:
    logs: Logs
    address: str
    pipes_out: frozenset[bytes] = frozenset()

    async def count(self, request: RecountRequest, begun: Begun, *, now: datetime) -> Recount:
        """Never raises for what the logs are like: `problem` says it."""
        answer = Recount(number=request.number, epoch=begun.epoch)
        problem = _refusal(request, begun)
        if problem:
            return replace(answer, problem=problem)
        goal = positions.from_bytes(request.log_position)
        assert isinstance(goal, LogPosition), goal
        try:
            return await self._read(answer, begun, goal=goal, now=now)
        except OSError as error:
            return replace(answer, problem=f"cannot read the logs: {error.strerror or error}")

    async def _read(
        self, answer: Recount, begun: Begun, *, goal: LogPosition, now: datetime
    ) -> Recount:
        since = begun.counted_from or now
        # A line is stamped with its second's beginning: one written since is not earlier.
        source = self.logs.open(begun.began_at, counted_to=since.replace(microsecond=0) - _SECOND)
        clock = LineClock(now)
        tally = Tally(self.address, Known(), clock=clock, pipes_out=self.pipes_out)
        counting = _Counting(tally=tally, goal=goal)
        rested = 0
        try:
            while not counting.is_there and counting.bytes < RECOUNT_BYTES_MAX:
                batch = source.read(now)
                rested = rested + 1 if batch is None else 0
                if rested > LOOKS_AT_THE_END:
                    break
                if batch is not None:
                    counting.take(batch)
                await anyio.lowlevel.checkpoint()
        finally:
            source.close()
        problem = "" if counting.is_there else "the logs that are left do not reach that place"
        return replace(
            answer,
            cells=tuple(counting.cells.values()),
            lines=counting.lines,
            bytes=counting.bytes,
            gaps=tuple(counting.gaps),
            problem=problem,
        )


class _Counting:
    """What was counted so far. `is_there`: up to the goal, and not a byte beyond."""

    def __init__(self, *, tally: Tally, goal: LogPosition) -> None:
        self.is_there = False
        self.cells: dict[object, Cell] = {}
        self.lines = 0
        self.bytes = 0
        self.gaps: list[tuple[datetime, datetime, str]] = []
        self._tally = tally
        self._goal = goal
        self._tail = b""

    def take(self, batch: Batch) -> None:
        if batch.gap is not None:
            self.gaps.append((batch.gap.start, batch.gap.end, batch.gap.text))
        if batch.moved:
            self._tail = b""
        data = self._upto_goal(batch)
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        self.lines += data.count(b"\n")
        self.bytes += len(data)
        self._tally.fold(parse.parse_chunk(data))
        self.cells.update({cell.key: cell for cell in self._tally.counted().cells})
        self._tally.committed()

    def _upto_goal(self, batch: Batch) -> bytes:
        """All of the batch, or what stands before the goal when it is in it."""
        place, goal, data = batch.position, self._goal, batch.data
        assert isinstance(place, LogPosition), place
        surplus = place.offset - goal.offset
        if not 0 <= surplus <= len(data):
            return data
        before = data[: len(data) - surplus]
        is_same_file = (place.device, place.inode) == (goal.device, goal.inode)
        if not is_same_file and not self._is_tail(before):
            return data
        self.is_there = True
        return before

    def _is_tail(self, before: bytes) -> bool:
        tail = (self._tail + before)[-TAIL_BYTES:]
        return bool(tail) and digest(tail) == self._goal.tail_digest


def _refusal(request: RecountRequest, begun: Begun) -> str:
    """Why it cannot be counted; empty when it can."""
    if request.epoch != begun.epoch:
        return f"this node counts in epoch {begun.epoch}"
    if begun.began_at is None:
        return "where this epoch began is not known: an agent before 0.2 began it"
    try:
        goal = positions.from_bytes(request.log_position)
    except ValueError as error:
        return str(error)
    if not isinstance(goal, LogPosition) or not isinstance(begun.began_at, LogPosition):
        return "only one log file can be counted once more, not several and not the journal"
    return ""
