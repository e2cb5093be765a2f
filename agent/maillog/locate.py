"""Finding the place we read up to, by what the files hold, after a rotation, a crash or a restore.

In this order: the file whose beginning and last read bytes are ours; a shorter copy of ours (all
of it was read); the file that is ours but lost its end, from the first line after the last one
counted; any file, from there. Only the first two leave no gap. A gap is said, never guessed away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.maillog import files
from agent.maillog.files import Entry, Exchanged, LogFile, open_entry
from agent.maillog.parse import LINE_BYTES_MAX
from agent.maillog.position import LogPosition
from agent.maillog.times import LineClock, first_time

BLOCK_BYTES = 1 << 20
PEEK_BYTES = 16_384
LOOKS_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Lines of this window of log time may be missing from the totals."""

    start: datetime
    end: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """An open file, which now belongs to the caller, and where to go on reading it."""

    file: LogFile
    offset: int
    mid_line: bool = False
    gap: Gap | None = None


def at_end(path: Path) -> Located | None:
    """Behind the last whole line of the log; None: there is no log yet."""
    try:
        file = LogFile(path)
    except FileNotFoundError:
        return None
    size = file.status().st_size
    start = max(0, size - LINE_BYTES_MAX)
    newline = file.read(start, length=size - start).rfind(b"\n")
    offset = start + newline + 1 if newline >= 0 else size
    return Located(file=file, offset=offset, mid_line=newline < 0 < size)


def locate(path: Path, position: LogPosition, *, after: datetime, now: datetime) -> Located | None:
    """Where to go on; None while there is no file at all, or a rotation does not end.

    `after`: the log time of the last line counted, where the position itself proves nothing.
    OSError (PermissionError) when a file that decides cannot be read.
    """
    for _ in range(LOOKS_MAX):
        family = _Family(path)
        try:
            return family.keep(_locate(family, position, after=after, now=now))
        except Exchanged:
            continue
        finally:
            family.close()
    return None


class _Family:
    """The files looked at, all open at once: what is found is kept, the rest closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: list[LogFile] = []
        self._kept: LogFile | None = None

    def open(self, entry: Entry) -> LogFile | None:
        file = open_entry(entry)
        if file is not None:
            self._opened.append(file)
        return file

    def keep(self, located: Located | None) -> Located | None:
        self._kept = None if located is None else located.file
        return located

    def close(self) -> None:
        for file in self._opened:
            if file is not self._kept:
                file.close()


def _locate(
    family: _Family, position: LogPosition, *, after: datetime, now: datetime
) -> Located | None:
    entries = [entry for entry in files.family(family.path) if entry.size or entry.is_current]
    plain = [entry for entry in entries if not entry.is_compressed]
    ours = _proven(family, plain, position=position)
    if isinstance(ours, Located):
        return ours
    if ours is not None:
        plain = [entry for entry in plain if entry.order >= ours.order]
    clock = LineClock(now)
    found = _by_time(family, plain, after=after, clock=clock)
    if found is None or not position.head_length:
        return found  # a log that was empty, or not there, held nothing to lose
    block = found.file.read(found.offset, length=BLOCK_BYTES)
    rest = block.lstrip(b"\0")  # a part of what was lost
    resumed_at = first_time(rest[:PEEK_BYTES], clock)
    if resumed_at is None or resumed_at < after:
        resumed_at = now
    gap = Gap(start=after, end=resumed_at, text=_reason(family.path, entries, maimed=ours))
    return Located(file=found.file, offset=found.offset + len(block) - len(rest), gap=gap)


def _by_time(
    family: _Family, entries: Sequence[Entry], *, after: datetime, clock: LineClock
) -> Located | None:
    """The first line written after this time in these files, oldest first; else the last's end."""
    last: Located | None = None
    for entry in entries:
        file = family.open(entry)
        if file is not None:
            offset = _offset_after(file, after, clock=clock)
            last = Located(file=file, offset=offset)
            if offset < file.status().st_size:
                break
    return last


def _proven(
    family: _Family, entries: Sequence[Entry], *, position: LogPosition
) -> Located | Entry | None:
    """The place itself, or only the file that was ours and lost its end, or neither."""
    shorter: Located | None = None
    maimed: Entry | None = None
    for entry in sorted(entries, key=lambda e: e.inode != position.inode):
        file = family.open(entry)
        if file is None or not file.has_head_of(position):
            continue
        if file.has_tail_of(position) and entry.size >= position.offset:
            return Located(file=file, offset=position.offset, mid_line=position.mid_line)
        if _is_shorter_copy(entry, position):
            shorter = shorter or Located(file=file, offset=entry.size)
        else:
            maimed = maimed or entry
    return maimed or shorter


def _is_shorter_copy(entry: Entry, position: LogPosition) -> bool:
    """copytruncate copies, then truncates: we may have read lines in between that no copy has."""
    is_copy = not entry.is_current and entry.inode != position.inode
    return is_copy and entry.size < position.offset


def _reason(path: Path, entries: Sequence[Entry], *, maimed: Entry | None) -> str:
    if maimed is not None:
        return f"{maimed.path.name} lost the end we had read: a crash before it reached the disk?"
    if any(entry.is_compressed for entry in entries):
        return f"what we were reading of {path.name} is compressed, gone or unreadable"
    return f"what we were reading of {path.name} is gone or unreadable"


def _offset_after(file: LogFile, after: datetime, *, clock: LineClock) -> int:
    """Behind the last line up to this time. Later blocks first: the place is near the end."""
    size = file.status().st_size
    block = max(0, size - 1) // BLOCK_BYTES * BLOCK_BYTES
    while True:
        at = _first_time_from(file, block, clock=clock)
        if at is not None and at <= after:
            break
        if block == 0:
            return 0 if at is not None else size
        block -= BLOCK_BYTES
    place = _line_start(file, block)
    offset = place
    for line in _lines(file.read(place, length=BLOCK_BYTES + LINE_BYTES_MAX)):
        place += len(line)
        at = clock.read(line)
        if at is not None and at <= after:
            offset = place
    return offset


def _first_time_from(file: LogFile, block: int, *, clock: LineClock) -> datetime | None:
    return first_time(file.read(_line_start(file, block), length=PEEK_BYTES), clock)


def _line_start(file: LogFile, block: int) -> int:
    if block == 0:
        return 0
    newline = file.read(block, length=LINE_BYTES_MAX).find(b"\n")
    return block + newline + 1


def _lines(data: bytes) -> Iterator[bytes]:
    """Whole lines with their newlines; a half last one is left out."""
    whole = data[: data.rfind(b"\n") + 1]
    return iter(whole.splitlines(keepends=True) if whole else ())
