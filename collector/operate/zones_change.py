"""What operators may change of zones: whether the fleet looks at one, its tier, pace and limit.

Undone by `reset`, which is the catalogue's own word again. A dead zone is never asked, whatever
anybody says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from collector.core import zonebrake
from collector.operate.desk import Change, Desk, Done, Wish, entry
from collector.operate.zones import told_of
from collector.ports import Refused
from deliverability import catalogue
from deliverability.catalogue import UNCHANGED, Catalogue, Override
from deliverability.zones import Tier, Zone
from deliverability.zones_shapes import Access

PACE_MIN, PACE_MAX = timedelta(minutes=1), timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person wants; None: as it is."""

    is_enabled: bool | None = None
    tier: Tier | None = None
    pace: timedelta | None = None
    queries_per_day_max: int | None = None


async def change(desk: Desk, name: str, *, said: Said, wish: Wish) -> Done:
    """Refused: ZONE_UNKNOWN, ZONE_UNSELECTABLE, PACE_WRONG, BLIND_FLEET, NOTHING_SAID,
    BRAKE_HOLDS."""
    zone = _known(desk, name)
    _check(zone, said)
    before = desk.zoning.catalogue().overrides.get(zone.name, UNCHANGED)
    after = Override(
        is_enabled=before.is_enabled if said.is_enabled is None else said.is_enabled,
        tier=said.tier or before.tier,
        pace=said.pace or before.pace,
        queries_per_day_max=before.queries_per_day_max
        if said.queries_per_day_max is None
        else said.queries_per_day_max,
    )
    return await _put(desk, zone, after, wish=wish)


async def reset(desk: Desk, name: str, *, wish: Wish) -> Done:
    """As the catalogue has it. Refused: ZONE_UNKNOWN, BLIND_FLEET, BRAKE_HOLDS."""
    return await _put(desk, _known(desk, name), UNCHANGED, wish=wish)


async def _put(desk: Desk, zone: Zone, after: Override, *, wish: Wish) -> Done:
    now = desk.zoning.catalogue()
    before = now.overrides.get(zone.name, UNCHANGED)
    others = {name: one for name, one in now.overrides.items() if name != zone.name}
    overrides = others if after.is_empty else {**others, zone.name: after}
    would = desk.zoning.preview(overrides)
    old, new = told_of(zone), told_of(would[zone.name])
    differs = {key: (old[key], new[key]) for key in new if old[key] != new[key]}
    if before == after:
        text = f"{zone.name}: nothing to change"
        return Done(text=text, changed=False, dry_run=wish.dry_run, details=_details(differs))
    _check_sight(would.enabled())
    await _check_brakes(desk, would)
    told = ", ".join(f"{key} {a} → {b}" for key, (a, b) in differs.items()) or "as it is"
    if not wish.dry_run:
        kept = None if after.is_empty else after
        audited = Change(
            action="zone set",
            subject=zone.name,
            before={key: a for key, (a, _) in differs.items()},
            after={key: b for key, (_, b) in differs.items()},
        )
        await desk.zoning.change(zone.name, kept, entry=entry(desk, wish, change=audited))
    done = f"{zone.name}: {told}"
    undo = f"; undo: mailfleet zone reset {zone.name}" if not after.is_empty else ""
    undo += _keyless(desk, would[zone.name])
    return Done(
        text=f"would be: {done}" if wish.dry_run else done + undo,
        changed=not wish.dry_run,
        dry_run=wish.dry_run,
        details=_details(differs),
    )


def _keyless(desk: Desk, zone: Zone) -> str:
    """Who will not ask a zone that answers nobody without a key."""
    nodes = desk.zoning.without_key(zone)
    if not (zone.is_enabled and zone.access is Access.KEY and nodes):
        return ""
    return f"; {nodes} nodes hold no key of {zone.operator} and will not ask it (docs/zones.md)"


def _known(desk: Desk, name: str) -> Zone:
    zone = desk.zoning.catalogue().by_name(name)
    if zone is None:
        raise Refused(
            "ZONE_UNKNOWN", f"{name[:80]!r} is not in the catalogue", remedy="mailfleet zone ls"
        )
    return zone


def _check(zone: Zone, said: Said) -> None:
    if said == Said():
        raise Refused("NOTHING_SAID", "nothing to change was said", remedy="see --help")
    if why := catalogue.why_unselectable(zone):
        raise Refused(
            "ZONE_UNSELECTABLE", f"{zone.name}: {why}", remedy=f"mailfleet zone show {zone.name}"
        )
    if said.pace is not None and not PACE_MIN <= said.pace <= PACE_MAX:
        raise Refused("PACE_WRONG", f"a pace is {PACE_MIN} to {PACE_MAX}, not {said.pace}")


def _check_sight(enabled: tuple[Zone, ...]) -> None:
    """Without a critical zone nobody would be paused for a listing, and nobody would know why."""
    if not any(zone.tier is Tier.CRITICAL for zone in enabled):
        raise Refused(
            "BLIND_FLEET",
            "no critical zone would be looked at any more",
            remedy="mailfleet zone set ZONE --tier critical for another one first",
        )


async def _check_brakes(desk: Desk, would: Catalogue) -> None:
    """A shorter round makes older listings of a wave no part of it, as in `operate.policy`."""
    now, policy = desk.zoning.catalogue(), desk.policy()
    for name in await desk.store.held_zones():
        if zonebrake.round_of(would.get(name), policy) < zonebrake.round_of(now.get(name), policy):
            raise Refused(
                "BRAKE_HOLDS",
                f"the zone brake holds {name}: a shorter round would let go of it",
                remedy="wait until the brake lets go (mailfleet status), then set it",
            )


def _details(differs: Mapping[str, tuple[object, object]]) -> dict[str, object]:
    changes = [{"name": key, "before": a, "after": b} for key, (a, b) in differs.items()]
    return {"changes": changes}
