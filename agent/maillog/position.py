"""Where in the log we stand, in a form that proves itself. Opens nothing."""

import struct
from dataclasses import dataclass, replace
from hashlib import sha256

HEAD_BYTES = 1024
TAIL_BYTES = 256
# Version, flags, device, inode, offset, length of the head; then two digests.
_LAYOUT = struct.Struct(">BBQQQH32s32s")
_VERSION = 1
_MID_LINE = 1
_OFFSET_MAX = 1 << 62
_NO_BYTES = sha256(b"").digest()


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
