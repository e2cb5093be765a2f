"""Readings of the machine: CPU, memory, load, the queue's filesystem, the network.

Reads through psutil and statvfs(3); decides nothing. A machine is read at most once a heartbeat.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent.model import HostReading

LOOPBACK = "lo"
OWN_MEMORY_EVERY_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTimes:
    """Seconds since boot, all processors together."""

    busy: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    bytes_total: int
    bytes_used: int
    inodes_total: int
    inodes_used: int


class Machine:
    """The CPU's ratio is that of the time between two readings, so one reader keeps the last."""

    def __init__(self, queue: Path) -> None:
        self._queue = queue
        self._cpu = cpu_times()

    def read(self) -> HostReading:
        before, self._cpu = self._cpu, cpu_times()
        memory = psutil.virtual_memory()
        disk = disk_of(self._queue)
        links = [
            counters
            for name, counters in psutil.net_io_counters(pernic=True).items()
            if name != LOOPBACK
        ]
        return HostReading(
            cpu_ratio=cpu_ratio(before=before, after=self._cpu),
            cpu_count=psutil.cpu_count() or 1,
            memory_bytes_total=memory.total,
            memory_bytes_used=memory.total - memory.available,
            load_1m=os.getloadavg()[0],
            disk_bytes_total=disk.bytes_total,
            disk_bytes_used=disk.bytes_used,
            inodes_total=disk.inodes_total,
            inodes_used=disk.inodes_used,
            network_bytes_received=sum(link.bytes_recv for link in links),
            network_bytes_sent=sum(link.bytes_sent for link in links),
            network_packets_received=sum(link.packets_recv for link in links),
            network_packets_sent=sum(link.packets_sent for link in links),
            uptime_seconds=int(time.clock_gettime(time.CLOCK_BOOTTIME)),
        )


def cpu_times() -> CpuTimes:
    """Guests are part of user time already (proc_stat(5)); waiting for a disk is not work."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    total = sum(times) - guests
    return CpuTimes(busy=total - idle, total=total)


def cpu_ratio(*, before: CpuTimes, after: CpuTimes) -> float:
    """Between 0 and 1; 0 when no time has passed (the kernel's idle counters may step back)."""
    passed = after.total - before.total
    return min(1.0, max(0.0, (after.busy - before.busy) / passed)) if passed > 0 else 0.0


def disk_of(path: Path) -> Disk:
    """The filesystem of this path, or of its nearest parent that exists; as df(1) counts: what
    is kept for root is neither used nor free for Postfix."""
    while not path.exists() and path != path.parent:
        path = path.parent
    found = os.statvfs(path)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    return Disk(
        bytes_total=used + found.f_bavail * found.f_frsize,
        bytes_used=used,
        inodes_total=found.f_files,
        inodes_used=found.f_files - found.f_ffree,
    )


class OwnMemory:
    """The agent's own proportional set size. The kernel goes over all pages of the process to tell
    it, which costs more than the rest of a heartbeat: it is asked now and then.
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._ask_at = 0.0

    def bytes(self, seconds: float) -> int:
        """`seconds`: of a clock that only goes on."""
        if seconds >= self._ask_at:
            self._bytes, self._ask_at = memory_bytes_own(), seconds + OWN_MEMORY_EVERY_SECONDS
        return self._bytes


def memory_bytes_own() -> int:
    """The agent's own proportional set size, else its resident one."""
    try:
        text = Path("/proc/self/smaps_rollup").read_text()
    except OSError:
        return int(psutil.Process().memory_info().rss)
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line[:4] == "Pss:")
