"""What every part of the store holds: the writer, the readers and the clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import aiosqlite
import anyio
import anyio.to_thread
from sqlalchemy import Connection, Engine

from collector.adapters.store.engines import failures
from collector.adapters.store.kept import Kept
from collector.adapters.store.writer import Writer
from collector.ports import Clock

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """`glance` is a reading connection for single statements: no transaction, one driver call."""

    writer: Writer
    readers: Engine
    reading: anyio.CapacityLimiter
    glance: aiosqlite.Connection
    clock: Clock
    kept: Kept = field(default_factory=Kept)

    async def read(self, job: Callable[[Connection], Result]) -> Result:
        """Runs `job` in a worker thread, in one transaction: it sees one commit and none later."""
        return await anyio.to_thread.run_sync(self._transact, job, limiter=self.reading)

    def _transact(self, job: Callable[[Connection], Result]) -> Result:
        with failures(), self.readers.begin() as connection:
            return job(connection)

    async def write(self, job: Callable[[Connection], Result]) -> Result:
        return await self.writer.write(job)


class Part:
    """One noun of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database
