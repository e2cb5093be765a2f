"""The state file as a file: taken by one process, opened, checked, moved aside when corrupt.

SQLite, synced at every commit (sqlite.org/pragma.html#pragma_synchronous, FULL in WAL mode). Knows
no meaning of what it holds.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from agent import state_schema

_EPOCH_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
_MICROSECOND = timedelta(microseconds=1)
_COMPANIONS = ("", "-wal", "-shm")
_WAL_HEADER_BYTES = 32  # sqlite.org/fileformat2.html#the_write_ahead_log


class StateError(Exception):
    """The state file could not be read or written.

    `retryable`: nothing of it is wrong (the disk is full, say); what failed did not happen and may
    be tried again.
    """

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class _Corrupt(Exception):
    """Not a state file, or no longer one."""


class StateFile:
    """One connection. `is_fresh`: made just now; `note` says what happened to the one before."""

    def __init__(self, path: Path, *, now: datetime) -> None:
        """StateError: another process has it, a newer version wrote it, or the disk failed."""
        self.path = path
        self._lock = _take_lock(path)
        self.note = ""
        self._descriptor = -1
        try:
            _give_back(path)
            try:
                self._database, self.is_fresh = _connect(path)
            except _Corrupt as error:
                self._replace(str(error), now)
            self._hold()
        except (sqlite3.Error, OSError) as error:
            os.close(self._lock)
            raise StateError(f"{path}: {error}", retryable=is_retryable(error)) from error
        except BaseException:
            os.close(self._lock)
            raise

    def start_anew(self, reason: str, now: datetime) -> None:
        """Moves the file aside, since what it holds cannot be used, and makes a fresh one."""
        self._database.close()
        try:
            self._replace(reason, now)
            self._hold()
        except (sqlite3.Error, OSError, _Corrupt) as error:
            raise StateError(f"{self.path}: {error}", retryable=is_retryable(error)) from error

    def close(self) -> None:
        _keep(self.path)
        self._database.close()
        _cut(self.path)
        os.close(self._descriptor)
        os.close(self._lock)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            return self._database.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def write_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Within the caller's transaction."""
        try:
            self._database.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def node(self, column: str) -> Any:
        """A value of the one row of `node`."""
        ((value,),) = self.rows(f"SELECT {column} FROM node")  # noqa: S608 (our own names)
        return value

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it, on the disk, or StateError and nothing of it."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield self._database
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise self._failure(error) from error
        except BaseException:
            self._roll_back()
            raise

    def make_room(self) -> None:
        """Before a transaction that may be large: StateError unless so much is free within the file
        or can be taken for it now. A commit that only its log had room for could not be moved into
        the file, and no later one, however small, would find room in the log.
        """
        ((pages,),), ((free,),) = self.rows("PRAGMA page_count"), self.rows("PRAGMA freelist_count")
        wanted = pages * state_schema.PAGE_BYTES + state_schema.ROOM_BYTES
        try:
            size = os.fstat(self._descriptor).st_size
            if free * state_schema.PAGE_BYTES < state_schema.ROOM_BYTES and size < wanted:
                os.posix_fallocate(self._descriptor, size, wanted - size)
        except OSError as error:
            text = f"{self.path}: {error.strerror}"
            raise StateError(f"{text}: no room to grow", retryable=True) from error

    def reserve(self) -> None:
        """Takes the blocks now that the file and its log will need; without room, without them."""
        with suppress(StateError):
            with self.transaction() as database:
                size = state_schema.RESERVE_BYTES
                database.execute("INSERT INTO reserve VALUES (zeroblob(?))", (size,))
            with self.transaction() as database:
                database.execute("DELETE FROM reserve")

    def _hold(self) -> None:
        """Kept as long as the database is open: to close any descriptor of a file gives up all the
        locks this process has on it (fcntl(2)), SQLite's as well."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)

    def _replace(self, reason: str, now: datetime) -> None:
        kept_as = _aside(self.path, now)
        self.note = f"the state file was corrupt ({reason}), kept as {kept_as}"
        self._database, self.is_fresh = _connect(self.path)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def _failure(self, error: sqlite3.Error) -> StateError:
        return StateError(f"{self.path}: {error}", retryable=is_retryable(error))


def is_retryable(error: Exception) -> bool:
    """Full disk, failed input or output, a lock: not the file's fault."""
    return isinstance(error, sqlite3.OperationalError | OSError)


def to_microseconds(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH_START) // _MICROSECOND


def to_datetime(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH_START + microseconds * _MICROSECOND


def to_milliseconds(at: datetime) -> int:
    return (at - _EPOCH_START) // _MILLISECOND


def _take_lock(path: Path) -> int:
    """Held until closed, or until the process is gone in whatever way (flock(2))."""
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"{path}.lock: {error.strerror}", retryable=True) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StateError(f"{path} is in use by another agent process", retryable=True) from error
    return lock


def _connect(path: Path) -> tuple[sqlite3.Connection, bool]:
    """The checked database, and whether nothing was kept in it yet."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    database = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        for pragma in state_schema.PRAGMAS:
            database.execute(pragma)
        is_fresh = _make_or_check(database)
    except sqlite3.OperationalError:
        database.close()
        raise
    except sqlite3.DatabaseError as error:
        database.close()
        raise _Corrupt(str(error)) from error
    except BaseException:
        database.close()
        raise
    return database, is_fresh


def _make_or_check(database: sqlite3.Connection) -> bool:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}
    ((version,),) = database.execute("PRAGMA user_version")
    if not tables and not version:
        database.execute("BEGIN IMMEDIATE")
        for statement in state_schema.SCHEMA:
            database.execute(statement)
        database.execute("COMMIT")
        return True
    if version > state_schema.VERSION:
        known = state_schema.VERSION
        text = f"written by a newer agent (schema {version}, this one knows {known})"
        raise StateError(f"the state file was {text}", retryable=False)
    if not tables >= state_schema.TABLES:
        raise _Corrupt("tables are missing")
    for step in range(version, state_schema.VERSION):
        _migrate(database, state_schema.MIGRATIONS[step])
    ((verdict,), *_) = database.execute("PRAGMA quick_check(1)")
    if verdict != "ok":
        raise _Corrupt(str(verdict)[:200])
    return not database.execute("SELECT 1 FROM node").fetchall()


def _migrate(database: sqlite3.Connection, statements: Sequence[str]) -> None:
    database.execute("BEGIN IMMEDIATE")
    for statement in statements:
        database.execute(statement)
    database.execute("COMMIT")


def _keep(path: Path) -> None:
    """The blocks of the log and its index, which SQLite takes away with its last connection: on a
    disk that is full by then there would be none to begin with again."""
    for suffix in _COMPANIONS[1:]:
        kept = _kept(path, suffix)
        with suppress(OSError):
            kept.unlink(missing_ok=True)
            os.link(f"{path}{suffix}", kept)


def _cut(path: Path) -> None:
    """No more of the log than is needed to begin with; none where SQLite kept it, because somebody
    else has the file open, or what it holds could not be moved."""
    with suppress(OSError):
        kept = _kept(path, "-wal")
        if Path(f"{path}-wal").exists():
            kept.unlink()
        elif kept.stat().st_size > state_schema.RESERVE_BYTES:
            os.truncate(kept, state_schema.RESERVE_BYTES)


def _give_back(path: Path) -> None:
    """As an empty log, whose blocks are there; of a process that was killed its own is there."""
    for suffix in _COMPANIONS[1:]:
        kept, place = _kept(path, suffix), Path(f"{path}{suffix}")
        with suppress(FileNotFoundError):
            if path.exists() and not place.exists():
                with kept.open("r+b") as file:
                    file.write(bytes(_WAL_HEADER_BYTES))  # all of it was moved into the file
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):  # somebody else came to it first
                    os.link(kept, place)
            kept.unlink()


def _kept(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.kept{suffix}")


def _aside(path: Path, now: datetime) -> str:
    """Moves the file away under a dated name, and forgets the oldest of those moved before."""
    name = f"{path.name}.corrupt-{now:%Y%m%dT%H%M%S.%fZ}"
    for companion in _COMPANIONS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(path.with_name(name + companion))
    kept = sorted(
        found
        for found in path.parent.glob(f"{path.name}.corrupt-*")
        if not found.name.endswith(_COMPANIONS[1:])
    )
    for old in kept[: -state_schema.CORRUPT_KEPT_MAX]:
        for companion in _COMPANIONS:
            old.with_name(old.name + companion).unlink(missing_ok=True)
    return name
