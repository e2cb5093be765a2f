"""Opens the store: lock, migrations, connections, writer. Closes it in the other order."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import aiosqlite
import anyio
import structlog
from sqlalchemy import Engine

from collector.adapters.store import counting, engines, migrate, reign
from collector.adapters.store.alerting import Alerting
from collector.adapters.store.database import Database
from collector.adapters.store.deliveries import Deliveries
from collector.adapters.store.identity import Access, Identity
from collector.adapters.store.intake import Intake
from collector.adapters.store.judgements import Judging
from collector.adapters.store.moments import to_ms
from collector.adapters.store.operating import Operating
from collector.adapters.store.reign import Reign
from collector.adapters.store.rotating import Rotating
from collector.adapters.store.views import Views
from collector.adapters.store.views_counts import CountViews
from collector.adapters.store.views_history import HistoryViews
from collector.adapters.store.writer import Writer
from collector.adapters.store.zones import Zoning
from collector.ports import Clock, StoreError

log = structlog.get_logger(__name__)

JOURNAL = "journal.db"
SAMPLES = "samples.db"


class SqlStore(
    Rotating,
    Reign,
    Identity,
    Access,
    Intake,
    Judging,
    Operating,
    Views,
    CountViews,
    HistoryViews,
    Alerting,
    Deliveries,
    Zoning,
):
    """`ports.Store`, `ports_notify.NotifyStore`, `ports_zones.ZoneStore`: two files of a folder."""

    def __init__(self, database: Database, *, stack: AsyncExitStack) -> None:
        super().__init__(database)
        self._stack = stack

    async def backup(self, folder: str) -> None:
        """A copy of the journal as of now, beside whom writing goes on."""
        target = Path(folder) / JOURNAL
        with engines.failures():
            async with aiosqlite.connect(target, isolation_level=None) as copy:
                target.chmod(0o600)
                await self._database.glance.backup(copy)

    async def prune(self) -> int:
        return await self._database.writer.prune(now=to_ms(self._database.clock.now()))

    async def close(self) -> None:
        """What waits is committed; every thread and file of the store is let go."""
        await self._stack.aclose()


async def open_store(folder: Path, clock: Clock) -> SqlStore:
    """The folder exists. StoreError when another collector holds it or a file is no journal."""
    async with AsyncExitStack() as stack:
        stack.callback(os.close, engines.lock(folder))
        engine, readers = _prepare(stack, folder, clock)
        with engines.failures():
            journal = _connected(stack, folder / JOURNAL, engines.JOURNAL)
            samples = _connected(stack, folder / SAMPLES, engines.SAMPLES)
            glance = await engines.glance(folder / JOURNAL)
            stack.push_async_callback(glance.close)
        database = Database(
            writer=Writer(engine, journal=journal, samples=samples),
            readers=readers,
            reading=anyio.CapacityLimiter(engines.READERS),
            glance=glance,
            clock=clock,
        )
        stack.push_async_callback(database.writer.close)
        return SqlStore(database, stack=stack.pop_all())
    raise AssertionError("an exit stack swallows nothing")


def _prepare(stack: AsyncExitStack, folder: Path, clock: Clock) -> tuple[Engine, Engine]:
    """Both files at their newest schema; the engines that write and read the journal."""
    journal, samples = folder / JOURNAL, folder / SAMPLES
    with engines.failures():
        engine = engines.build(_private(journal), engines.JOURNAL, writes=True)
        stack.callback(engine.dispose)
        with engine.begin() as connection:
            migrate.upgrade(connection, which="journal")
            reign.begin_policy(connection, clock.now())
            if counting.renew(connection):
                log.error("counts of the pools were wrong and are counted anew")
        readers = engines.build(journal, engines.READING, writes=False)
        stack.callback(readers.dispose)
    try:
        _prepare_samples(samples)
    except StoreError as error:
        if error.retryable:
            raise
        # Their loss loses charts, never the start.
        aside = samples.with_name(f"{samples.name}.broken")
        log.warning("samples begun anew", aside=str(aside), error=str(error))
        samples.replace(aside)
        for suffix in ("-wal", "-shm"):
            samples.with_name(samples.name + suffix).unlink(missing_ok=True)
        _prepare_samples(samples)
    return engine, readers


def _prepare_samples(path: Path) -> None:
    engine = engines.build(_private(path), engines.SAMPLES, writes=True)
    try:
        with engines.failures(), engine.begin() as connection:
            migrate.upgrade(connection, which="samples")
    finally:
        engine.dispose()


def _private(path: Path) -> Path:
    """SQLite would make the file readable to all; its companions take its mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return path


def _connected(stack: AsyncExitStack, path: Path, pragmas: Mapping[str, str]) -> sqlite3.Connection:
    connection = engines.connect(path, pragmas)
    stack.callback(connection.close)
    return connection
