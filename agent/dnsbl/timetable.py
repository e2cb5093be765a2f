"""When each zone is due: its pace, a tenth more or less by chance, never all at once. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from deliverability.zones import Tier, Zone
from deliverability.zones_pace import HELD_MAX

JITTER_RATIO = 0.2
# Zones never asked before: the critical ones at once, the others spread, so that a fleet told of a
# new zone does not fall upon it.
FIRST_WITHIN = timedelta(seconds=3)
FIRST_SPREAD = timedelta(minutes=5)
WAIT_MIN = timedelta(seconds=1)
WAIT_MAX = timedelta(minutes=10)


class Timetable:
    """When each zone was asked last; `luck` is uniform in 0 to 1."""

    def __init__(self, luck: Callable[[], float]) -> None:
        self._luck = luck
        self._asked: dict[str, datetime] = {}
        self._chance: dict[str, float] = {}
        self._not_before: dict[str, datetime] = {}

    def due(self, zones: Sequence[Zone], *, now: datetime) -> tuple[Zone, ...]:
        return tuple(zone for zone in zones if self._at(zone, now=now) <= now)

    def wait(self, zones: Sequence[Zone], *, now: datetime) -> timedelta:
        """Until the first of them is due."""
        first = min((self._at(zone, now=now) for zone in zones), default=now + WAIT_MAX)
        return min(max(first - now, WAIT_MIN), WAIT_MAX)

    def asked(self, zone: Zone, *, at: datetime, not_before: datetime | None = None) -> None:
        """`not_before`: its answers are held for so long."""
        self._asked[zone.name] = at
        self._chance[zone.name] = self._luck()
        if not_before is None:
            self._not_before.pop(zone.name, None)
        else:
            self._not_before[zone.name] = not_before

    def _at(self, zone: Zone, *, now: datetime) -> datetime:
        asked = self._asked.get(zone.name)
        if asked is None:
            within = FIRST_WITHIN if zone.tier is Tier.CRITICAL else min(FIRST_SPREAD, zone.pace)
            first = self._not_before.get(zone.name)
            if first is None or first > now + within:  # its pace may have changed meanwhile
                first = self._not_before[zone.name] = now + within * self._luck()
            return first
        if asked > now:  # the clock was set back
            asked = self._asked[zone.name] = now
            self._not_before.pop(zone.name, None)
        at = asked + next_delay(zone.pace, self._chance.get(zone.name, 0.5))
        return max(at, min(self._not_before.get(zone.name, at), asked + HELD_MAX))


def next_delay(interval: timedelta, luck: float) -> timedelta:
    """The pause before the next round: `interval` +- 10 %. `luck` is uniform in 0 to 1."""
    return interval * (1 + JITTER_RATIO * (luck - 0.5))
