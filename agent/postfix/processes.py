"""Is a Postfix instance running, and since when its queue manager. Reads /proc, changes nothing.

A queue manager reads its configuration once, when it starts (qmgr(8)), so its start says what it
knows. Times are microseconds since 1970, on the wall clock as it goes now.
"""

import os
import time

QUEUE_MANAGERS = frozenset(("qmgr", "oqmgr", "nqmgr"))
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STAT_BYTES_MAX = 4096
CHILDREN_BYTES_MAX = 256 * 1024


class Stat:
    """What /proc/PID/stat says, see proc(5)."""

    __slots__ = ("name", "parent", "start_ticks", "state")

    def __init__(self, text: str) -> None:
        # The name stands in parentheses and may hold some itself.
        name, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        self.name, self.state, self.parent = name, fields[0], int(fields[1])
        self.start_ticks = int(fields[19])


def master(queue_directory: str) -> int | None:
    """Pid of the running master(8), None when there is none. Raises OSError: could not be seen."""
    try:
        text = _read(f"{queue_directory}/pid/master.pid", STAT_BYTES_MAX)
    except FileNotFoundError:
        return None
    pid = int(text) if text.strip().isdigit() else 0
    found = stat(pid) if pid else None
    return pid if found and found.name == "master" and found.state not in "ZX" else None


def qmgr_started_us(master_pid: int) -> int | None:
    """Start of the eldest queue manager of this master; None when it has none at the moment."""
    starts = [
        found.start_ticks
        for pid in _children(master_pid)
        if (found := stat(pid)) and _is_queue_manager(found, master_pid)
    ]
    return _wall_us(min(starts)) if starts else None


def stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        return Stat(_read(f"/proc/{pid}/stat", STAT_BYTES_MAX))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _is_queue_manager(found: Stat, master_pid: int) -> bool:
    return found.parent == master_pid and found.name in QUEUE_MANAGERS and found.state not in "ZX"


def _children(pid: int) -> list[int]:
    """The kernel lists them where it was built to; else all processes are looked at."""
    try:
        text = _read(f"/proc/{pid}/task/{pid}/children", CHILDREN_BYTES_MAX)
    except (FileNotFoundError, ProcessLookupError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    return [int(word) for word in text.split()]


def _wall_us(ticks: int) -> int:
    """Ticks count from boot, suspension included. Rounded down: in doubt it began earlier."""
    wall = time.clock_gettime_ns(time.CLOCK_REALTIME)
    since_boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return (wall - since_boot) // 1000 + ticks * 1_000_000 // TICKS_PER_SECOND


def _read(path: str, limit: int) -> str:
    """At most `limit` bytes; /proc gives a page at a time."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = b""
        while len(content) < limit and (piece := os.read(descriptor, limit - len(content))):
            content += piece
        return content.decode("ascii", "replace")
    finally:
        os.close(descriptor)
