"""Queue counts from descriptors beside `postqueue -j`, on a real Postfix with real queue files.

    python -m benchmarks.queue [--sizes 100,10000] [--full] [--pairs 7]

--full adds 100,000 messages. Needs root and Postfix. "all changed" counts every directory anew, as
after mail moved in each of them; "unchanged" is what most heartbeats of a quiet node find. The
peer's CPU time is with what showq(8) does for it; wall time is at the mercy of other processes.
"""

import argparse
import os
import random
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from agent.postfix import directories
from agent.postfix.client import QueueDirectory
from agent.postfix.queue import QueueReader
from benchmarks import measure, processes
from benchmarks.measure import Pairs
from tests import postfix_bed
from tests.postfix_bed import PostfixBed

PEER = "postqueue -j"
FULL = 100_000
SEEDS = 50
# So that neither the queue manager nor an unsettled directory disturbs.
LATER_SECONDS = 6 * 3600
SETTLED_SECONDS = 2.5
MAIN_CF = {
    "defer_transports": "smtp",
    "queue_run_delay": "6h",
    "minimal_backoff_time": "6h",
    "maximal_backoff_time": "6h",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100,10000")
    parser.add_argument("--full", action="store_true", help="also 100000 messages")
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    sizes = sorted(map(int, options.sizes.split(","))) + [FULL] * options.full
    rows, ratios = [], {}
    with postfix_bed.running(**MAIN_CF) as bed:
        seeds = seed(bed)
        for size in sizes:
            fill(bed, size=size, seeds=seeds)
            for what, found in compare(bed, size=size, count=options.pairs).items():
                rows.append((size, what, *_milliseconds(found)))
                ratios[f"{PEER}, {size} messages, {what}"] = found.ratio
    measure.report(
        "queue",
        columns=("messages", "directories", "ours ms", f"{PEER} ms", "times"),
        rows=rows,
        ratios=ratios,
        notes=("medians of alternating pairs, page cache warm",),
    )


def compare(bed: PostfixBed, *, size: int, count: int) -> dict[str, Pairs]:
    """What was compared, on which clock -> the pairs."""
    time.sleep(SETTLED_SECONDS)
    assert len(listed(bed).splitlines()) == size
    opened = open_queues(bed)
    reader = QueueReader()

    def anew() -> None:
        reader.replace([QueueDirectory(one.name, os.dup(one.descriptor)) for one in opened])

    def ours() -> None:
        assert reader.read(datetime.now(timezone.utc)).deferred == size

    cpu, peer = Clock(bed), partial(listed, bed)
    found = {
        "all changed, CPU": measure.pairs(ours, peer=peer, count=count, before=anew, clock=cpu),
        "all changed, wall": measure.pairs(ours, peer=peer, count=count, before=anew),
        "unchanged, CPU": measure.pairs(ours, peer=peer, count=count, clock=cpu),
    }
    reader.close()
    for one in opened:
        os.close(one.descriptor)
    return found


class Clock:
    """CPU seconds of this process, its ended children and Postfix; its own cost is taken out."""

    def __init__(self, bed: PostfixBed) -> None:
        self._master = bed.master_pid()
        self._own = 0.0

    def __call__(self) -> float:
        began = time.process_time()
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        elsewhere = children.ru_utime + children.ru_stime + self._postfix()
        reading = began - self._own + elsewhere
        self._own += time.process_time() - began
        return reading

    def _postfix(self) -> float:
        text = Path(f"/proc/{self._master}/task/{self._master}/children").read_text()
        return sum(processes.cpu_seconds(int(pid)) for pid in text.split())


def listed(bed: PostfixBed) -> bytes:
    words = ("postqueue", "-c", str(bed.config), "-j")
    return subprocess.run(words, check=True, capture_output=True).stdout


def open_queues(bed: PostfixBed) -> list[QueueDirectory]:
    """As the helper does it."""
    room = directories.DIRECTORIES_MAX
    found = directories.open_queues(str(bed.queue), label="postfix", room=room)
    return [QueueDirectory(name, descriptor) for name, descriptor in found]


def seed(bed: PostfixBed) -> list[Path]:
    """Messages that went through Postfix and were deferred by it."""
    bed.send(SEEDS, to="u@sink.test")
    bed.wait_for(lambda: bed.messages("deferred") == SEEDS)
    return [path for path in (bed.queue / "deferred").rglob("*") if path.is_file()]


def fill(bed: PostfixBed, *, size: int, seeds: list[Path]) -> None:
    """Copies of them under other queue ids, until there are `size`."""
    later = time.time() + LATER_SECONDS
    for position, name in enumerate(names(size - bed.messages("deferred"), seed=size)):
        folder = bed.queue / "deferred" / name[0]
        if not folder.exists():
            folder.mkdir(mode=0o700)
            shutil.chown(folder, "postfix")
        path = folder / name
        shutil.copyfile(seeds[position % len(seeds)], path)
        path.chmod(0o700)
        shutil.chown(path, "postfix")
        os.utime(path, (later, later))


def names(count: int, *, seed: int) -> Iterator[str]:
    """Short queue ids: digits of microseconds, then of an inode."""
    digits = random.Random(seed)
    for number in range(count):
        yield f"{digits.randrange(0x10000, 0xFFFFF):05X}{seed + number:06X}"


def _milliseconds(pairs: Pairs) -> tuple[float, float, float]:
    return pairs.ours_median * 1000, pairs.peer_median * 1000, pairs.ratio


if __name__ == "__main__":
    main()
