"""The blocklist zones as people read them: which there are, what each says, one look at one."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from collector.core.reputation import ONE_RESOLVER
from collector.operate.desk import Desk
from collector.operate.overview import rows_of
from collector.ports import Refused, Row
from deliverability import catalogue, zones_pace
from deliverability.catalogue import SHIPPED, UNCHANGED, Catalogue
from deliverability.zones import Verdict, ZoneKey, meant, why_unaskable
from deliverability.zones_shapes import Code, Status, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which zones: those one may choose, unless `everything` or a status is asked for."""

    everything: bool = False
    tier: str | None = None
    status: str | None = None


def listed(desk: Desk, asked: Asked) -> list[Row]:
    """In the order of the catalogue: what hurts most first, the dead last in their tier."""
    rows = (_brief(desk, zone) for zone in desk.zoning.catalogue().values())
    is_wide = asked.everything or asked.status is not None
    return [
        row
        for row in rows
        if (is_wide or row["selectable"])
        and asked.tier in (None, row["tier"])
        and asked.status in (None, row["status"])
    ]


def one(desk: Desk, name: str) -> Row:
    """Everything known of a zone. Refused: ZONE_UNKNOWN."""
    zone = _known(desk, name)
    return {
        **_brief(desk, zone),
        "why_not_selectable": catalogue.why_unselectable(zone),
        "evidence": zone.evidence,
        "seen": zone.seen,
        "limits": zone.limits,
        "queries_per_day_max": zone.queries_per_day_max or None,
        "codes": _codes(zone.codes),
        "not_listings": _codes(zone.others),
        "refusals": dict(zone.errors),
        "confirmed_by": zone.confirmed.value,
        "sentinel_listed": zone.sentinel_listed,
        "sentinel_clear": zone.sentinel_clear,
        "keyed_name": zone.keyed_suffix.replace("{key}", "<key>"),
        "without_agent": _without_agent(desk),
        "nodes_without_key": desk.zoning.without_key(zone),
        "part_of": zone.part_of,
        "delisting": zone.delisting,
        "note": zone.note,
        "source": zone.source,
        "dated": zone.dated,
    }


async def test(desk: Desk, name: str, *, address: str) -> Row:
    """One look by the collector's own resolver, with the zone's sentinels. Changes nothing.

    Refused: ZONE_UNKNOWN, ADDRESS_WRONG, ZONE_UNASKED.
    """
    zone = _known(desk, name)
    try:
        ip = str(ipaddress.ip_address(address))
    except ValueError:
        raise Refused("ADDRESS_WRONG", f"{address[:80]!r} is no IP address") from None
    # A key that is missing is the resolver's to tell: it alone holds one.
    if why := why_unaskable(zone, ip, key=ZoneKey("any", operator=zone.operator)):
        raise Refused("ZONE_UNASKED", why, remedy=f"mailfleet zone show {zone.name}")
    look = await desk.resolver.look(zone.name, address=ip)
    is_listed = look.verdict is Verdict.LISTED
    reason = await desk.resolver.why_listed(zone.name, address=ip) if is_listed else ""
    codes = meant(zone, look.answers)
    members = await desk.store.nodes(node=ip)
    return {
        "zone": zone.name,
        "operator": zone.operator,
        "address": ip,
        "verdict": look.verdict.value,
        "answers": list(look.answers),
        "meaning": _meanings(zone, look.answers),
        "reason": reason,
        "consequence": sorted({code.consequence.value for code in codes}),
        "sentinels": look.sentinels.value,
        "why": look.why,
        "delisting": zone.delisting,
        "node": next((row["name"] for row in members if rows_of(row, "addresses")), None),
    }


def _without_agent(desk: Desk) -> str:
    """Through which of our resolvers an address is asked about that no agent looks after."""
    finder, other = desk.resolver.pair()
    beside = f"a hit is confirmed through {other}" if other else f"a hit is {ONE_RESOLVER}"
    by = "" if other else ", a second sweep decides"
    return f"asked about by the collector through {finder}; {beside}{by}"


def told_of(zone: Zone) -> dict[str, object]:
    """What a fleet may say of a zone, as it stands."""
    return {
        "enabled": zone.is_enabled,
        "tier": zone.tier.value,
        "pace": _every(zone.pace),
        "queries_per_day_max": zone.queries_per_day_max or None,
    }


def _every(pace: timedelta) -> str:
    seconds = int(pace.total_seconds())
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def _known(desk: Desk, name: str) -> Zone:
    zone = desk.zoning.catalogue().by_name(name)
    if zone is None:
        raise Refused("ZONE_UNKNOWN", f"{name[:80]!r} is not in the catalogue")
    return zone


def _brief(desk: Desk, zone: Zone) -> Row:
    shipped = SHIPPED[zone.name]
    is_watched = zone.is_enabled and not catalogue.why_unselectable(zone)
    is_dead = zone.status is Status.DEAD
    return {
        "name": zone.name,
        "operator": zone.operator,
        "kinds": sorted(kind.value for kind in zone.kinds),
        "tier": zone.tier.value,
        "pace_seconds": None if is_dead else int(zone.pace.total_seconds()),
        "status": zone.status.value,
        "access": zone.access.value,
        "selectable": not catalogue.why_unselectable(zone),
        "enabled": shipped.is_enabled,
        "why_disabled": shipped.why_disabled,
        "watched": is_watched,
        "changed": _changed(desk, zone),
        "questions_per_day": _questions(desk, zone) if is_watched else 0,
        "why_slower": _why_slower(desk, zone),
    }


def _changed(desk: Desk, zone: Zone) -> Row:
    """What the fleet says of it instead of the catalogue."""
    said = desk.zoning.catalogue().overrides.get(zone.name, UNCHANGED)
    told = {
        "enabled": said.is_enabled,
        "tier": said.tier.value if said.tier else None,
        "pace_seconds": int(said.pace.total_seconds()) if said.pace else None,
        "queries_per_day_max": said.queries_per_day_max,
    }
    return {name: value for name, value in told.items() if value is not None}


def _questions(desk: Desk, zone: Zone) -> int:
    return round(zones_pace.questions_per_day(zone, desk.zoning.size(), pace=zone.pace))


def _why_slower(desk: Desk, zone: Zone) -> str:
    """Why it is looked at less often than it would be for its tier, or not at all."""
    found = desk.zoning.catalogue()
    bare = Catalogue(overrides=found.overrides)
    is_slow = zone.name in found.paces and zone.pace > bare[zone.name].pace
    if not (is_slow or zone.name in found.too_small):
        return ""
    size = desk.zoning.limited(zone)
    limits = (z.queries_per_day_max for z in bare.enabled() if z.operator == zone.operator)
    limit = min(filter(None, limits), default=0)
    if not (limit and size.nodes):
        return "the policy's pace of critical zones"
    return (
        f"{zone.operator} allows {limit:,} questions a day, for {size.ip4 + size.ip6:,} addresses"
        f" of {size.nodes:,} nodes"
    )


def _codes(codes: Iterable[Code]) -> list[Row]:
    return [
        {"answer": str(code), "consequence": code.consequence.value, "meaning": code.meaning}
        for code in codes
    ]


def _meanings(zone: Zone, answers: Iterable[str]) -> list[str]:
    """Each answer with all it says, listing or not; unrecognised ones are left to `why`."""
    told = []
    for answer in answers:
        other = zone.other(answer)
        codes = meant(zone, [answer]) or ((other,) if other else ())
        told += [f"{answer} {code.meaning}" for code in codes]
    return told
