"""From a line's writing to its counting, at a few lines a second and at many; and what it costs.

    python -m benchmarks.latency [--rates 10,1000] [--seconds 30] [--journal]

A process of its own follows a real file as the daemon does (inotify, account, synced state) and
notes when how many lines were counted; this one writes lines at random moments, one at a time. CPU
is the follower's, in percent of a core, commits included. What is asked for is 200 ms for 99 of 100
lines, and 0.2 % of a core at 10 lines a second. Beside it, in the same run, `tail -F` follows the
same file: it understands no line and keeps no place, so it is the least that following costs. With
--journal it is a real systemd journal, written by systemd-journal-remote(8), and `journalctl
--follow` is beside it.

That writer rings its readers at once; journald does so by a timer of 250 ms (journal-file.c,
post_change_timer), for which we do not wait. Behind a booted machine's journald, a busy machine:

    lines/s                        10             1000
    p50, p99 ms, systemd 252       70, 140        71, 142
    p50, p99 ms, systemd 257       72, 161        88, 337 (one look of 266 ms: the CPU was taken)
    journalctl --follow, 252       183, 492
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
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from agent import clock
from agent.filewatch import FileWatch
from agent.maillog import pace
from agent.maillog.accounting import Accounting
from agent.maillog.logs import Logs, Use
from agent.maillog.news import News
from agent.maillog.tally_whose import Whose
from agent.state import State
from benchmarks import measure
from benchmarks.processes import cpu_seconds
from demo.grammar import Form
from tests.journal_bed import RealJournal
from tests.maillog_bed import ADDRESS, Log

SECONDS_ASKED = 0.2
CPU_ASKED = 0.002
RATE_OF_CPU = 10
WARM_SECONDS = 3
BEGUN_SECONDS = 0.5
JOURNALD = "journald itself tells journalctl of news up to 250 ms late; this writer at once"
_NOTE = struct.Struct("=dQ")


@dataclass(frozen=True, slots=True)
class Measured:
    rate: int
    who: str
    seconds: tuple[float, ...]  # of each line
    cpu: float  # of a core

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.seconds, n=100)[percent - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="10,1000")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--journal", action="store_true")
    parser.add_argument("--follow", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.follow is not None:
        follow(options.follow, is_journal=options.journal)
        return
    pairs = [
        measured(rate, seconds=options.seconds, is_journal=options.journal)
        for rate in map(int, options.rates.split(","))
    ]
    ratios = {}
    for ours, peer in pairs:
        asked, at = SECONDS_ASKED / ours.percentile(99), f"at {ours.rate} lines/s"
        ratios[f"200 ms, p99 {at}"] = asked
        ratios[f"{peer.who}, p99 {at}"] = peer.percentile(99) / ours.percentile(99)
        if ours.rate == RATE_OF_CPU:
            ratios[f"0.2 % of a core {at}"] = CPU_ASKED / ours.cpu
    found = [one for pair in pairs for one in pair]
    measure.report(
        "latency of the journal" if options.journal else "latency",
        columns=("lines/s", "who", "lines", "p50 ms", "p99 ms", "worst ms", "CPU % of a core"),
        rows=[
            (
                one.rate,
                one.who,
                len(one.seconds),
                *(round(one.percentile(percent) * 1000, 1) for percent in (50, 99)),
                round(max(one.seconds) * 1000, 1),
                round(one.cpu * 100, 3),
            )
            for one in found
        ],
        ratios=ratios,
        notes=(
            "times: what was asked for, or the other took, divided by what was found",
            *((JOURNALD,) if options.journal else ()),
        ),
    )


def measured(rate: int, *, seconds: float, is_journal: bool) -> tuple[Measured, Measured]:
    """Ours, and who follows beside it."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        form = Form.RFC3339 if is_journal else Form.RFC3164
        log = Log(folder / "mail.log", start=clock.now(), form=form)
        words = [sys.executable, "-m", "benchmarks.latency", "--follow", str(folder)]
        write: Callable[[bytes], object]
        if is_journal:
            journal = RealJournal(folder / "journal")
            journal.write(log.lines(1))
            write = stack.enter_context(journal.stream())
            words.append("--journal")
        else:
            write = stack.enter_context(log.path.open("ab", buffering=0)).write
        with subprocess.Popen(words, stdout=subprocess.PIPE) as follower:
            assert follower.stdout is not None
            follower.stdout.readline()  # it has begun
            peer = stack.enter_context(Peer.following(folder, is_journal=is_journal))
            writer = Writer(log, write)
            writer.write(rate=rate, seconds=WARM_SECONDS)
            before = [cpu_seconds(one) for one in (follower.pid, peer.pid)]
            began = time.monotonic()
            written = writer.write(rate=rate, seconds=seconds)
            spent = [cpu_seconds(one) for one in (follower.pid, peer.pid)]
            passed = time.monotonic() - began
            time.sleep(1)
            follower.send_signal(signal.SIGTERM)
            follower.wait(10)
        counted = [*_NOTE.iter_unpack((folder / "counted").read_bytes())]
        cpus = [(after - start) / passed for start, after in zip(before, spent, strict=True)]
    return (
        Measured(rate, "mailfleet", tuple(waits(written, counted)), cpus[0]),
        Measured(rate, peer.name, tuple(waits(written, peer.shown)), cpus[1]),
    )


class Peer:
    """A program that shows what is written; notes when it showed which number of lines."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.pid = process.pid
        self.shown: list[tuple[float, int]] = []
        self._process = process

    @classmethod
    @contextmanager
    def following(cls, folder: Path, *, is_journal: bool) -> Iterator["Peer"]:
        words = ["tail", "-n", "0", "-F", str(folder / "mail.log")]
        if is_journal:
            place = f"--directory={folder / 'journal'}"
            words = ["journalctl", "--follow", "--lines=0", "--output=cat", place]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            peer = cls("journalctl" if is_journal else "tail -F", process)
            reader = threading.Thread(target=peer._read)
            reader.start()
            time.sleep(BEGUN_SECONDS)
            yield peer
            process.terminate()
            reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        number = 0
        while chunk := os.read(self._process.stdout.fileno(), 1 << 16):
            number += chunk.count(b"\n")
            self.shown.append((time.monotonic(), number))


class Writer:
    """Writes lines at random moments, one at a time; numbers them from 1."""

    def __init__(self, log: Log, write: Callable[[bytes], object]) -> None:
        self._log = log
        self._write = write
        self._lines: list[bytes] = []
        self._number = 0

    def write(self, *, rate: int, seconds: float) -> list[tuple[int, float]]:
        """Of each line its number and when it was written."""
        written = []
        due = time.monotonic()
        end = due + seconds
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            self._lines = self._lines or self._log.lines(1)
            self._write(self._lines.pop(0))
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


def follow(folder: Path, *, is_journal: bool) -> None:
    """Until SIGTERM; then tells when which number of lines was reached."""
    state = State.open(folder / "state.db", now=clock.now())
    logs = (
        Logs(use=Use.JOURNAL, journal=folder / "journal")
        if is_journal
        else Logs.of(folder / "mail.log")
    )
    account = Accounting(logs, state, whose=Whose(ADDRESS))
    watch = FileWatch(lambda: account.watched)
    notes = bytearray()

    def look() -> News:
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
