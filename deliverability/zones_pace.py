"""How often each zone is looked at, so that no operator is asked more than it allows. Pure.

The fleet is one customer, however many nodes ask: an operator's limit for a day is shared by all
of them, over all of its zones.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from deliverability.zones_shapes import Kind, Zone

DAY = timedelta(days=1)
# The rest is for sentinels asked again, second looks, retries, and other software of ours.
SHARE = 0.8
SENTINELS_EVERY = timedelta(hours=3)
SENTINELS = 2
PACE_MAX = timedelta(days=7)
# Paces change by steps of the fleet's size, not with every node.
STEP = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many questions a round over the fleet is: IPv4 addresses, IPv6 /64s; and the nodes."""

    ip4: int = 0
    ip6: int = 0
    nodes: int = 0

    def stepped(self) -> "Size":
        """Rounded up to the next step."""
        return Size(ip4=_step(self.ip4), ip6=_step(self.ip6), nodes=_step(self.nodes))


def paces(
    zones: Iterable[Zone], size: Size, *, unlimited: Collection[str] = ()
) -> Mapping[str, timedelta]:
    """By zone: its own pace, or slower where its operator's limit asks for it. `unlimited`:
    operators whose key is held, with a limit of its own that nobody told us."""
    by_operator: dict[str, list[Zone]] = {}
    for zone in zones:
        by_operator.setdefault(zone.operator, []).append(zone)
    found: dict[str, timedelta] = {}
    for operator, theirs in by_operator.items():
        limits = [zone.queries_per_day_max for zone in theirs if zone.queries_per_day_max]
        wanted = sum(questions_per_day(zone, size, pace=zone.pace) for zone in theirs)
        limit = min(limits, default=0) * SHARE
        slower = max(1.0, wanted / limit) if limit and operator not in unlimited else 1.0
        for zone in theirs:
            seconds = math.ceil(zone.pace.total_seconds() * slower)
            found[zone.name] = min(timedelta(seconds=seconds), max(PACE_MAX, zone.pace))
    return found


def questions_per_day(zone: Zone, size: Size, *, pace: timedelta) -> float:
    """By the whole fleet, at this pace."""
    asked = size.ip4 * (Kind.IP4 in zone.kinds) + size.ip6 * (Kind.IP6 in zone.kinds)
    sentinels = SENTINELS * size.nodes * (DAY / max(pace, SENTINELS_EVERY))
    return asked * (DAY / pace) + sentinels


def _step(number: int) -> int:
    return math.ceil(STEP ** math.ceil(math.log(number, STEP))) if number > 1 else number
