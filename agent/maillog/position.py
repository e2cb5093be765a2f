"""Where in the log we stand, in a form that proves itself. Opens nothing.

A lone file's place is a LogPosition, the journal's a JournalPosition; Positions holds those of
several sources by name. The first byte of each says which it is.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from hashlib import sha256

HEAD_BYTES = 1024
TAIL_BYTES = 256
# Version, flags, device, inode, offset, length of the head; then two digests.
_LAYOUT = struct.Struct(">BBQQQH32s32s")
_VERSION = 1
_MID_LINE = 1
_OFFSET_MAX = 1 << 62
_NO_BYTES = sha256(b"").digest()
_JOURNAL_VERSION = 2
_SEVERAL_VERSION = 3
_JOURNAL_LAYOUT = struct.Struct(">BqH")  # version, microseconds, length of the cursor behind it
_ENTRY_LAYOUT = struct.Struct(">HHq")  # lengths of name and place behind it, microseconds
CURSOR_BYTES_MAX = 512
NAME_BYTES_MAX = 4096
_EPOCH_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """How far one file was read.

    Device and inode are hints: a copy keeps neither, and a deleted file's inode is used again.
    The proof is the digest of the file's first `head_length` bytes (min(1024, size) when taken)
    and that of the last min(256, offset) bytes before the offset. A length of 0 proves nothing.
    `mid_line`: the offset stands inside a line too long to be read, whose rest is to be skipped.
    """

    device: int = 0
    inode: int = 0
    head_length: int = 0
    head_digest: bytes = _NO_BYTES
    offset: int = 0
    tail_digest: bytes = _NO_BYTES
    mid_line: bool = False

    def to_bytes(self) -> bytes:
        return _LAYOUT.pack(
            _VERSION,
            _MID_LINE if self.mid_line else 0,
            self.device,
            self.inode,
            self.offset,
            self.head_length,
            self.head_digest,
            self.tail_digest,
        )

    @classmethod
    def from_bytes(cls, packed: bytes) -> "LogPosition":
        """ValueError: not a position this version wrote."""
        if len(packed) != _LAYOUT.size:
            raise ValueError(f"a log position is {_LAYOUT.size} bytes, not {len(packed)}")
        version, flags, device, inode, offset, length, head, tail = _LAYOUT.unpack(packed)
        if version != _VERSION or flags & ~_MID_LINE:
            raise ValueError(f"log position of unknown version {version}, flags {flags}")
        if length > HEAD_BYTES or offset > _OFFSET_MAX or (offset and not length):
            raise ValueError(f"impossible log position: offset {offset}, head of {length} bytes")
        return cls(
            device=device,
            inode=inode,
            head_length=length,
            head_digest=head,
            offset=offset,
            tail_digest=tail,
            mid_line=bool(flags & _MID_LINE),
        )

    def with_head(self, head: bytes) -> "LogPosition":
        """The same place, known by more of the file's beginning."""
        return replace(self, head_length=len(head), head_digest=sha256(head).digest())


def digest(block: bytes) -> bytes:
    return sha256(block).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPosition:
    """Behind which entry of the systemd journal we stand.

    The cursor is that entry's own (systemd.journal-fields(7), __CURSOR); it is proven by meeting
    the entry again. Empty: there was no entry of ours before `at`, the entry's arrival otherwise.
    """

    cursor: str = ""
    at: datetime

    def to_bytes(self) -> bytes:
        cursor = self.cursor.encode("ascii")
        head = _JOURNAL_LAYOUT.pack(_JOURNAL_VERSION, _microseconds(self.at), len(cursor))
        return head + cursor

    @classmethod
    def from_bytes(cls, packed: bytes) -> "JournalPosition":
        """ValueError: not a position this version wrote."""
        try:
            version, at, length = _JOURNAL_LAYOUT.unpack_from(packed)
            cursor = packed[_JOURNAL_LAYOUT.size :]
            if version != _JOURNAL_VERSION or length != len(cursor) or length > CURSOR_BYTES_MAX:
                raise ValueError(f"not a journal position of {len(packed)} bytes")
            return cls(cursor=cursor.decode("ascii"), at=_EPOCH_START + at * _MICROSECOND)
        except (struct.error, OverflowError) as error:
            raise ValueError(f"not a journal position: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far one of several sources was read, and its last line's time."""

    position: LogPosition
    counted_to: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """How far each of several files was read, by the name it is followed by."""

    by_name: Mapping[str, Place] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        parts = [bytes((_SEVERAL_VERSION,))]
        for name, place in sorted(self.by_name.items()):
            encoded, packed = name.encode("utf-8", "surrogateescape"), place.position.to_bytes()
            at = _microseconds(place.counted_to)
            parts += (_ENTRY_LAYOUT.pack(len(encoded), len(packed), at), encoded, packed)
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, packed: bytes) -> "Positions":
        """ValueError: not positions this version wrote."""
        by_name = {}
        start = 1
        try:
            while start < len(packed):
                name_length, length, at = _ENTRY_LAYOUT.unpack_from(packed, start)
                start += _ENTRY_LAYOUT.size
                name = packed[start : start + name_length].decode("utf-8", "surrogateescape")
                start += name_length
                position = LogPosition.from_bytes(packed[start : start + length])
                start += length
                by_name[name] = Place(
                    position=position, counted_to=_EPOCH_START + at * _MICROSECOND
                )
        except (struct.error, OverflowError) as error:
            raise ValueError(f"positions cut short or damaged: {error}") from error
        return cls(by_name=by_name)


Position = LogPosition | JournalPosition | Positions


def from_bytes(packed: bytes) -> Position:
    """The place that any of the three wrote. ValueError: no version of ours did."""
    if packed[:1] == bytes((_JOURNAL_VERSION,)):
        return JournalPosition.from_bytes(packed)
    if packed[:1] == bytes((_SEVERAL_VERSION,)):
        return Positions.from_bytes(packed)
    return LogPosition.from_bytes(packed)


def understood(packed: bytes) -> Position | None:
    """The same; None: there is none, or none of a version that we know."""
    try:
        return from_bytes(packed)
    except ValueError:
        return None


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH_START) // _MICROSECOND
