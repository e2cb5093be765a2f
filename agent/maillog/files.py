"""The log file and its rotated siblings: which there are, in which order; reading one of them.

Opens nothing else. A sibling is the log's name with a number or a date behind it (logrotate(8),
`postfix logrotate`). One compressed since by gzip is read as if it were not; by another, only seen.
Where the log is a symbolic link, what it points to has siblings as well.
"""

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from agent.maillog.position import HEAD_BYTES, TAIL_BYTES, LogPosition, digest
from agent.maillog.unpacked import Unpacked

SIBLINGS_MAX = 100  # the newest; a year of weekly files is half of it
BLOCK_BYTES = 1 << 20
ZEROES_MAX = 64 * BLOCK_BYTES
PACKED_SIZE = 1 << 62  # of a packed file's end nothing is known before it is met
_PACKED = re.compile(r"\.(?:gz|bz2|xz|zst|lz4)")
_DATE = re.compile(r"\d{6,}|\d{4}-\d\d-\d\d")
_SUFFIX = re.compile(r"[.-](?P<number>\d[\dT:_-]*)(?P<compressed>\.(?:gz|bz2|xz|zst|lz4))?")
_SEPARATOR = re.compile(r"(?<=[^/])[.-]")
_NUMBER_DIGITS_MAX = 3  # more digits are a date


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of the family as the directory names it. Ordered oldest first; the log itself last."""

    path: Path
    device: int
    inode: int
    size: int
    mtime_ns: int
    is_current: bool
    is_compressed: bool
    rank: tuple[int, str]

    @property
    def is_gzip(self) -> bool:
        return self.is_compressed and self.path.suffix == ".gz"

    @property
    def order(self) -> tuple[bool, int, tuple[int, str]]:
        return (self.is_current, self.mtime_ns, self.rank)


class Exchanged(Exception):
    """Files were renamed while we looked: look again."""


class LogFile:
    """One open file, whatever its name becomes. OSError when it cannot be opened.

    `is_packed`: offsets are those of what the gzip file holds.
    """

    __slots__ = ("_descriptor", "_unpacked", "device", "inode", "path")

    def __init__(self, path: Path, *, is_packed: bool = False) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._descriptor)
            raise OSError(f"{path} is not a regular file")
        self.device, self.inode = status.st_dev, status.st_ino
        self._unpacked = Unpacked(self._descriptor) if is_packed else None

    def look(self) -> tuple[int, int]:
        """Size, and time of the last change in nanoseconds."""
        status = os.fstat(self._descriptor)
        return (PACKED_SIZE if self.is_packed else status.st_size, status.st_mtime_ns)

    def read(self, offset: int, *, length: int) -> bytes:
        if self._unpacked is not None:
            return self._unpacked.read(offset, length=length)
        return os.pread(self._descriptor, length, offset)

    @property
    def is_packed(self) -> bool:
        return self._unpacked is not None

    @property
    def is_cut(self) -> bool:
        """A packed file that was read to its end, and it is not the end that was written."""
        return self._unpacked is not None and not self._unpacked.is_whole

    def end(self) -> int:
        """The size; of a packed file it takes unpacking the rest."""
        return self.look()[0] if self._unpacked is None else self._unpacked.size

    def tail(self, offset: int) -> bytes:
        """The bytes before the offset that prove it."""
        length = min(TAIL_BYTES, offset)
        return self.read(offset - length, length=length)

    def head(self, length: int = HEAD_BYTES) -> bytes:
        """The bytes that tell this file from others. Zeroes, which a crash may leave at the
        beginning, are in many files and tell nothing: they are passed over."""
        head = self.read(0, length=length)
        place = 0
        while head.startswith(b"\0") and place < ZEROES_MAX:
            block = self.read(place, length=BLOCK_BYTES)
            if text := block.lstrip(b"\0"):
                return self.read(place + len(block) - len(text), length=length)
            if not block:
                break
            place += len(block)
        return head

    def has_head_of(self, position: LogPosition) -> bool:
        """A position of no length proves nothing and fits nothing."""
        head = self.head(position.head_length)
        return 0 < len(head) == position.head_length and digest(head) == position.head_digest

    def has_tail_of(self, position: LogPosition) -> bool:
        tail = self.tail(position.offset)
        return (
            len(tail) == min(TAIL_BYTES, position.offset) and digest(tail) == position.tail_digest
        )

    def position(self, offset: int, *, mid_line: bool = False) -> LogPosition:
        head = self.head()
        return LogPosition(
            device=self.device,
            inode=self.inode,
            head_length=len(head),
            head_digest=sha256(head).digest(),
            offset=offset,
            tail_digest=digest(self.tail(offset)),
            mid_line=mid_line,
        )

    def close(self) -> None:
        os.close(self._descriptor)


def has_place(path: Path, position: LogPosition) -> bool:
    """Whether this file begins as ours does and holds what we read last where we stand."""
    try:
        file = LogFile(path, is_packed=path.suffix == ".gz")
    except OSError:
        return False
    try:
        return file.has_head_of(position) and file.has_tail_of(position)
    finally:
        file.close()


def is_about(path: Path, position: LogPosition) -> bool:
    """Whether the log or a sibling of it has the place. Exchanged as for `family`."""
    return any(has_place(entry.path, position) for entry in readable(family(path)))


def stem(name: str) -> str | None:
    """The log's name that this sibling's was made of; None: it is no sibling's name."""
    for place in (match.start() for match in _SEPARATOR.finditer(name)):
        if _SUFFIX.fullmatch(name, place):
            return name[:place]
    return None


def family(path: Path) -> Sequence[Entry]:
    """The log and its siblings, oldest first.

    Exchanged: a rotation is going on, which may show one file under two names and hide another.
    OSError: the directory cannot be read.
    """
    entries, again = _look(path), _look(path)
    if [(e.path, e.inode) for e in entries] != [(e.path, e.inode) for e in again]:
        raise Exchanged
    return sorted(again, key=lambda entry: entry.order)[-SIBLINGS_MAX:]


def open_entry(entry: Entry) -> LogFile | None:
    """None when it is not ours to read; but the log itself must be: PermissionError.

    Exchanged: what was listed has another name now.
    """
    try:
        file = LogFile(entry.path, is_packed=entry.is_gzip)
    except FileNotFoundError as error:
        raise Exchanged from error
    except PermissionError:
        if entry.is_current:
            raise
        return None
    if (file.device, file.inode) != (entry.device, entry.inode):
        file.close()
        raise Exchanged
    return file


def readable(entries: Sequence[Entry]) -> list[Entry]:
    """Those that can be read; of one just being compressed the plain one."""
    plain = {entry.path.name for entry in entries if not entry.is_compressed}
    return [
        entry
        for entry in entries
        if not entry.is_compressed or (entry.is_gzip and entry.path.stem not in plain)
    ]


def _look(path: Path) -> list[Entry]:
    entries = _listed(path)
    if path.is_symlink():
        target = path.resolve()
        known = {(entry.device, entry.inode) for entry in entries}
        beside = _listed(target, is_target=True)
        entries += [entry for entry in beside if (entry.device, entry.inode) not in known]
    return entries


def _listed(path: Path, *, is_target: bool = False) -> list[Entry]:
    prefix = _DATE.split(path.name, maxsplit=1)[0] if is_target else path.name
    try:
        with os.scandir(path.parent) as listing:
            near = sorted(
                (found for found in listing if found.name.startswith(prefix)),
                key=lambda found: found.name,
            )
    except FileNotFoundError:
        return []
    entry_of = _target_entry if is_target else _entry
    return [entry for found in near if (entry := entry_of(path, found)) is not None]


def _entry(path: Path, found: "os.DirEntry[str]") -> Entry | None:
    is_current = found.name == path.name
    suffix = _SUFFIX.fullmatch(found.name, len(path.name))
    if not is_current and suffix is None:
        return None
    rank = _rank(suffix["number"]) if suffix else (0, "")
    return _described(path.parent, found, is_current=is_current, rank=rank)


def _target_entry(target: Path, found: "os.DirEntry[str]") -> Entry | None:
    """A sibling of what a link points to: its name and a suffix, or its name with another date."""
    suffix = _SUFFIX.fullmatch(found.name, len(target.name))
    if found.name.startswith(target.name) and suffix is not None:
        return _described(target.parent, found, is_current=False, rank=_rank(suffix["number"]))
    plain = (
        _PACKED.sub("", found.name) if _PACKED.fullmatch(Path(found.name).suffix) else found.name
    )
    if plain == target.name or _DATE.sub("0", plain) != _DATE.sub("0", target.name):
        return None
    return _described(target.parent, found, is_current=False, rank=(0, plain))


def _described(
    folder: Path, found: "os.DirEntry[str]", *, is_current: bool, rank: tuple[int, str]
) -> Entry | None:
    try:
        # The log itself may be a symbolic link; nothing else is followed.
        status = found.stat(follow_symlinks=is_current)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Entry(
        path=folder / found.name,
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        is_current=is_current,
        is_compressed=not is_current and bool(_PACKED.fullmatch(Path(found.name).suffix)),
        rank=rank,
    )


def _rank(number: str) -> tuple[int, str]:
    """Between equal times .2 is older than .1, and an earlier date than a later one."""
    if len(number) <= _NUMBER_DIGITS_MAX and number.isdigit():
        return (-int(number), "")
    return (0, number)
