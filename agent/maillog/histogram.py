"""Delays of deliveries into fixed buckets, many at once. Pure.

A delivery's `delays=a/b/c/d` is kept as it stands until a commit is due, and then all of them are
counted by a handful of calls: one at a time costs four times as much.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from functools import partial
from math import inf, isfinite

from deliverability.delays import BUCKETS, EDGES, PARTS

# One tuple of counts for each of PARTS; empty: nothing was ever counted.
Histograms = tuple[tuple[int, ...], ...]

SECONDS_REMEMBERED_MAX = 8192
_bucket_of = partial(bisect_left, EDGES)


class _Seconds(dict[bytes, float]):
    """What a part of `delays=` says; infinity for what is no time. Most were seen before."""

    def __missing__(self, text: bytes) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = inf
        if len(self) >= SECONDS_REMEMBERED_MAX:
            self.clear()
        self[text] = seconds = seconds if isfinite(seconds) and seconds >= 0 else inf
        return seconds


_SECONDS = _Seconds()


def add(to: Histograms, delays: Sequence[bytes]) -> Histograms:
    """The counts with these. One that is not four times in seconds counts nowhere."""
    if not delays:
        return to
    values = list(map(_SECONDS.__getitem__, b"/".join(delays).split(b"/")))
    if len(values) != 4 * len(delays) or inf in values:
        return add(to, [text for text in delays if _is_whole(text)])
    parts = [values[start::4] for start in range(4)]
    totals: list[float] = list(map(sum, zip(*parts, strict=True)))
    columns: list[list[float]] = [totals, *parts]
    rows = [list(row) for row in to] if to else [[0] * BUCKETS for _ in PARTS]
    for row, column in zip(rows, columns, strict=True):
        for bucket, count in Counter(map(_bucket_of, column)).items():
            row[bucket] += count
    return tuple(map(tuple, rows))


def seconds_of(text: bytes) -> float:
    """What a delay says; infinity for what is no time."""
    return _SECONDS[text]


def total_seconds(delays: bytes) -> float:
    """From arrival to this attempt's end; infinity when the line does not tell."""
    parts = delays.split(b"/")
    return sum(map(_SECONDS.__getitem__, parts)) if len(parts) == 4 else inf


def _is_whole(text: bytes) -> bool:
    return total_seconds(text) != inf
