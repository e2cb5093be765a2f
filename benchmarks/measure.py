"""What every benchmark needs: alternating pairs, medians, a table, one JSON object.

A lone time says nothing on a shared machine: ours and the peer's run in turn, and what is reported
is the median of the ratios of neighbours.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

PAIRS_MIN = 5
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of each run; the n-th of one stands beside the n-th of the other."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ours_median(self) -> float:
        return statistics.median(self.ours)

    @property
    def peer_median(self) -> float:
        return statistics.median(self.peer)

    @property
    def ratio(self) -> float:
        """How many times the peer takes what we take."""
        return statistics.median(b / a for a, b in zip(self.ours, self.peer, strict=True))


def seconds(
    action: Callable[[], object], *, clock: Callable[[], float] = time.perf_counter
) -> float:
    """One run, on this clock; time.process_time counts this process's CPU."""
    began = clock()
    action()
    return clock() - began


def pairs(
    ours: Callable[[], object],
    *,
    peer: Callable[[], object],
    count: int = PAIRS_MIN,
    before: Callable[[], object] = lambda: None,
    clock: Clock = time.perf_counter,
) -> Pairs:
    """`before` is run, untimed, before each of ours. Both run once to warm up, uncounted."""
    assert count >= PAIRS_MIN, count
    found = []
    for _ in range(count + 1):
        before()
        found.append((seconds(ours, clock=clock), seconds(peer, clock=clock)))
    return Pairs(tuple(a for a, _ in found[1:]), tuple(b for _, b in found[1:]))


def report(
    name: str,
    *,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    ratios: Mapping[str, float],
    notes: Sequence[str] = (),
) -> None:
    """A table for people; with JSON=1 in the environment one JSON object instead.

    ratios: what it is over whom -> how many times.
    """
    found = [[_text(cell) for cell in row] for row in rows]
    if os.environ.get("JSON") == "1":
        lines = [dict(zip(columns, row, strict=True)) for row in found]
        rounded = {key: round(value, 3) for key, value in ratios.items()}
        print(json.dumps({"benchmark": name, "rows": lines, "ratios": rounded, "notes": notes}))
        return
    widths = [max(map(len, column)) for column in zip(columns, *found, strict=True)]
    for line in ([*columns], ["-" * width for width in widths], *found):
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    for key, value in ratios.items():
        print(f"{value:10.2f} × {key}")
    for note in notes:
        print(note)


def _text(cell: object) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
