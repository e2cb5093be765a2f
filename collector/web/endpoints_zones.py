"""Routes about blocklist zones: the catalogue, one of it, one look."""

from datetime import timedelta

from collector.operate import zones, zones_change
from collector.operate.desk import Desk
from collector.ports import Actor
from collector.web import shapes_zones as shapes
from collector.web.routes import Role, Routes
from collector.web.shapes import Act, Done, Finding, ZoneChange, ZonesQuery, ZoneTest
from deliverability.zones import Tier

ROUTES = Routes()
VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN


@ROUTES.add("GET", path="/zones", role=VIEWER, reply=shapes.Zones)
async def list_zones(desk: Desk, *, query: ZonesQuery) -> object:
    """The zones one may choose; with `everything` or a status the others too."""
    asked = zones.Asked(everything=query.everything, tier=query.tier, status=query.status)
    return {"items": zones.listed(desk, asked)}


@ROUTES.add("GET", path="/zones/{zone}", role=VIEWER, reply=shapes.Zone)
async def read_zone(desk: Desk, *, zone: str) -> object:
    """One zone: its codes, access, limits, test points, source, and why it is off."""
    return zones.one(desk, zone)


@ROUTES.add("POST", path="/zones/{zone}", role=ADMIN, reply=Done)
async def change_zone(desk: Desk, *, zone: str, body: ZoneChange, actor: Actor) -> object:
    """Whether the fleet looks at a zone, how often, how much it hurts, how much it may be asked."""
    said = zones_change.Said(
        is_enabled=body.enabled,
        tier=Tier(body.tier) if body.tier else None,
        pace=timedelta(seconds=body.pace_seconds) if body.pace_seconds else None,
        queries_per_day_max=body.queries_per_day_max,
    )
    done = await zones_change.change(desk, zone, said=said, wish=body.wish(actor))
    return done.to_json()


@ROUTES.add("POST", path="/zones/{zone}/reset", role=ADMIN, reply=Done)
async def reset_zone(desk: Desk, *, zone: str, body: Act, actor: Actor) -> object:
    """The catalogue's own word on the zone again."""
    return (await zones_change.reset(desk, zone, wish=body.wish(actor))).to_json()


@ROUTES.add("POST", path="/zones/{zone}/test", role=OPERATOR, reply=Finding)
async def test_zone(desk: Desk, *, zone: str, body: ZoneTest) -> object:
    """One look at a zone by the collector's own resolver, with its sentinels."""
    return await zones.test(desk, zone, address=body.address)
