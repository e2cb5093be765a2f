"""What a process costs, read from /proc: CPU of all its threads, and its proportional memory."""

from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Time on a CPU so far, of every living thread; nanoseconds in schedstat (proc(5))."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # the thread ended meanwhile
            continue
    return total / 1e9


def pss_bytes(pid: int) -> int:
    """Proportional set size, smaps_rollup (proc(5)): shared pages divided by their users."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no Pss of {pid}")
