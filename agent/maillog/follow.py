"""Follows one log file, by whatever means it is rotated, and hands out its whole lines once each.

Reads the file and its siblings, keeps nothing on disk, understands no line but its time. What was
handed out is the caller's to store together with the position that comes with it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from agent.maillog import files
from agent.maillog.files import Entry, Exchanged, LogFile, family, open_entry
from agent.maillog.locate import PEEK_BYTES, Gap, Located, at_end, locate
from agent.maillog.parse import LINE_BYTES_MAX
from agent.maillog.position import HEAD_BYTES, LogPosition, Position, digest
from agent.maillog.times import LineClock, first_time, last_time

CHUNK_BYTES = 1 << 17  # with all that is found in it, what a core's own cache holds
BEHIND_BYTES = 1 << 18
STILL_POLLS = 2  # looks at an unchanging end before a renamed file counts as finished
DISORDER_MAX = timedelta(minutes=1)  # a clock put back between two lines, several writers


class Batch(NamedTuple):
    """Whole lines, and the position behind them. So many `overlong` ones were left out of `data`.
    `moved`: another file than the last batch's. Of several logs, `name` and `place` are of the one
    that these lines stand in. `behind`: where reading begins, some of what stands before.
    """

    data: bytes
    position: Position
    counted_to: datetime
    overlong: int = 0
    gap: Gap | None = None
    moved: bool = False
    has_more: bool = True  # False: this was all there is
    name: str = ""
    place: Position | None = None
    behind: bytes = b""


class Follower:
    """Goes on at `position`; without one, at the log's end. `counted_to`: the last line's time.

    OSError from `read` leaves it as it was: call again.
    """

    def __init__(self, path: Path, *, position: LogPosition | None, counted_to: datetime) -> None:
        self._path = path
        self._position = position or LogPosition()
        self._starts_at_end = position is None
        self._counted_to = counted_to
        self._file: LogFile | None = None
        self._tail = b""
        self._seen = (-1, -1)  # size and time of change at the last look
        self._still = 0
        self._clock = LineClock(counted_to)

    def read(self, now: datetime) -> Batch | None:
        """The next lines, at most CHUNK_BYTES; None when there is nothing new, or no file."""
        self._clock.now = now
        if self._file is None:
            return self._begin(now)
        seen = self._file.look()
        if seen != self._seen and self._may_be_copied(self._file):
            self.close()
            return self._begin(now)
        chunk = b""
        if seen != self._seen or seen[0] > self._position.offset:
            known = self._read_on(self._file, seen[0])
            if known is None:
                self.close()
                return self._begin(now)
            chunk = known
        if seen != self._seen:
            self._seen = seen
            self._still = 0
        batch = self._next_lines(self._file, chunk, now=now) if chunk else None
        return batch or self._after_rotation(self._file, now)

    def expect_new(self) -> None:
        """There was no log to start at the end of: whatever comes is read from its beginning."""
        self._starts_at_end = False

    @property
    def is_open(self) -> bool:
        return self._file is not None

    @property
    def is_behind(self) -> bool:
        """Whether the file was written to since it was last looked at."""
        return self._file is not None and self._file.look() != self._seen

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self, now: datetime) -> Batch | None:
        if self._starts_at_end:
            located = at_end(self._path)
        else:
            located = locate(self._path, self._position, after=self._counted_to, now=now)
        if located is None:
            return None
        self._starts_at_end = False
        self._move_to(located)
        start = max(0, located.offset - BEHIND_BYTES)
        behind = located.file.read(start, length=located.offset - start)
        batch = self._batch(b"", gap=located.gap, moved=True)
        return batch._replace(behind=behind[behind.find(b"\n") + 1 :] if start else behind)

    def _move_to(self, located: Located) -> None:
        self.close()
        self._file = located.file
        self._position = located.file.position(located.offset, mid_line=located.mid_line)
        self._tail = located.file.tail(located.offset)
        self._seen = (-1, -1)
        self._still = 0

    def _may_be_copied(self, file: LogFile) -> bool:
        """A log that was empty is changed: it may have been copied and truncated since. Of nothing
        there is no proof; a sibling changed since then tells."""
        if self._position.head_length or self._seen[1] < 0:
            return False
        entries = files.readable(self._family())
        return any(
            entry.size and not entry.is_current and entry.mtime_ns >= self._seen[1]
            for entry in entries
        )

    def _family(self) -> Sequence[Entry]:
        try:
            return family(self._path)
        except Exchanged:
            return ()

    def _read_on(self, file: LogFile, size: int) -> bytes | None:
        """What follows; None when what we have read last is not before it any more; of a file not
        read at all yet, when it does not begin as it did."""
        offset, tail = self._position.offset, self._tail
        if size < offset:
            return None
        if not offset and self._position.head_length and not file.has_head_of(self._position):
            return None
        length = len(tail) + min(CHUNK_BYTES, size - offset)
        found = file.read(offset - len(tail), length=length)
        return found[len(tail) :] if found.startswith(tail) else None

    def _next_lines(self, file: LogFile, chunk: bytes, *, now: datetime) -> Batch | None:
        """None when all there is is half a line."""
        if self._position.mid_line:
            return self._skip_line(file, chunk)
        if chunk.startswith(b"\0"):
            return self._skip_zeroes(file, chunk, now)
        lines = chunk[: chunk.rfind(b"\n") + 1]
        if lines:
            self._advance(file, lines)
            has_more = len(chunk) == CHUNK_BYTES
            return self._batch(lines, has_more=has_more)
        if len(chunk) <= LINE_BYTES_MAX:
            return None
        self._advance(file, chunk, mid_line=True)
        return self._batch(b"")

    def _skip_line(self, file: LogFile, chunk: bytes) -> Batch:
        newline = chunk.find(b"\n")
        skipped = chunk[: newline + 1] if newline >= 0 else chunk
        self._advance(file, skipped, mid_line=newline < 0)
        return self._batch(b"", overlong=int(newline >= 0))

    def _skip_zeroes(self, file: LogFile, chunk: bytes, now: datetime) -> Batch:
        """A crash before the blocks were written leaves the length, and zeroes in it."""
        rest = chunk.lstrip(b"\0")
        self._advance(file, chunk[: len(chunk) - len(rest)])
        end = first_time(rest, self._clock) or now
        text = f"{self._path.name} holds a block of zeroes: lines lost in a crash"
        return self._batch(b"", gap=Gap(start=self._counted_to, end=end, text=text))

    def _advance(self, file: LogFile, consumed: bytes, *, mid_line: bool = False) -> None:
        self._tail = (self._tail + consumed)[-256:] if len(consumed) < 256 else consumed[-256:]
        before = self._position
        position = LogPosition(
            device=before.device,
            inode=before.inode,
            head_length=before.head_length,
            head_digest=before.head_digest,
            offset=before.offset + len(consumed),
            tail_digest=digest(self._tail),
            mid_line=mid_line,
        )
        if position.head_length < HEAD_BYTES:
            position = position.with_head(file.head())
        self._position = position

    def _batch(
        self,
        data: bytes,
        *,
        overlong: int = 0,
        gap: Gap | None = None,
        moved: bool = False,
        has_more: bool = True,
    ) -> Batch:
        self._counted_to = last_time(data, self._clock) or self._counted_to
        return Batch(
            data=data,
            position=self._position,
            counted_to=self._counted_to,
            overlong=overlong,
            gap=gap,
            moved=moved,
            has_more=has_more,
        )

    def _after_rotation(self, file: LogFile, now: datetime) -> Batch | None:
        """Once the name is another file's and ours rests: its half last line, then the next."""
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return None
        if (named.st_dev, named.st_ino) == (file.device, file.inode):
            return None
        self._still += 1
        if self._still < STILL_POLLS:
            return None
        try:
            located = self._successor(file, now)
        except Exchanged:
            return None
        if located is None:
            return None
        seen = file.look()
        half = file.read(self._position.offset, length=LINE_BYTES_MAX)
        if seen != self._seen:
            located.file.close()
            return None  # written to once more, just before the new one was
        if half:
            located.file.close()
            self._advance(file, half)
            return self._batch(half + b"\n")
        gap = located.gap
        if gap is None and file.is_cut:
            text = f"{file.path.name} ends before its end: it was cut, or is damaged"
            gap = Gap(start=self._counted_to, end=self._begins_at(located.file) or now, text=text)
        self._move_to(located)
        return self._batch(b"", gap=gap, moved=True)

    def _successor(self, file: LogFile, now: datetime) -> Located | None:
        """The oldest file written after ours that holds anything; None: not there yet."""
        entries = family(self._path)
        readable = {entry.path for entry in files.readable(entries)}
        unread: list[Entry] = []
        for entry in (entry for entry in entries if _is_later(entry, file, among=entries)):
            if not entry.size or _is_twin(entry, entries):
                continue
            successor = open_entry(entry) if entry.path in readable else None
            if successor is None:
                unread.append(entry)
                continue
            begins_at = self._begins_at(successor)
            is_copy = not entry.is_current and successor.has_head_of(self._position)
            if entry.is_current or (self._may_follow(begins_at) and not is_copy):
                gap = self._gap_over(unread, begins_at or now)
                return Located(file=successor, offset=0, gap=gap)
            successor.close()
            if not is_copy:
                unread.append(entry)
        return None

    def _begins_at(self, file: LogFile) -> datetime | None:
        return first_time(file.read(0, length=PEEK_BYTES), self._clock)

    def _may_follow(self, begins_at: datetime | None) -> bool:
        """An older file that somebody touched begins earlier."""
        return begins_at is not None and begins_at >= self._counted_to - DISORDER_MAX

    def _gap_over(self, unread: Sequence[Entry], until: datetime) -> Gap | None:
        if not unread:
            return None
        names = ", ".join(entry.path.name for entry in unread)
        return Gap(start=self._counted_to, end=until, text=f"{names} was not read")


def _is_later(entry: Entry, file: LogFile, *, among: Sequence[Entry]) -> bool:
    """Whether it was last written after ours; equal times are told apart by the names' order."""
    if (entry.device, entry.inode) == (file.device, file.inode):
        return False
    if entry.is_current:
        return True
    for ours in among:
        if (ours.device, ours.inode) == (file.device, file.inode):
            return entry.order > ours.order
    return entry.mtime_ns > file.look()[1]


def _is_twin(entry: Entry, entries: Sequence[Entry]) -> bool:
    """Just being compressed, and still there without."""
    return entry.is_compressed and any(other.path.name == entry.path.stem for other in entries)
