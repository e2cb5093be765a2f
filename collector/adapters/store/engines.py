"""The engines over the two files, the lock that lets one collector in, what a failure means.

Refuses to open a journal another process holds.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import aiosqlite
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from collector.ports import StoreError

BUSY_SECONDS = 5.0
WAL_BYTES_MAX = 64 * 1024 * 1024  # what a checkpointed write-ahead log may keep on disk
READERS = 2
# Transactions are ours: the driver begins none by itself. A connection wanders between the worker
# threads of its pool, one at a time.
CONNECT: dict[str, Any] = {
    "isolation_level": None,
    "timeout": BUSY_SECONDS,
    "check_same_thread": False,
}

COMMON = {
    "foreign_keys": "ON",
    "journal_mode": "WAL",
    "journal_size_limit": str(WAL_BYTES_MAX),
    "temp_store": "MEMORY",
}
# Acknowledged is committed: the journal waits for the disk at every commit.
JOURNAL = {**COMMON, "synchronous": "FULL", "cache_size": "-16000"}
SAMPLES = {**COMMON, "synchronous": "NORMAL", "cache_size": "-4000"}
READING = {**COMMON, "query_only": "ON", "cache_size": "-8000"}

# The same call may succeed when the disk has room again, the lock is gone, the cable is back.
RETRYABLE = frozenset(
    (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR)
)


def build(path: Path, pragmas: Mapping[str, str], *, writes: bool) -> Engine:
    """For Core, in worker threads. BEGIN is said aloud, IMMEDIATE by who writes: a transaction
    that only finds out later that it must wait could never be repeated."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=1 if writes else READERS,
        max_overflow=1 if writes else 0,
        connect_args=dict(CONNECT),
    )
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        for statement in spoken(pragmas):
            connection.execute(statement).close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def connect(path: Path, pragmas: Mapping[str, str]) -> sqlite3.Connection:
    """For raw statements in the writer's thread."""
    connection: sqlite3.Connection = sqlite3.connect(path, **CONNECT)
    try:
        for statement in spoken(pragmas):
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


async def glance(path: Path) -> aiosqlite.Connection:
    """For single reading statements, in a thread of the connection's own."""
    connection = aiosqlite.connect(path, **CONNECT)
    # Else a collector that crashed, this connection unclosed, would hang at its exit for ever.
    thread = getattr(connection, "_thread", None)
    assert isinstance(thread, Thread), connection
    thread.daemon = True
    await connection
    try:
        for statement in spoken(READING):
            await connection.execute(statement)
    except BaseException:
        await connection.close()
        raise
    return connection


def spoken(pragmas: Mapping[str, str]) -> list[str]:
    return [f"PRAGMA {name}={value}" for name, value in pragmas.items()]


def lock(folder: Path) -> int:
    """The descriptor that holds the folder for this process, until it is closed."""
    descriptor = os.open(folder / "journal.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise StoreError(
            f"{folder}: another collector has this journal open (process {holder or 'unknown'})",
            retryable=False,
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


@contextmanager
def failures() -> Iterator[None]:
    """Turns what SQLAlchemy and the driver raise into StoreError."""
    try:
        yield
    except DBAPIError as error:
        raise failure(error.orig or error) from error
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise failure(error) from error


def failure(error: BaseException) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    # An extended code keeps the primary one in its low byte (sqlite.org/rescode.html).
    retryable = code is not None and code & 0xFF in RETRYABLE
    return StoreError(f"journal: {error} ({name})", retryable=retryable)
