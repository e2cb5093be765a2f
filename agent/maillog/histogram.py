"""Delays of deliveries into fixed buckets, many at once. Pure.

What a delivery line says in `delay=` and `delays=a/b/c/d` is kept as it stands until a commit is
due, and then all of them are counted by a handful of calls: one at a time costs many times as much.
"""

from bisect import bisect_left
from collections.abc import Sequence
from math import inf, isfinite

from deliverability.delays import BUCKETS, EDGES, PARTS

# One tuple of counts for each of PARTS; empty: nothing was ever counted.
Histograms = tuple[tuple[int, ...], ...]

TEXTS_REMEMBERED_MAX = 8192
_NOWHERE = BUCKETS
_NO_SEPARATORS = bytes(byte for byte in range(256) if byte not in b"|/")


class _Seconds(dict[bytes, float]):
    """What a delay says; infinity for what is no time. Most were seen before."""

    def __missing__(self, text: bytes) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = inf
        if len(self) >= TEXTS_REMEMBERED_MAX:
            self.clear()
        self[text] = seconds = seconds if isfinite(seconds) and seconds >= 0 else inf
        return seconds


class _Buckets(dict[bytes, int]):
    """Which bucket a delay falls into; _NOWHERE for what is no time."""

    def __missing__(self, text: bytes) -> int:
        seconds = _SECONDS[text]
        if len(self) >= TEXTS_REMEMBERED_MAX:
            self.clear()
        self[text] = bucket = _NOWHERE if seconds == inf else bisect_left(EDGES, seconds)
        return bucket


_SECONDS = _Seconds()
_BUCKETS = _Buckets()


def add(to: Histograms, texts: Sequence[bytes]) -> Histograms:
    """The counts with these: of each delivery the whole delay and then its parts, `1.2` and
    `0.1/0.2/0.3/0.6`. One that is not five times in seconds counts nowhere.
    """
    if not texts:
        return to
    joined = b"|".join(texts)
    is_shaped = joined.translate(None, _NO_SEPARATORS) == (b"|///|" * (len(texts) // 2))[:-1]
    # As bytes, for these are counted and looked through sooner than any list.
    buckets = bytes(map(_BUCKETS.__getitem__, joined.replace(b"|", b"/").split(b"/")))
    if not is_shaped or _NOWHERE in buckets:
        pairs = zip(texts[::2], texts[1::2], strict=True)
        return add(to, [text for pair in pairs if _is_whole(pair) for text in pair])
    rows = [list(row) for row in to] if to else [[0] * BUCKETS for _ in PARTS]
    for start, row in enumerate(rows):
        part = buckets[start :: len(PARTS)]
        for bucket in set(part):
            row[bucket] += part.count(bucket)
    return tuple(map(tuple, rows))


def seconds_of(text: bytes) -> float:
    """What a delay says; infinity for what is no time."""
    return _SECONDS[text]


def _is_whole(texts: tuple[bytes, bytes]) -> bool:
    delay, delays = texts
    parts = (delay, *delays.split(b"/"))
    return len(parts) == len(PARTS) and inf not in map(_SECONDS.__getitem__, parts)
