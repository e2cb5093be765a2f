"""How often each zone is looked at, so that no operator is asked more than it allows. Pure.

The fleet is one customer, however many nodes ask: an operator's limit for a day is shared by all
of them, over all of its zones.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from deliverability.zones_shapes import Kind, Zone

DAY = timedelta(days=1)
# The rest is for sentinels asked again, second looks, retries, and other software of ours.
SHARE = 0.8
SENTINELS_EVERY = timedelta(hours=3)
SENTINELS = 2
PACE_MAX = timedelta(days=7)
# An answer is not asked for again before its TTL has passed: whoever keeps it would only repeat it
# (RFC 2308 section 5, RFC 5782 section 6). A longer TTL than this is nobody's honest one.
HELD_MAX = timedelta(hours=6)
HELD_CRITICAL_MAX = timedelta(hours=1)
# Paces change by steps of the fleet's size, not with every node.
STEP = 1.1
PRECISION = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many questions a round over the fleet is: IPv4 addresses, IPv6 /64s; and the nodes."""

    ip4: int = 0
    ip6: int = 0
    nodes: int = 0

    def stepped(self) -> "Size":
        """Rounded up to the next step."""
        return Size(ip4=_step(self.ip4), ip6=_step(self.ip6), nodes=_step(self.nodes))


NOBODY: Mapping[str, Size] = MappingProxyType({})


def paces(
    zones: Iterable[Zone],
    size: Size,
    *,
    keyless: Mapping[str, Size] = NOBODY,
    said: Collection[str] = (),
) -> Mapping[str, timedelta]:
    """By zone: its own pace, or slower where its operator's limit asks for it. A zone is missing
    when even the slowest pace would pass it.

    `keyless`: of operators that sell keys, the part of the fleet that holds none: the public limit
    is for that part. `said`: zones whose limit is the fleet's own word; it is for all of it.
    """
    by_operator: dict[str, list[Zone]] = {}
    for zone in zones:
        by_operator.setdefault(zone.operator, []).append(zone)
    found: dict[str, timedelta] = {}
    for operator, theirs in by_operator.items():
        is_said = any(zone.name in said for zone in theirs)
        slower = _slower(theirs, size if is_said else keyless.get(operator, size))
        if slower is not None:
            found |= {zone.name: _paced(zone, slower) for zone in theirs}
    return found


def _slower(zones: Sequence[Zone], size: Size) -> float | None:
    """How many times slower than their own pace one operator's zones are looked at, so that its
    limit holds; None when none of our paces is slow enough."""
    limit = min((one.queries_per_day_max for one in zones if one.queries_per_day_max), default=0)

    def passes(times: float) -> bool:
        asked = sum(questions_per_day(one, size, pace=_paced(one, times)) for one in zones)
        return asked > limit * SHARE

    if not limit or not passes(1):
        return 1.0
    fits = max(PACE_MAX / one.pace for one in zones)
    if passes(fits):
        return None
    too_fast = 1.0
    while fits - too_fast > fits * PRECISION:
        middle = (too_fast + fits) / 2
        too_fast, fits = (middle, fits) if passes(middle) else (too_fast, middle)
    return fits


def _paced(zone: Zone, slower: float) -> timedelta:
    seconds = math.ceil(zone.pace.total_seconds() * slower)
    return min(timedelta(seconds=seconds), max(PACE_MAX, zone.pace))


def questions_per_day(zone: Zone, size: Size, *, pace: timedelta) -> float:
    """By the whole fleet, at this pace."""
    asked = size.ip4 * (Kind.IP4 in zone.kinds) + size.ip6 * (Kind.IP6 in zone.kinds)
    sentinels = SENTINELS * size.nodes * (DAY / max(pace, SENTINELS_EVERY))
    return asked * (DAY / pace) + sentinels


def _step(number: int) -> int:
    return math.ceil(STEP ** math.ceil(math.log(number, STEP))) if number > 1 else number
