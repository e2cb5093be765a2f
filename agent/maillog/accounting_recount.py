"""Counts the logs once more, from where an epoch began up to a place the collector was told of.

Nothing is stored: the same lines, rotated and compressed by now, are to give the same totals. Works
in slices, so that following the log goes on meanwhile, and tells how far it is.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import anyio

from agent.maillog import position as positions
from agent.maillog.follow import Batch
from agent.maillog.hosts import Sieve, Sifted
from agent.maillog.logs import Logs
from agent.maillog.position import JournalPosition, Position
from agent.maillog.recount_goal import Goal
from agent.maillog.tally import Known, Tally
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock, stamped_before
from agent.model import Cell, Recount, RecountRequest

RECOUNT_FOR_MAX = timedelta(minutes=30)
# Told as long as it goes on: whoever asked waits for the next word.
TOLD_EVERY = timedelta(seconds=2)
# A file that was renamed rests for some looks before the next one is read.
RESTS_FOR = timedelta(seconds=0.3)
LOOKS_APART_SECONDS = 0.03
GAPS_TOLD_MAX = 100

Tell = Callable[[Recount], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The present epoch: where in the log, and when. `began_at` None: nobody knows where."""

    epoch: str
    began_at: Position | None
    counted_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounter:
    """`is_wanted`: asked now and then; what nobody waits for any more is not finished."""

    logs: Logs
    whose: Whose
    now: Callable[[], datetime]
    is_wanted: Callable[[], bool] = lambda: True

    async def count(self, request: RecountRequest, begun: Begun, *, tell: Tell) -> Recount:
        """Never raises for what the logs are like: `problem` says it. `tell` is given what there is
        so far."""
        answer = Recount(number=request.number, epoch=begun.epoch)
        try:
            goal = positions.from_bytes(request.log_position)
        except ValueError as error:
            return replace(answer, problem=str(error))
        problem = _refusal(request, begun, goal)
        if problem:
            return replace(answer, problem=problem)
        assert begun.began_at is not None
        counting = _Counting(
            answer,
            tally=Tally(self.whose, Known(), clock=LineClock(self.now())),
            goal=Goal(goal, begun=begun.began_at),
            sieve=Sieve(self.whose.own),
        )
        try:
            problem = await self._read(counting, begun, goal, tell=tell)
        except OSError as error:
            problem = f"cannot read the logs: {error.strerror or error}"
        return replace(counting.so_far(), cells=counting.cells, problem=problem)

    async def _read(
        self, counting: "_Counting", begun: Begun, goal: Position, *, tell: Tell
    ) -> str:
        """Until the goal, or why not."""
        since = begun.counted_from or self.now()
        source = self.logs.open(
            begun.began_at,
            counted_to=stamped_before(since),
            until=goal.cursor if isinstance(goal, JournalPosition) else "",
        )
        began = told = rested = anyio.current_time()
        try:
            while not counting.goal.is_done and self.is_wanted():
                batch = source.read(self.now())
                present = anyio.current_time()
                if batch is not None:
                    counting.take(batch, self.now())
                    rested = present
                elif present - rested > RESTS_FOR.total_seconds():
                    break
                if present - told > TOLD_EVERY.total_seconds():
                    told = present
                    await tell(replace(counting.so_far(), is_partial=True))
                if present - began > RECOUNT_FOR_MAX.total_seconds():
                    return f"not done within {RECOUNT_FOR_MAX}: there is too much of it"
                await anyio.sleep(0 if batch is not None else LOOKS_APART_SECONDS)
        finally:
            source.close()
        counting.finish()
        said = f" ({'; '.join(source.problems)})" if source.problems else ""
        return "" if counting.goal.is_reached else f"{_NOT_REACHED}{said}"


_NOT_REACHED = "the logs that are left do not reach that place"


class _Counting:
    """What was counted so far."""

    def __init__(self, answer: Recount, *, tally: Tally, goal: Goal, sieve: Sieve) -> None:
        self.goal = goal
        self._sieve = sieve
        self._answer = answer
        self._tally = tally
        self._cells: dict[object, Cell] = {}
        self._lines = self._bytes = 0
        self._gaps: list[tuple[datetime, datetime, str]] = []
        self._counted_to: datetime | None = None

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(self._cells.values())

    def so_far(self) -> Recount:
        return replace(
            self._answer,
            lines=self._lines,
            bytes=self._bytes,
            gaps=tuple(self._gaps),
            counted_to=self._counted_to,
        )

    def take(self, batch: Batch, now: datetime) -> None:
        if batch.gap is not None and len(self._gaps) < GAPS_TOLD_MAX:
            self._gaps.append((batch.gap.start, batch.gap.end, batch.gap.text))
        data = self.goal.upto(batch)
        if data:
            self._counted_to = batch.counted_to
        self._lines += data.count(b"\n")
        self._bytes += len(data)
        self._fold(self._sieve.take(batch._replace(data=data, gap=None), now))

    def finish(self) -> None:
        self._fold(self._sieve.rest())

    def _fold(self, sifted: Sifted | None) -> None:
        if sifted is None:
            return
        self._tally.fold(sifted.parsed)
        self._cells.update({cell.key: cell for cell in self._tally.counted().cells})
        self._tally.committed()


def _refusal(request: RecountRequest, begun: Begun, goal: Position) -> str:
    """Why it cannot be counted; empty when it can."""
    if request.epoch != begun.epoch:
        return f"this node counts in epoch {begun.epoch}"
    if begun.began_at is None:
        return (
            "an agent before 0.2 began this epoch, and did not note where in the log: "
            "only an epoch begun since can be proved"
        )
    if isinstance(goal, JournalPosition) != isinstance(begun.began_at, JournalPosition):
        return "within this epoch the node went over from files to the journal, or back"
    return ""
