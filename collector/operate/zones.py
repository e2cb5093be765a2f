"""The blocklist zones as people read them: which there are, what each says, one look at one."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from collector.operate.desk import Desk
from collector.operate.overview import rows_of
from collector.ports import Refused, Row
from deliverability import catalogue
from deliverability.catalogue import CATALOGUE
from deliverability.zones import ZoneKey, meant, why_unaskable
from deliverability.zones_shapes import Code, Status, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which zones: those one may choose, unless `everything` or a status is asked for."""

    everything: bool = False
    tier: str | None = None
    status: str | None = None


def listed(desk: Desk, asked: Asked) -> list[Row]:
    """In the order of the catalogue: what hurts most first, the dead last in their tier."""
    rows = (_brief(desk, zone) for zone in CATALOGUE.values())
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
    zone = _known(name)
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
    zone = _known(name)
    try:
        ip = str(ipaddress.ip_address(address))
    except ValueError:
        raise Refused("ADDRESS_WRONG", f"{address[:80]!r} is no IP address") from None
    # A key that is missing is the resolver's to tell: it alone holds one.
    if why := why_unaskable(zone, ip, key=ZoneKey("any", operator=zone.operator)):
        raise Refused("ZONE_UNASKED", why, remedy=f"mailfleet zone show {zone.name}")
    look = await desk.resolver.look(zone.name, address=ip)
    codes = meant(zone, look.answers)
    members = await desk.store.nodes(node=ip)
    return {
        "zone": zone.name,
        "operator": zone.operator,
        "address": ip,
        "verdict": look.verdict.value,
        "answers": list(look.answers),
        "meaning": _meanings(zone, look.answers),
        "consequence": sorted({code.consequence.value for code in codes}),
        "sentinels": look.sentinels.value,
        "why": look.why,
        "delisting": zone.delisting,
        "node": next((row["name"] for row in members if rows_of(row, "addresses")), None),
    }


def _known(name: str) -> Zone:
    zone = CATALOGUE.by_name(name)
    if zone is None:
        raise Refused("ZONE_UNKNOWN", f"{name[:80]!r} is not in the catalogue")
    return zone


def _brief(desk: Desk, zone: Zone) -> Row:
    return {
        "name": zone.name,
        "operator": zone.operator,
        "kinds": sorted(kind.value for kind in zone.kinds),
        "tier": zone.tier.value,
        "pace_seconds": None if zone.status is Status.DEAD else int(zone.pace.total_seconds()),
        "status": zone.status.value,
        "access": zone.access.value,
        "selectable": not catalogue.why_unselectable(zone),
        "enabled": zone.is_enabled,
        "why_disabled": zone.why_disabled,
        "watched": zone.name in desk.standing.zones,
    }


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
