"""The lines of days gone by, from whatever holds them still. Counts nothing, keeps no place."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from agent.maillog import files
from agent.maillog.files import Entry, Exchanged, LogFile, open_entry
from agent.maillog.follow import CHUNK_BYTES, DISORDER_MAX
from agent.maillog.journal_entries import Entries
from agent.maillog.logs import Logs
from agent.maillog.patterns import Patterns
from agent.maillog.times import LineClock, first_time, last_time

LOOKS_MAX = 20
Seen = Callable[[int], object]


class BackfillError(Exception):
    """What was to be read could not be."""


class FilePast:
    """Log files and their siblings, their lines from `since` to `before`, oldest file first."""

    def __init__(self, logs: Logs, *, since: datetime, before: datetime) -> None:
        """BackfillError: a folder cannot be read."""
        self._since, self._before = since, before
        found = (_family(Path(name)) for name in Patterns(logs.patterns).present())
        self._entries = [
            entry
            for entries in found
            for entry in files.readable(entries)
            if entry.mtime_ns / 1e9 >= since.timestamp()
        ]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self._entries)

    def chunks(self, seen: Seen) -> Iterator[bytes]:
        """Whole lines, some of them older or newer than asked for. `seen`: told bytes of `size`."""
        for entry in self._entries:
            try:
                file = open_entry(entry)
            except (OSError, Exchanged) as error:
                raise BackfillError(f"cannot read {entry.path}: {error}") from error
            if file is None:
                raise BackfillError(f"cannot read {entry.path}: permission denied")
            try:
                yield from self._chunks_of(file, entry, seen)
            finally:
                file.close()

    def _chunks_of(self, file: LogFile, entry: Entry, seen: Seen) -> Iterator[bytes]:
        clock = LineClock(self._before)
        offset = told = 0
        while chunk := file.read(offset, length=CHUNK_BYTES):
            lines = chunk[: chunk.rfind(b"\n") + 1] or chunk
            offset += len(lines)
            step = min(entry.size, offset) - told  # of a packed file, a guess until its end
            seen(step)
            told += step
            begins_at, ends_at = first_time(lines, clock), last_time(lines, clock)
            if begins_at is not None and begins_at > self._before + DISORDER_MAX:
                break
            if ends_at is None or ends_at >= self._since - DISORDER_MAX:
                yield lines if lines.endswith(b"\n") else lines + b"\n"
        seen(entry.size - told)


class JournalPast:
    """The journal's entries from `since` to `before`. Progress is told in seconds of it."""

    def __init__(self, logs: Logs, *, since: datetime, before: datetime) -> None:
        self._folder = logs.journal
        self._since, self._before = since, before

    @property
    def size(self) -> int:
        return int((self._before - self._since).total_seconds())

    def chunks(self, seen: Seen) -> Iterator[bytes]:
        """BackfillError: it cannot be read to its end."""
        told = 0
        try:
            with contextlib.closing(Entries(self._folder)) as entries:
                entries.go_to_time(self._since)
                while lines := [line for line in entries.read() if line.at < self._before]:
                    gone = int((lines[-1].at - self._since).total_seconds())
                    seen(max(0, gone - told))
                    told = max(told, gone)
                    yield b"".join(line.text for line in lines)
        except OSError as error:
            raise BackfillError(f"cannot read the journal: {error.strerror or error}") from error
        seen(self.size - told)


def past(logs: Logs, *, since: datetime, before: datetime) -> FilePast | JournalPast:
    """Where this node's log is, as the daemon would choose it."""
    reads_journal = logs.is_journal(None)
    return (JournalPast if reads_journal else FilePast)(logs, since=since, before=before)


def _family(path: Path) -> list[Entry]:
    for _ in range(LOOKS_MAX):
        try:
            return [*files.family(path)]
        except Exchanged:
            continue
        except OSError as error:
            raise BackfillError(f"cannot read {path.parent}: {error.strerror}") from error
    raise BackfillError(f"{path} is being rotated all the time")
