"""Queue counts from descriptors beside `postqueue -j`, on a real Postfix with real queue files.

    python -m benchmarks.queue [--sizes 100,10000] [--full] [--pairs 7]

--full adds 100,000 messages. Needs root and Postfix. "all changed" counts every directory anew, as
after mail moved in each of them; "unchanged" is what most heartbeats of a quiet node find.
"""

import argparse
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from agent.postfix import directories
from agent.postfix.client import QueueDirectory
from agent.postfix.queue import QueueReader
from benchmarks import measure
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
            changed, unchanged, opening = compare(bed, size=size, count=options.pairs)
            rows += [
                (size, "all changed", *_milliseconds(changed)),
                (size, "unchanged", *_milliseconds(unchanged)),
                (size, "opening, once", opening * 1000, "", ""),
            ]
            ratios[f"{PEER}, {size} messages, all changed"] = changed.ratio
            ratios[f"{PEER}, {size} messages, unchanged"] = unchanged.ratio
    measure.report(
        "queue",
        columns=("messages", "directories", "ours ms", f"{PEER} ms", "times"),
        rows=rows,
        ratios=ratios,
        notes=("wall time, medians of alternating pairs, page cache warm",),
    )


def compare(bed: PostfixBed, *, size: int, count: int) -> tuple[Pairs, Pairs, float]:
    """Pairs with every directory changed, pairs with none, and the seconds to open them all."""
    time.sleep(SETTLED_SECONDS)
    assert len(listed(bed).splitlines()) == size
    began = time.perf_counter()
    opened = open_queues(bed)
    opening = time.perf_counter() - began
    reader = QueueReader()

    def anew() -> None:
        reader.replace([QueueDirectory(one.name, os.dup(one.descriptor)) for one in opened])

    def ours() -> None:
        assert reader.read(datetime.now(timezone.utc)).deferred == size

    changed = measure.pairs(ours, peer=lambda: listed(bed), count=count, before=anew)
    unchanged = measure.pairs(ours, peer=lambda: listed(bed), count=count)
    reader.close()
    for one in opened:
        os.close(one.descriptor)
    return changed, unchanged, opening


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
