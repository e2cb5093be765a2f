"""Finding the place we read up to, by what the files hold, after a rotation, a crash or a restore.

In this order: the file whose beginning and last read bytes are ours; a shorter copy of ours (all
of it was read); the file that is ours but lost its end, from the first line after the last one
counted; any file, from there. Only the first two leave no gap. A gap is said, never guessed away.
Compressed files are asked when no other file has the place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agent.maillog import files
from agent.maillog.files import Entry, Exchanged, LogFile, open_entry
from agent.maillog.parse import LINE_BYTES_MAX
from agent.maillog.position import LogPosition
from agent.maillog.times import LineClock, first_time, last_time

BLOCK_BYTES = 1 << 20
PEEK_BYTES = 16_384
LOOKS_MAX = 50
STALE = timedelta(hours=1)  # by how much a file's time may be wrong


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
    size = file.end()
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

    def drop(self, file: LogFile) -> None:
        self._opened.remove(file)
        file.close()

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
    readable = files.readable(entries)
    clock = LineClock(now)
    ours = _ours(family, readable, position=position, after=after, clock=clock)
    if isinstance(ours, Located):
        return ours
    if ours is not None:
        readable = [entry for entry in readable if entry.order >= ours.order]
    found = _by_time(family, readable, after=after, clock=clock)
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
    """The first line written after this time: behind the newest line that is older, else at the
    beginning of the oldest file. What tells no time is passed over while anything else does."""
    later: Located | None = None
    silent: Located | None = None
    for entry in reversed(entries):
        if entry.is_compressed and entry.mtime_ns < (after - STALE).timestamp() * 1e9:
            break  # unpacking a year of them would tell the same
        file = family.open(entry)
        if file is None:
            continue
        offset = _offset_after(file, after, clock=clock)
        if offset is None:
            silent = silent or Located(file=file, offset=file.end())
        elif offset == 0:
            later = Located(file=file, offset=0)
        elif later is None or first_time(file.read(offset, length=PEEK_BYTES), clock) is not None:
            return Located(file=file, offset=offset)
        else:
            return later
    return later or silent


def _ours(
    family: _Family,
    entries: Sequence[Entry],
    *,
    position: LogPosition,
    after: datetime,
    clock: LineClock,
) -> Located | Entry | None:
    """The place itself, or only the file that was ours and lost its end, or neither."""
    plain = [entry for entry in entries if not entry.is_compressed]
    found, is_proven = _in_plain(family, plain, position=position)
    if is_proven or not position.head_length:
        return found
    for entry in reversed([entry for entry in entries if entry.is_compressed]):
        file = family.open(entry)
        if file is None:
            continue
        if not file.has_head_of(position):
            family.drop(file)
        elif file.has_tail_of(position):
            return Located(file=file, offset=position.offset, mid_line=position.mid_line)
        else:
            found = found or _maimed_or_read(file, entry, after=after, clock=clock)
    return found


def _in_plain(
    family: _Family, entries: Sequence[Entry], *, position: LogPosition
) -> tuple[Located | Entry | None, bool]:
    """What `_ours` says, and whether it is the place itself."""
    shorter: Located | None = None
    maimed: Entry | None = None
    for entry in sorted(entries, key=lambda e: e.inode != position.inode):
        file = family.open(entry)
        if file is None or not file.has_head_of(position):
            continue
        if file.has_tail_of(position) and entry.size >= position.offset:
            offset, mid_line = position.offset, position.mid_line
            return Located(file=file, offset=offset, mid_line=mid_line), True
        if _is_shorter_copy(entry, position):
            shorter = shorter or Located(file=file, offset=entry.size)
        else:
            maimed = maimed or entry
    return maimed or shorter, False


def _maimed_or_read(
    file: LogFile, entry: Entry, *, after: datetime, clock: LineClock
) -> Located | Entry:
    """A compressed copy without our place: whether a crash took its end its last line tells."""
    end = file.end()
    start = max(0, end - PEEK_BYTES)
    written_to = last_time(file.read(start, length=end - start), clock)
    is_read = written_to is None or written_to <= after
    return Located(file=file, offset=end) if is_read and not file.is_cut else entry


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


def _offset_after(file: LogFile, after: datetime, *, clock: LineClock) -> int | None:
    """Behind the last line up to this time; None: no line tells its time. Half a line at the end
    may be what is left of one counted long ago; what comes next begins just behind it."""
    block = (_block_from_start if file.is_packed else _block_from_end)(file, after, clock=clock)
    if block is None:
        return None if _first_time_from(file, 0, clock=clock) is None else 0
    place = _line_start(file, block)
    offset = place
    data = file.read(place, length=BLOCK_BYTES + LINE_BYTES_MAX)
    *whole, half = data.split(b"\n")
    is_at_end = len(data) < BLOCK_BYTES + LINE_BYTES_MAX
    for line in [line + b"\n" for line in whole] + [half] * (is_at_end and half != b""):
        place += len(line)
        at = clock.read(line)
        if at is not None and at <= after:
            offset = place
    return offset


def _block_from_end(file: LogFile, after: datetime, *, clock: LineClock) -> int | None:
    """The last block that begins no later than this; None: not even the first does.

    Later blocks first: the place is near the end.
    """
    for block in range(max(0, file.end() - 1) // BLOCK_BYTES * BLOCK_BYTES, -1, -BLOCK_BYTES):
        at = _first_time_from(file, block, clock=clock)
        if at is not None and at <= after:
            return block
    return None


def _block_from_start(file: LogFile, after: datetime, *, clock: LineClock) -> int | None:
    """The same where going back is dear."""
    found, block = None, 0
    while file.read(block, length=1):
        at = _first_time_from(file, block, clock=clock)
        if at is not None and at > after:
            break
        found = found if at is None else block
        block += BLOCK_BYTES
    return found


def _first_time_from(file: LogFile, block: int, *, clock: LineClock) -> datetime | None:
    return first_time(file.read(_line_start(file, block), length=PEEK_BYTES), clock)


def _line_start(file: LogFile, block: int) -> int:
    if block == 0:
        return 0
    newline = file.read(block, length=LINE_BYTES_MAX).find(b"\n")
    return block + newline + 1
