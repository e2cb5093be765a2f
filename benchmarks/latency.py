"""From a line's writing to its counting, at a few lines a second and at many; and what it costs.

    python -m benchmarks.latency [--rates 10,1000] [--seconds 30]

A process of its own follows a real file as the daemon does (inotify, account, synced state) and
notes when how many lines were counted; this one writes lines at random moments, one at a time. CPU
is the follower's, in percent of a core, commits included. There is no peer: what is asked for is
200 ms for 99 of 100 lines, and 0.2 % of a core at 10 lines a second.
"""

import argparse
import os
import random
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from agent import clock
from agent.filewatch import FileWatch
from agent.maillog import pace
from agent.maillog.accounting import Accounting
from agent.maillog.found import Found
from agent.maillog.logs import Logs
from agent.state import State
from benchmarks import measure, processes
from tests.maillog_bed import ADDRESS, Log

SECONDS_ASKED = 0.2
CPU_ASKED = 0.002
RATE_OF_CPU = 10
WARM_SECONDS = 3
_NOTE = struct.Struct("=dQ")


@dataclass(frozen=True, slots=True)
class Measured:
    rate: int
    seconds: tuple[float, ...]  # of each line
    cpu: float  # of a core

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.seconds, n=100)[percent - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="10,1000")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--follow", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.follow is not None:
        follow(options.follow)
        return
    found = [measured(rate, seconds=options.seconds) for rate in map(int, options.rates.split(","))]
    ratios = {
        f"200 ms, p99 at {one.rate} lines/s": SECONDS_ASKED / one.percentile(99) for one in found
    }
    ratios |= {
        f"0.2 % of a core at {one.rate} lines/s": CPU_ASKED / one.cpu
        for one in found
        if one.rate == RATE_OF_CPU
    }
    measure.report(
        "latency",
        columns=("lines/s", "lines", "p50 ms", "p99 ms", "worst ms", "CPU % of a core"),
        rows=[
            (
                one.rate,
                len(one.seconds),
                *(round(one.percentile(percent) * 1000, 1) for percent in (50, 99)),
                round(max(one.seconds) * 1000, 1),
                round(one.cpu * 100, 3),
            )
            for one in found
        ],
        ratios=ratios,
        notes=("times: what was asked for, divided by what was found",),
    )


def measured(rate: int, *, seconds: float) -> Measured:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        log = Log(folder / "mail.log", start=clock.now())
        log.path.touch()
        words = (sys.executable, "-m", "benchmarks.latency", "--follow", str(folder))
        with subprocess.Popen(words, stdout=subprocess.PIPE) as follower:
            assert follower.stdout is not None
            follower.stdout.readline()  # it has begun
            writer = Writer(log)
            writer.write(rate=rate, seconds=WARM_SECONDS)
            before = processes.cpu_seconds(follower.pid)
            began = time.monotonic()
            written = writer.write(rate=rate, seconds=seconds)
            spent = processes.cpu_seconds(follower.pid) - before
            cpu = spent / (time.monotonic() - began)
            time.sleep(1)
            follower.send_signal(signal.SIGTERM)
            follower.wait(10)
        counted = [*_NOTE.iter_unpack((folder / "counted").read_bytes())]
    return Measured(rate, tuple(waits(written, counted)), cpu)


class Writer:
    """Writes lines at random moments, one at a time; numbers them from 1."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lines: list[bytes] = []
        self._number = 0

    def write(self, *, rate: int, seconds: float) -> list[tuple[int, float]]:
        """Of each line its number and when it was written."""
        written = []
        due = time.monotonic()
        end = due + seconds
        with self._log.path.open("ab", buffering=0) as file:
            while due < end:
                time.sleep(max(0.0, due - time.monotonic()))
                self._lines = self._lines or self._log.lines(1)
                file.write(self._lines.pop(0))
                self._number += 1
                written.append((self._number, time.monotonic()))
                due += random.expovariate(rate)
        return written


def waits(
    written: Sequence[tuple[int, float]], counted: Sequence[tuple[float, int]]
) -> list[float]:
    """Seconds from each writing to the first note that covers it."""
    numbers = [number for _, number in counted]
    return [counted[bisect_left(numbers, number)][0] - at for number, at in written]


def follow(folder: Path) -> None:
    """Until SIGTERM; then tells when which number of lines was reached."""
    state = State.open(folder / "state.db", now=clock.now())
    account = Accounting(Logs.of(folder / "mail.log"), state, address=ADDRESS)
    watch = FileWatch(lambda: account.watched)
    notes = bytearray()

    def look() -> Found:
        before = account.lines_read
        found = account.step(clock.now())
        if account.lines_read != before:
            notes.extend(_NOTE.pack(time.monotonic(), account.lines_read))
        return found

    async def run() -> None:
        look()
        os.write(1, b"begun\n")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pace.follow, look, watch)
            with anyio.open_signal_receiver(signal.SIGTERM) as signals:
                async for _ in signals:
                    break
            tasks.cancel_scope.cancel()

    anyio.run(run, backend_options={"use_uvloop": True})
    account.commit(clock.now())
    (folder / "counted").write_bytes(notes)
    state.close()


if __name__ == "__main__":
    main()
