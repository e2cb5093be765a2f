"""Fixed buckets for delays, the same in both daemons. Pure.

Counts in fixed buckets that only grow have differences: any stretch of time has its histogram.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

# Seconds; bucket k counts what is above edge k-1 and at most edge k, the last all beyond. About
# 1-2-3-5 steps, with the edges people ask for: 300 s is the owners' "delivered within 5 minutes".
EDGES = (
    *(0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0),
    *(10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 86400.0),
)
BUCKETS = len(EDGES) + 1

# What a delivery line tells of: all of it, then the parts a/b/c/d of `delays=` (postconf(5),
# delay_logging_resolution_limit): before the queue manager, in the queue manager, connecting (DNS,
# EHLO and TLS too), transmitting.
PARTS = ("total", "before", "queue", "connect", "transmit")


def bucket_of(seconds: float) -> int:
    """Its place among the counts."""
    return bisect_left(EDGES, seconds)


def share_within(counts: Sequence[int], seconds: float) -> float | None:
    """Which part took at most so long, at least; None when nothing was counted."""
    total = sum(counts)
    return (
        sum(counts[: bisect_left(EDGES, seconds) + (seconds in EDGES)]) / total if total else None
    )


def quantile(counts: Sequence[int], ratio: float) -> float | None:
    """At most so many seconds took this part of all; infinity beyond the last edge."""
    total = sum(counts)
    if not total:
        return None
    reached = next(k for k, sum_ in enumerate(accumulate(counts)) if sum_ >= ratio * total)
    return EDGES[reached] if reached < len(EDGES) else float("inf")
