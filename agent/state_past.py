"""Minutes of before we counted, in a table of their own beside the daemon's. Never in totals.

Written by a command while the daemon may run: in short transactions, so that it waits for none.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from agent import state_schema
from agent.state_file import StateError, is_retryable, to_datetime

DAYS_MAX = 31
SLICE_MINUTES = 60
WAIT_SECONDS = 5.0
_MINUTE = timedelta(minutes=1)
_EPOCH_START = to_datetime(0)

# Minute since 1970, address, receiver, outcome -> attempts.
Minutes = Mapping[tuple[int, str, str, str], int]


class Past:
    """StateError from every method: no state file of this version, or no room."""

    def __init__(self, path: Path) -> None:
        try:
            self._database = sqlite3.connect(
                f"{path.as_uri()}?mode=rw", uri=True, timeout=WAIT_SECONDS, isolation_level=None
            )
            ((version,),) = self._database.execute("PRAGMA user_version")
        except sqlite3.Error as error:
            raise StateError(f"{path}: {error}", retryable=is_retryable(error)) from error
        if version != state_schema.VERSION:
            self._database.close()
            raise StateError(f"{path}: schema {version}; start the daemon once", retryable=False)
        self._path = path

    def close(self) -> None:
        self._database.close()

    def counted_from(self) -> datetime | None:
        """What is later is the daemon's."""
        ((at,),) = self._run("SELECT counted_from FROM node")
        return to_datetime(at)

    def replace(self, minutes: Minutes, *, since: datetime, before: datetime) -> None:
        """These are all the minutes from the one to the other; what is too old goes."""
        first, end = minute_of(since), minute_of(before)
        ordered = sorted(minutes.items())
        self._run("DELETE FROM past WHERE minute < ?", (end - DAYS_MAX * 1440,))
        for start in range(first, end, SLICE_MINUTES):
            until = min(end, start + SLICE_MINUTES)
            rows = [(*key, count) for key, count in ordered if start <= key[0] < until]
            self._replace_slice(rows, start=start, until=until)

    def _replace_slice(self, rows: Sequence[tuple[object, ...]], *, start: int, until: int) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "DELETE FROM past WHERE minute BETWEEN ? AND ? - 1", (start, until)
            )
            self._database.executemany("INSERT INTO past VALUES (?, ?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise StateError(f"{self._path}: {error}", retryable=is_retryable(error)) from error

    def _run(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[int | None]]:
        try:
            return self._database.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StateError(f"{self._path}: {error}", retryable=is_retryable(error)) from error


def minute_of(at: datetime) -> int:
    """Minutes since 1970."""
    assert _EPOCH_START is not None
    return (at - _EPOCH_START) // _MINUTE
