"""The one writer: a thread that does one thing at a time, and heartbeats committed in groups.

Whoever writes is served alone, in the order of asking. Heartbeats, Hellos and new epochs
wait for company: a group is committed when GROUP_ROWS wait or GROUP_SECONDS after the first.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio
from sqlalchemy import Connection, Engine

from collector.adapters.store import group, pruning, rollups
from collector.adapters.store.engines import failure, failures
from collector.adapters.store.worker import Worker
from collector.ports import Refused, StoreError

GROUP_ROWS = 250
GROUP_SECONDS = 0.1
WAITING_MAX = 50_000  # facts not yet committed; past it the disk is too slow and we say so

Result = TypeVar("Result")
Waiting = tuple[group.Fact, "asyncio.Future[None]"]


class Writer:
    """Made inside the running loop; `close` before the loop ends."""

    def __init__(
        self, engine: Engine, *, journal: sqlite3.Connection, samples: sqlite3.Connection
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._samples = samples
        # One thread, so one writer at a time, in the order of asking.
        self._worker = Worker("store writer")
        self._waiting: list[Waiting] = []
        self._first = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = False
        # The one task of the adapter: it outlives every caller, whose cancellation must not tear
        # a group in two, and `close` waits for it.
        self._task = asyncio.get_running_loop().create_task(self._run(), name="store writer")

    async def write(self, job: Callable[[Connection], Result]) -> Result:
        """Runs `job` in a transaction of its own, in a worker thread.

        A caller cancelled meanwhile does not undo it: the thread finishes, then serves the next.
        """
        self._alive()
        return await self._worker.do(self._transact, job)

    async def write_plainly(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """As `write`, with the driver's own connection: for what is asked many times a second."""
        self._alive()
        return await self._worker.do(self._transact_plainly, job)

    def _transact_plainly(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            self._journal.execute("BEGIN IMMEDIATE")
            try:
                result = job(self._journal)
                self._journal.commit()
            except BaseException:
                self._journal.rollback()
                raise
        except sqlite3.Error as error:
            raise failure(error) from error
        return result

    def _transact(self, job: Callable[[Connection], Result]) -> Result:
        with failures(), self._engine.begin() as connection:
            return job(connection)

    async def record(self, fact: group.Fact) -> None:
        """Returns once the group that holds the fact is committed."""
        self._alive()
        if len(self._waiting) >= WAITING_MAX:
            raise StoreError(f"journal: {WAITING_MAX} facts wait already", retryable=True)
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((fact, future))
        self._first.set()
        if len(self._waiting) >= GROUP_ROWS:
            self._full.set()
        await future

    async def prune(self, *, now: int) -> int:
        """One slice of what is too old in both files, and of the roll-ups; how many rows went."""
        gone = await self.write(lambda connection: pruning.prune(connection, now=now))
        return gone + await self._worker.do(self._roll_samples, now)

    def _roll_samples(self, now: int) -> int:
        with failures():
            return rollups.step(self._samples, now=now // 1000)

    def _alive(self) -> None:
        """A writer that met our own mistake takes nothing more: the daemon is to end."""
        if self._closing:
            raise StoreError("journal: closed", retryable=False)
        if self._task.done():
            error = None if self._task.cancelled() else self._task.exception()
            raise StoreError(f"journal: the writer ended: {error!r}", retryable=False)

    async def close(self) -> None:
        """What waits is committed first."""
        self._closing = True
        self._first.set()
        self._full.set()
        await asyncio.wait([self._task])
        # What a caller who went away left running ends before the connections do.
        await self._worker.end()

    async def _run(self) -> None:
        try:
            while await self._gathered():
                await self._commit(self._take())
        finally:
            for _, future in self._take(len(self._waiting)):
                _fail(future, StoreError("journal: the writer ended", retryable=False))

    async def _gathered(self) -> bool:
        """Waits for a group; False when nothing waits and nothing will."""
        await self._first.wait()
        if not self._full.is_set():
            with anyio.move_on_after(GROUP_SECONDS):
                await self._full.wait()
        return bool(self._waiting)

    def _take(self, count: int = GROUP_ROWS) -> list[Waiting]:
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        if not self._waiting and not self._closing:
            self._full.clear()
            self._first.clear()
        return taken

    async def _commit(self, taken: Sequence[Waiting]) -> None:
        """Answers every one of them, whatever comes."""
        try:
            answers = await self._worker.do(self._write, [fact for fact, _ in taken])
            for (_, future), refused in zip(taken, answers, strict=True):
                if refused is not None:
                    _fail(future, refused)
                elif not future.done():
                    future.set_result(None)
        except sqlite3.Error as error:
            for _, future in taken:
                _fail(future, failure(error))
        finally:
            for _, future in taken:
                _fail(future, StoreError("journal: the writer ended", retryable=False))

    def _write(self, facts: Sequence[group.Fact]) -> Sequence[Refused | None]:
        try:
            return group.write(facts, journal=self._journal, history=self._samples)
        except group.ABSURD as error:
            if len(facts) == 1:
                return [Refused("FACT_ABSURD", f"a value no column can hold: {error}")]
            # One node's nonsense is not the others' loss.
            return [self._write([fact])[0] for fact in facts]


def _fail(future: "asyncio.Future[None]", error: Exception) -> None:
    """Whoever waited may have gone."""
    if not future.done():
        future.set_exception(error)
