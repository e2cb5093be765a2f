"""Routes about blocklist zones: the catalogue, one of it, one look."""

from collector.operate import zones
from collector.operate.desk import Desk
from collector.web import shapes_zones as shapes
from collector.web.routes import Role, Routes
from collector.web.shapes import Finding, ZonesQuery, ZoneTest

ROUTES = Routes()
VIEWER, OPERATOR = Role.VIEWER, Role.OPERATOR


@ROUTES.add("GET", path="/zones", role=VIEWER, reply=shapes.Zones)
async def list_zones(desk: Desk, *, query: ZonesQuery) -> object:
    """The zones one may choose; with `everything` or a status the others too."""
    asked = zones.Asked(everything=query.everything, tier=query.tier, status=query.status)
    return {"items": zones.listed(desk, asked)}


@ROUTES.add("GET", path="/zones/{zone}", role=VIEWER, reply=shapes.Zone)
async def read_zone(desk: Desk, *, zone: str) -> object:
    """One zone: its codes, access, limits, test points, source, and why it is off."""
    return zones.one(desk, zone)


@ROUTES.add("POST", path="/zones/{zone}/test", role=OPERATOR, reply=Finding)
async def test_zone(desk: Desk, *, zone: str, body: ZoneTest) -> object:
    """One look at a zone by the collector's own resolver, with its sentinels."""
    return await zones.test(desk, zone, address=body.address)
