"""The zones this node looks at, and the rounds over those that are due.

Which zones: those of its own configuration, else those the collector handed out, else our own until
it does. Keeps no task: one pass is one call.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.dnsbl import selftest
from agent.dnsbl.sockets import Way
from agent.dnsbl.sweep import Sweep
from agent.dnsbl.timetable import Timetable
from agent.model import HandedOut, NameserverReading, ZoneReading
from deliverability import zones_rows
from deliverability.catalogue import CATALOGUE, SHIPPED
from deliverability.zones import Sentinels, Tier, Zone, ZoneKeys
from deliverability.zones_shapes import Status

TESTED_EVERY = timedelta(hours=6)
TESTED_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """`luck` is uniform in 0 to 1; `token` some letters and digits nobody can guess."""

    luck: Callable[[], float]
    token: Callable[[], str]


class ZoneWatch:
    """`addresses` are those sent from; `chosen`: the only zones to look at, if not None."""

    def __init__(
        self,
        sweep: Sweep,
        addresses: tuple[str, ...],
        *,
        chosen: tuple[str, ...] | None,
        keys: ZoneKeys,
        chance: Chance,
    ) -> None:
        self.addresses = addresses
        self.nameservers: tuple[NameserverReading, ...] = ()
        self.revision = 0
        self._sweep = sweep
        self._chosen = chosen
        self._keys = keys
        self._chance = chance
        self._timetable = Timetable(chance.luck)
        self._tested_at: datetime | None = None
        self._zones: tuple[Zone, ...] = ()
        self._look_at(self._own())

    @property
    def held_keys(self) -> tuple[str, ...]:
        """Names of credentials: whose limits are not the public ones."""
        return self._keys.names

    @property
    def zones(self) -> tuple[Zone, ...]:
        return self._zones

    @property
    def problem(self) -> str:
        """Of the critical zones together, by what each said last; empty when one can be used."""
        critical = [zone for zone in self._zones if zone.tier is Tier.CRITICAL]
        why = self._sweep.unanswered(critical, self.addresses)
        return f"no usable answer: {why}" if why else ""

    def zone(self, name: str) -> Zone | None:
        """One of those looked at."""
        return next((zone for zone in self._zones if zone.name == name), None)

    def take(self, handed: HandedOut) -> None:
        """From now on these. ValueError, and nothing changes, when they cannot be read."""
        rows = {zone.name: zone for zone in _trusted(zones_rows.handed_out(handed.rows).values())}
        if self._chosen is None:
            self._look_at(rows.values())
        else:
            self._look_at(rows.get(zone.name, zone) for zone in self._own())
        self.revision = handed.revision

    def resume(self, known: Sequence[ZoneReading]) -> None:
        """Rounds of an earlier run count: a restart asks nobody anew."""
        for zone in self._zones:
            at = [one.checked_at for one in known if one.zone == zone.name]
            if at:
                self._timetable.asked(zone, at=min(at))

    def pace(self, critical: timedelta) -> None:
        """Of the critical zones, while the collector has handed out none."""
        if not self.revision:
            self._look_at(
                replace(zone, pace=critical) if zone.tier is Tier.CRITICAL else zone
                for zone in self._zones
            )

    def wait(self, now: datetime) -> timedelta:
        return self._timetable.wait(self._zones, now=now)

    async def once(self, *, number: int, now: datetime) -> tuple[ZoneReading, ...]:
        """The zones that are due; and a look at the nameservers, when that is."""
        due = self._timetable.due(self._zones, now=now)
        readings = await self._sweep.once(due, self.addresses, number=number, now=now)
        for zone in due:
            held = self._sweep.held_until(zone, self.addresses)
            self._timetable.asked(zone, at=now, not_before=held)
        if self._is_test_due(readings, now=now):
            self._tested_at = now
            self.nameservers = tuple([await self._test(way, now=now) for way in self._sweep.ways])
        return readings

    async def _test(self, way: Way, *, now: datetime) -> NameserverReading:
        strange = f"{self._chance.token()}.com"
        return await selftest.look(way, keys=self._keys, strange=strange, now=now)

    def _is_test_due(self, readings: Sequence[ZoneReading], *, now: datetime) -> bool:
        """Now and then, and sooner when a zone's sentinels are wrong."""
        if self._tested_at is None or now < self._tested_at:
            return bool(readings)
        is_wrong = any(one.sentinels is Sentinels.WRONG for one in readings)
        return now - self._tested_at >= (TESTED_AGAIN if is_wrong else TESTED_EVERY)

    def _own(self) -> tuple[Zone, ...]:
        if self._chosen is None:
            return CATALOGUE.enabled()
        return tuple(CATALOGUE[name] for name in self._chosen)

    def _look_at(self, zones: Iterable[Zone]) -> None:
        self._zones = tuple(z for z in zones if self._sweep.askable(z, self.addresses))


def _trusted(zones: Iterable[Zone]) -> Iterator[Zone]:
    """Without those we know as dead; and a key goes nowhere but where we know it belongs."""
    for zone in zones:
        ours = SHIPPED.texts(zone.name) if zone.name in SHIPPED else {}
        if ours.get("status") == Status.DEAD.value:
            continue
        known = (ours.get("operator"), ours.get("keyed_suffix"))
        yield (
            zone if known == (zone.operator, zone.keyed_suffix) else replace(zone, keyed_suffix="")
        )
