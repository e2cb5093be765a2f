"""A real systemd journal in a folder: systemd-journal-remote(8) writes it."""

import struct
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests import conftest

Fields = dict[str, bytes]
BOOT = "1" * 32


class RealJournal:
    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._monotonic = 0

    def write(self, lines: Iterable[bytes], *, name: str = "system", **more: bytes) -> None:
        """Log lines with RFC 3339 stamps, as syslog(3) hands them over."""
        self.add((fields_of(line) | more for line in lines), name=name)

    @contextmanager
    def stream(self, *, name: str = "system") -> Iterator[Callable[[bytes], None]]:
        """What is called with a line writes it, as soon as the journal's writer comes to it."""
        command = self._writer(name)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            pipe = child.stdin
            assert pipe is not None

            def write(line: bytes) -> None:
                pipe.write(self._exported(fields_of(line)))
                pipe.flush()

            yield write
            pipe.close()

    def add(self, entries: Iterable[Fields], *, name: str = "system") -> None:
        """Entries as they are; `__REALTIME_TIMESTAMP` is among their fields."""
        export = b"".join(map(self._exported, entries))
        command = self._writer(name)
        subprocess.run(command, input=export, check=True, capture_output=True, timeout=20)

    def _writer(self, name: str) -> tuple[str, ...]:
        places, _ = conftest.COMPONENTS["systemd-journal-remote"]
        remote = next(place for place in places if place.exists())
        return (str(remote), f"--output={self.folder / f'{name}.journal'}", "-")

    def _exported(self, fields: Fields) -> bytes:
        """Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS)."""
        self._monotonic += 1
        fields = {
            "__MONOTONIC_TIMESTAMP": str(self._monotonic).encode(),
            "_BOOT_ID": BOOT.encode(),
        } | fields
        return b"".join(_field(name, value) for name, value in fields.items()) + b"\n"


def fields_of(line: bytes) -> Fields:
    stamp, host, tag, message = line.rstrip(b"\n").split(b" ", 3)
    identifier, _, pid = tag.rstrip(b"]:").partition(b"[")
    microseconds = round(datetime.fromisoformat(stamp.decode()).timestamp() * 1_000_000)
    return {
        "__REALTIME_TIMESTAMP": str(microseconds).encode(),
        "SYSLOG_FACILITY": b"2",
        "SYSLOG_IDENTIFIER": identifier,
        "SYSLOG_PID": pid,
        "_HOSTNAME": host,
        "MESSAGE": message,
    }


def _field(name: str, value: bytes) -> bytes:
    if all(32 <= byte < 127 for byte in value):
        return name.encode() + b"=" + value + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
