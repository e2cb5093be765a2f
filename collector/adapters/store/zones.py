"""A fleet's own word on zones, and what our own resolver finds where no agent looks."""

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from collector.adapters.store import heartbeats
from collector.adapters.store.database import Part
from collector.adapters.store.moments import from_ms, to_ms
from collector.adapters.store.schema import addresses, nodes, zone_facts
from collector.adapters.store.schema_zones import zone_overrides
from collector.adapters.store.timeline import audited
from collector.core.heartbeat import ZoneReading
from collector.core.model import Lifecycle, Look
from collector.ports import AuditEntry
from collector.ports_zones import FleetSize, Unwatched
from deliverability.catalogue import Catalogue, Override
from deliverability.zones import Tier
from deliverability.zones_pace import Size
from deliverability.zones_query import CREDENTIALS

OVERRIDES = select(zone_overrides).order_by(zone_overrides.c.zone)
GOING = nodes.c.lifecycle.not_in([Lifecycle.DECOMMISSIONED.value, Lifecycle.REQUESTED.value])
IS_WIDE = func.instr(addresses.c.ip, ":") > 0
PRESENT = (
    select()
    .select_from(addresses.join(nodes, nodes.c.id == addresses.c.node_id))
    .where(addresses.c.is_present == 1, GOING)
)
# By what nodes say they can: how many IPv4 addresses, and how many nodes with any address.
SIZES = PRESENT.add_columns(
    nodes.c.capabilities,
    func.count().filter(~IS_WIDE).label("ip4"),
    func.count(addresses.c.node_id.distinct()).label("nodes"),
).group_by(nodes.c.capabilities)
WIDE = PRESENT.where(IS_WIDE).add_columns(nodes.c.capabilities, addresses.c.node_id, addresses.c.ip)


class Zoning(Part):
    """`ports_zones.ZoneStore`."""

    async def zone_overrides(self) -> Mapping[str, Override]:
        return await self._database.read(read_overrides)

    async def set_zone_override(
        self, zone: str, override: Override | None, *, entry: AuditEntry
    ) -> None:
        def job(connection: Connection) -> None:
            connection.execute(delete(zone_overrides).where(zone_overrides.c.zone == zone))
            if override is not None:
                connection.execute(insert(zone_overrides).values(zone=zone, **_row(override)))
            audited(connection, entry)

        await self._database.write(job)

    async def fleet_size(self) -> FleetSize:
        """Counted by SQLite: of a large fleet no row but those of IPv6 comes up here."""

        def job(connection: Connection) -> FleetSize:
            parts, wide = connection.execute(SIZES).all(), connection.execute(WIDE).all()
            keyless = {
                operator: _size(_without(parts, name), wide=_without(wide, name))
                for name, operator in CREDENTIALS.items()
            }
            return FleetSize(all=_size(parts, wide=wide), keyless=keyless)

        return await self._database.read(job)

    async def unwatched(
        self, zones: Sequence[str], *, since: datetime, limit: int
    ) -> Sequence[Unwatched]:
        def job(connection: Connection) -> list[Unwatched]:
            a, z = addresses.c, zone_facts.c
            said = (z.node_id == a.node_id) & (z.address == a.ip) & z.zone.in_(zones)
            lately = select(z.round).where(said, z.received_at >= to_ms(since)).exists()
            # Only of those that are unwatched, which are few: of the others one row is looked at.
            newest = select(func.max(z.received_at)).where(said).scalar_subquery()
            query = (
                select(a.node_id, a.ip)
                .join(nodes, nodes.c.id == a.node_id)
                .where(a.is_present == 1, GOING, nodes.c.enrolled_at < to_ms(since), ~lately)
                .order_by(newest, a.node_id, a.ip)
                .limit(limit)
            )
            found = connection.execute(query).all()
            return [_heard_of(connection, node, ip=ip) for node, ip in found]

        return await self._database.read(job)

    async def heard_of(self, subjects: Sequence[tuple[str, str]]) -> Sequence[Unwatched]:
        def job(connection: Connection) -> list[Unwatched]:
            a = addresses.c
            going = select(a.ip).join(nodes, nodes.c.id == a.node_id).where(GOING)
            return [
                _heard_of(connection, node, ip=ip)
                for node, ip in subjects
                if connection.scalar(going.where(a.node_id == node, a.ip == ip, a.is_present == 1))
            ]

        return await self._database.read(job)

    async def record_watch(self, node_id: str, look: Look, *, reason: str = "") -> None:
        def job(connection: Connection) -> None:
            z = zone_facts.c
            mine = (z.node_id == node_id) & (z.address == look.address) & (z.zone == look.zone)
            number = connection.scalar(select(z.round).where(mine)) or 0
            reading = ZoneReading(
                address=look.address,
                zone=look.zone,
                verdict=look.verdict,
                answers=look.answers,
                sentinels=look.sentinels,
                round=number + 1,
                checked_at=look.at,
                why=look.why,
                reason=reason,
            )
            row = heartbeats.zone_row(node_id, reading, received=to_ms(look.at))
            connection.exec_driver_sql(heartbeats.ZONES.single, row)
            connection.execute(update(zone_facts).where(mine).values(resolver=look.resolver))

        await self._database.write(job)


def read_overrides(connection: Connection) -> dict[str, Override]:
    return {
        row.zone: Override(
            is_enabled=None if row.is_enabled is None else bool(row.is_enabled),
            tier=None if row.tier is None else Tier(row.tier),
            pace=None if row.pace_seconds is None else timedelta(seconds=row.pace_seconds),
            queries_per_day_max=row.queries_per_day_max,
        )
        for row in connection.execute(OVERRIDES)
    }


def read_catalogue(connection: Connection) -> Catalogue:
    return Catalogue(overrides=read_overrides(connection))


def _size(parts: Sequence[Row[Any]], *, wide: Sequence[Row[Any]]) -> Size:
    """Of rows of SIZES and of WIDE."""
    return Size(
        ip4=sum(row.ip4 for row in parts),
        ip6=len({(row.node_id, _network(row.ip)) for row in wide}),
        nodes=sum(row.nodes for row in parts),
    )


def _without(rows: Sequence[Row[Any]], capability: str) -> list[Row[Any]]:
    return [row for row in rows if f'"{capability}"' not in row.capabilities]


def _row(override: Override) -> dict[str, object]:
    return {
        "is_enabled": override.is_enabled,
        "tier": override.tier.value if override.tier else None,
        "pace_seconds": int(override.pace.total_seconds()) if override.pace else None,
        "queries_per_day_max": override.queries_per_day_max,
    }


def _heard_of(connection: Connection, node_id: str, *, ip: str) -> Unwatched:
    z = zone_facts.c
    query = select(z.zone, z.received_at).where(z.node_id == node_id, z.address == ip)
    asked = {zone: from_ms(at) for zone, at in connection.execute(query)}
    return Unwatched(node_id=node_id, address=ip, asked=asked)


def _network(ip: str) -> int:
    return int(ipaddress.ip_address(ip)) >> 64
