"""What a disk may hold after a power cut, from a record of what a process wrote to it.

Of a file there is all that was synced, and of what was written since, any part in any order: each
sector of 512 bytes for itself. (SQLite asks no more of a disk: sqlite.org/atomiccommit.html, 2.)
Names are changed at once and in order, as a journalling file system has them; a file's shared index
(-shm) is nobody's after a restart. The record is strace(1)'s, of the calls that change a file.
"""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,fallocate,unlink,link,rename"
SECTOR = 512
APPENDED = frozenset(("mail.log", "marks"))  # opened at their end

_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)")
_FILE = re.compile(r"\d+<([^>]*)>")
_TEXT = re.compile(r'"([^"]*)"')
_NUMBERS = re.compile(r", (\d+)(?=, |\Z)")


def recorder(record: Path) -> list[str]:
    """What to put before a command."""
    return ["strace", "-o", str(record), "-y", "-xx", "-s", "10000000", "-e", f"trace={CALLS}"]


@dataclass(frozen=True, kw_only=True)
class Call:
    name: str
    files: tuple[str, ...]
    data: bytes = b""
    numbers: tuple[int, ...] = ()


def calls(record: Path, folder: Path) -> list[Call]:
    """Those that succeeded, on files of the folder."""
    found = (_CALL.match(line) for line in record.read_text().splitlines())
    read = (_call(match[1], match[2], folder) for match in found if match and match[3][0] != "-")
    return [call for call in read if call.files]


def _call(name: str, arguments: str, folder: Path) -> Call:
    texts = [_bytes(text) for text in _TEXT.findall(arguments)]
    paths = [_bytes(text).decode() for text in _FILE.findall(arguments)]
    data = b""
    if name in ("write", "pwrite64"):
        (data,) = texts
    else:
        paths += [text.decode() for text in texts]
    inside = [Path(path).name for path in paths if Path(path).parent == folder]
    numbers = tuple(map(int, _NUMBERS.findall(_TEXT.sub("", arguments))))
    return Call(name=name, files=tuple(inside), data=data, numbers=numbers)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@dataclass
class File:
    """`pending`: what is not synced, as offset and bytes; no bytes: a new size."""

    synced: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    size: int = 0

    def whole(self) -> bytes:
        return _applied(self.synced, self.pending)

    def sync(self) -> None:
        self.synced, self.pending = self.whole(), []

    def write(self, offset: int, data: bytes) -> None:
        self.pending.append((offset, data))
        self.size = max(self.size, offset + len(data))

    def resize(self, size: int) -> None:
        self.pending.append((size, None))
        self.size = size

    def survivor(self, dice: random.Random) -> bytes:
        """One of the many contents it may have."""
        share = dice.choice((0.0, 0.5, 0.9, 1.0))
        is_torn = dice.random() < 0.5
        kept: list[tuple[int, bytes | None]] = []
        for offset, data in self.pending:
            if data is None or not is_torn:
                kept += [(offset, data)] * (dice.random() < share)
            else:
                kept += [one for one in _sectors(offset, data) if dice.random() < share]
        return _applied(self.synced, kept)


def _sectors(offset: int, data: bytes) -> Iterable[tuple[int, bytes]]:
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR - (offset + start) % SECTOR)
        yield offset + start, data[start:end]
        start = end


def _applied(content: bytes, changes: Iterable[tuple[int, bytes | None]]) -> bytes:
    disk = bytearray(content)
    for offset, data in changes:
        if data is None:
            del disk[offset:]
        disk.extend(bytes(max(0, offset - len(disk))))
        if data is not None:
            disk[offset : offset + len(data)] = data
    return bytes(disk)


class Disk:
    """Files by name; `play` the calls in their order."""

    def __init__(self, before: dict[str, bytes]) -> None:
        self.files = {
            name: File(synced=content, size=len(content)) for name, content in before.items()
        }

    def play(self, call: Call) -> None:
        name = call.files[0]
        if call.name == "unlink":
            self.files.pop(name, None)
        elif call.name in ("link", "rename"):
            self.files[call.files[1]] = self.files[name]
            if call.name == "rename":
                del self.files[name]
        else:
            self._change(self.files.setdefault(name, File()), call)

    def _change(self, file: File, call: Call) -> None:
        if call.name == "write":
            file.write(file.size if call.files[0] in APPENDED else 0, call.data)
        elif call.name == "pwrite64":
            file.write(call.numbers[-1], call.data)
        elif call.name == "ftruncate":
            file.resize(call.numbers[-1])
        elif call.name == "fallocate":
            file.resize(max(file.size, call.numbers[-2] + call.numbers[-1]))
        else:
            file.sync()
