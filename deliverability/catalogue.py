"""The zones a fleet knows: those we ship (`zones.tsv` beside this file), and what it changed. Pure.

A fleet may switch zones on and off, and say another tier or pace. What a zone's answers mean, and
that a dead one is never asked, is not a fleet's to change.
"""

import hashlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache

from deliverability.zones_rows import Rows, revision
from deliverability.zones_shapes import PACES, Access, Kind, Status, Tier, Zone

CHANGED_MAX = 1024  # several times as many as there are zones


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What a fleet says of a zone instead of our row; None: as the row has it."""

    is_enabled: bool | None = None
    tier: Tier | None = None
    pace: timedelta | None = None
    queries_per_day_max: int | None = None

    @property
    def is_empty(self) -> bool:
        return self == Override()


UNCHANGED = Override()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Zones by name, what hurts most first as shipped. `overrides`: by name of the zone; one for a
    zone that we do not ship (any more) means nothing. `paces`: those handed out, where they are
    not the zone's own. `too_small`: zones whose operators allow fewer questions than the fleet has,
    however rarely it asks; they are not looked at."""

    overrides: Mapping[str, Override] = field(default_factory=dict)
    paces: Mapping[str, timedelta] = field(default_factory=dict)
    too_small: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> Zone:
        override = self.overrides.get(name) if self.overrides else None
        pace = self.paces.get(name) if self.paces else None
        if override is None and pace is None:
            zone = SHIPPED[name]
        else:
            zone = _changed(name, override or UNCHANGED, pace)
        return replace(zone, is_enabled=False) if name in self.too_small else zone

    def __contains__(self, name: object) -> bool:
        return name in SHIPPED

    def is_dismissed(self, name: str) -> bool:
        """Whether the fleet said that it looks at this zone no more; what was said of it before
        counts no longer."""
        said = self.overrides.get(name)
        return name not in SHIPPED or (said is not None and said.is_enabled is False)

    def get(self, name: str) -> Zone | None:
        return self[name] if name in SHIPPED else None

    def values(self) -> Iterator[Zone]:
        return (self[name] for name in SHIPPED)

    @property
    def revision(self) -> int:
        """A number from 1 to 2**63 - 1 that says what is in it: equal where the content is."""
        said = [f"{name} {one}" for name, one in sorted(self.overrides.items()) if name in SHIPPED]
        said += [f"{name} {one}" for name, one in sorted(self.paces.items()) if name in SHIPPED]
        said += [f"{name} off" for name in sorted(self.too_small)]
        return revision("\n".join((SHIPPED_HASH, *said)))

    def enabled(self, kind: Kind | None = None) -> tuple[Zone, ...]:
        """The zones that are looked at; of this kind alone, when one is given."""
        return tuple(
            zone
            for zone in map(self.__getitem__, self._perhaps_enabled())
            if zone.is_enabled
            and (kind is None or kind in zone.kinds)
            and not why_unselectable(zone)
        )

    def _perhaps_enabled(self) -> tuple[str, ...]:
        """Without a look at every row: the agent knows the file whole and watches a few."""
        if not self.overrides:
            return SHIPPED_ENABLED
        switched = {name for name in self.overrides if name in SHIPPED}
        return tuple(name for name in SHIPPED if name in switched or name in SHIPPED_ENABLED)

    def selectable(self, kind: Kind = Kind.IP4) -> tuple[Zone, ...]:
        """Every zone an operator may choose for addresses of this kind."""
        return tuple(z for z in self.values() if kind in z.kinds and not why_unselectable(z))

    def by_name(self, name: str) -> Zone | None:
        """A zone as a person writes its name: in any case, with a last dot or without."""
        return self.get(name.rstrip(".").lower())


def choose(text: str) -> Zone:
    """The zone of ours a person names. ValueError, in one sentence, when nobody may choose it."""
    zone = CATALOGUE.by_name(text)
    if zone is None:
        raise ValueError(f"{text[:80]!r} is not in the catalogue of zones")
    if why := why_unselectable(zone):
        raise ValueError(f"{zone.name} cannot be chosen: {why}")
    return zone


def why_unselectable(zone: Zone) -> str:
    """Why nobody may choose this zone, in one sentence; empty when one may."""
    if zone.status is Status.DEAD:
        return f"dead: {zone.evidence}"
    if zone.access in (Access.PAID, Access.PRIVATE):
        return f"not served to the public: {zone.limits or zone.note}"
    if not zone.codes:
        return "no answer of it is a listing"
    if zone.kinds == {Kind.DOMAIN}:
        return "lists domains, and only addresses are looked at"
    if not zone.sentinel_listed:
        return "no test points, so nothing would vouch for its answers"
    if zone.part_of:
        return f"its data stands in {zone.part_of}: it would count twice"
    return ""


@lru_cache(maxsize=CHANGED_MAX)
def _changed(name: str, override: Override, pace: timedelta | None) -> Zone:
    zone = SHIPPED[name]
    limit = override.queries_per_day_max
    return replace(
        zone,
        is_enabled=zone.is_enabled if override.is_enabled is None else override.is_enabled,
        tier=override.tier or zone.tier,
        pace=pace or override.pace or (PACES[override.tier] if override.tier else zone.pace),
        queries_per_day_max=zone.queries_per_day_max if limit is None else limit,
    )


def _text() -> str:
    data = pkgutil.get_data("deliverability", "zones.tsv")
    assert data is not None, "zones.tsv is part of the package"
    return data.decode()


_TEXT = _text()
SHIPPED_HASH = hashlib.sha256(_TEXT.encode()).hexdigest()
SHIPPED = Rows(_TEXT)
SHIPPED_ENABLED = SHIPPED.names(enabled="yes")
CATALOGUE = Catalogue()
