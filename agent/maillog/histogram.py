"""Delays of deliveries into fixed buckets, many at once. Pure.

What a delivery line says in `delay=` and `delays=a/b/c/d` is kept as it stands until a commit is
due, and then all of them are counted by a handful of calls: one at a time costs many times as much.
"""

from collections.abc import Sequence
from math import inf, isfinite

from deliverability.delays import BUCKETS, PARTS, bucket_of

# One tuple of counts for each of PARTS; empty: nothing was ever counted.
Histograms = tuple[tuple[int, ...], ...]

TEXTS_REMEMBERED_MAX = 8192
TEXT_BYTES_MAX = 24  # of one that is remembered
_NOWHERE = BUCKETS
_NOWHERES = frozenset((_NOWHERE,))
_BETWEEN = b", delays="
_NO_SEPARATORS = bytes(byte for byte in range(256) if byte not in b"|,=/")


class _Seconds(dict[bytes, float]):
    """What a delay says; infinity for what is no time. Most were seen before."""

    def __missing__(self, text: bytes) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = inf
        seconds = seconds if isfinite(seconds) and seconds >= 0 else inf
        if len(text) <= TEXT_BYTES_MAX:
            if len(self) >= TEXTS_REMEMBERED_MAX:
                self.clear()
            self[text] = seconds
        return seconds


class _Buckets(dict[bytes, int]):
    """Which bucket a delay falls into; _NOWHERE for what is no time."""

    def __missing__(self, text: bytes) -> int:
        seconds = _SECONDS[text]
        bucket = _NOWHERE if seconds == inf else bucket_of(seconds)
        if len(text) <= TEXT_BYTES_MAX:
            if len(self) >= TEXTS_REMEMBERED_MAX:
                self.clear()
            self[text] = bucket
        return bucket


_SECONDS = _Seconds()
_BUCKETS = _Buckets()


def text_of(delay: bytes, *, delays: bytes) -> bytes:
    """Both as Postfix writes them, one behind the other: `1.2, delays=0.1/0.2/0.3/0.6`."""
    return b"%b%b%b" % (delay, _BETWEEN, delays)


def places(texts: Sequence[bytes]) -> bytes:
    """Where these count: for each text a bucket for each of PARTS. One that is not five times in
    seconds counts nowhere.
    """
    if not texts:
        return b""
    joined = b"|".join(texts)
    is_shaped = joined.translate(None, _NO_SEPARATORS) == (b"|,=///" * len(texts))[1:]
    times = joined.replace(_BETWEEN, b"/").replace(b"|", b"/").split(b"/")
    found = bytes(map(_BUCKETS.__getitem__, times))
    if is_shaped and _NOWHERE not in found:
        return found
    if len(texts) == 1:
        return bytes((_NOWHERE,)) * len(PARTS)
    return b"".join(places([text]) for text in texts)


def add(to: Histograms, found: bytes) -> Histograms:
    """The counts with those that `places` found."""
    if not found:
        return to
    rows = [list(row) for row in to] if to else [[0] * BUCKETS for _ in PARTS]
    for start, row in enumerate(rows):
        # Bytes are counted and looked through sooner than any list.
        part = found[start :: len(PARTS)]
        for bucket in set(part) - _NOWHERES:
            row[bucket] += part.count(bucket)
    return tuple(map(tuple, rows))


def seconds_of(text: bytes) -> float:
    """What a delay says; infinity for what is no time."""
    return _SECONDS[text]
