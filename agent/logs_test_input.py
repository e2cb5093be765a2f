"""Logs as blocks of whole lines: files, plain or gzipped, and standard input. Understands none;
entries of the systemd journal (`journalctl -o json`) and of Docker's json-file logs are turned into
the lines they would be.
"""

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from agent.maillog import journal_lines
from agent.maillog.parse import LINE_BYTES_MAX
from agent.maillog.permission import explain

CHUNK_BYTES = 1 << 18
STDIN = "-"
_GZIP = b"\x1f\x8b"


class InputError(Exception):
    """A log that cannot be read, or not to its end; the text is for people."""


def blocks(
    name: str, *, seen: Callable[[int], object] = lambda size: None
) -> Iterator[tuple[bytes, int]]:
    """Blocks of whole lines, and how many lines over the bound were left out before each. `seen` is
    told how many more bytes of the file were read. InputError when it cannot be read.
    """
    rest, is_skipping = b"", False
    with _opened(name) as (file, raw):
        before = 0
        while block := _read(file, name):
            place = raw.tell() if raw.seekable() else 0
            seen(place - before)
            before = place
            if is_skipping:
                _, newline, block = block.partition(b"\n")
                is_skipping = not newline
            block = rest + block
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            overlong = int(len(rest) > LINE_BYTES_MAX)
            if overlong:
                rest, is_skipping = b"", True
            yield _as_lines(block[:end]), overlong
    if rest:
        yield _as_lines(rest + b"\n"), 0


def _as_lines(block: bytes) -> bytes:
    if block[:1] != b"{":
        return block
    return b"".join(map(_as_line, block.split(b"\n")[:-1]))


class _Written(msgspec.Struct):
    """What a container wrote to its output: docs.docker.com, json-file logging driver."""

    log: str


_written = msgspec.json.Decoder(_Written)


def _as_line(entry: bytes) -> bytes:
    line = journal_lines.line_of(entry)
    if line is not None:
        return line.text
    try:
        text = _written.decode(entry).log
    except msgspec.MsgspecError:
        return entry + b"\n"
    return text.encode("utf-8", "surrogatepass").replace(b"\n", b" ").rstrip() + b"\n"


def size_of(name: str) -> int:
    """Bytes there are to read; 0 where nobody can say."""
    try:
        return Path(name).stat().st_size if name != STDIN else 0
    except OSError:
        return 0


@contextmanager
def _opened(name: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """What to read from, and the file below it, whose place tells how far we are."""
    try:
        raw = sys.stdin.buffer if name == STDIN else Path(name).open("rb")  # noqa: SIM115  # closed below
    except OSError as error:
        raise InputError(explain(error, Path(name))) from error
    try:
        head = raw.peek(2)[:2] if isinstance(raw, io.BufferedReader) else b""
        if head == _GZIP:
            with gzip.open(raw) as file:
                yield file, raw  # type: ignore[misc]  # GzipFile reads as any other
        else:
            yield raw, raw
    except OSError as error:
        raise InputError(explain(error, Path(name))) from error
    finally:
        if name != STDIN:
            raw.close()


def _read(file: IO[bytes], name: str) -> bytes:
    try:
        return file.read(CHUNK_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{name}: damaged, read as far as it goes: {error}") from error
