"""What people read and change of incidents and silences. Rows are JSON-ready."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, func, or_, select

from collector.adapters.store import encode, incidents
from collector.adapters.store.among import among
from collector.adapters.store.database import Part
from collector.adapters.store.moments import iso, to_ms, to_ms_or_none
from collector.adapters.store.schema import nodes, pools
from collector.adapters.store.schema_acts import alerts, effects
from collector.adapters.store.schema_alerts import deliveries, silences
from collector.adapters.store.schema_alerts import incidents as table
from collector.adapters.store.timeline import audited
from collector.core import causes
from collector.core.incident import Silence
from collector.ports import AuditEntry
from collector.ports import Row as PlainRow
from collector.ports_notify import Troubles

ALERTS_MAX = 1_000
NOTICES_MAX = 100


class Alerting(Part):
    async def troubles(self) -> Troubles:
        now, kept = to_ms(self._database.clock.now()), self._database.kept.troubled
        return await self._database.read(
            lambda c: Troubles(alerts=kept.alerts(c), docket=kept.docket(c, now=now))
        )

    async def incidents(self, *, open_only: bool, limit: int) -> Sequence[PlainRow]:
        query = select(table).order_by(table.c.number.desc()).limit(limit)
        if open_only:
            query = query.where(table.c.resolved_at.is_(None))
        return await self._database.read(lambda c: [_incident(row) for row in c.execute(query)])

    async def incident(self, number: int) -> PlainRow | None:
        def job(connection: Connection) -> PlainRow | None:
            found = connection.execute(select(table).where(table.c.number == number)).one_or_none()
            if found is None:
                return None
            return {
                **_incident(found),
                "alerts": _alerts(connection, found),
                "sent": _notices(connection, found),
            }

        return await self._database.read(job)

    async def acknowledge(
        self, number: int, *, by: str, why: str, at: datetime | None, entry: AuditEntry
    ) -> bool:
        def job(connection: Connection) -> bool:
            done = incidents.acknowledge(connection, number, by=by, why=why, at=to_ms_or_none(at))
            if done:
                audited(connection, entry)
            return done

        return await self._database.write(job)

    async def silences(self, *, active_only: bool, limit: int) -> Sequence[PlainRow]:
        c = silences.c
        query = select(silences).order_by(c.number.desc()).limit(limit)
        if active_only:
            query = query.where(c.ends_at > to_ms(self._database.clock.now()))
        return await self._database.read(lambda k: [_silence(row) for row in k.execute(query)])

    async def add_silence(self, silence: Silence, entry: AuditEntry) -> int:
        def job(connection: Connection) -> int:
            audited(connection, entry)
            return incidents.add_silence(connection, silence)

        return await self._database.write(job)

    async def end_silence(self, number: int, entry: AuditEntry) -> bool:
        def job(connection: Connection) -> bool:
            by, now = entry.actor.name, to_ms(entry.at)
            done = incidents.end_silence(connection, number, by=by, now=now)
            if done:
                audited(connection, entry)
            return done

        return await self._database.write(job)


def _incident(row: Row[Any]) -> dict[str, object]:
    plain = ("number", "cause", "tenant", "severity", "reopened", "notices")
    seen = ("acknowledged_by", "acknowledged_why")
    times = ("opened_at", "resolved_at", "calm_since", "told_at", "acknowledged_at")
    return _shown(row, *plain, *seen, times=times) | {"told": sorted(encode.value(row.told))}


def _silence(row: Row[Any]) -> dict[str, object]:
    names = ("number", "made_by", "reason", "cause", "zone", "node", "pool", "address", "ended_by")
    return _shown(row, *names, times=("starts_at", "ends_at"))


def _shown(row: Row[Any], *plain: str, times: Sequence[str]) -> dict[str, object]:
    """These columns as they are, and these moments as people read them."""
    said: dict[str, object] = {name: getattr(row, name) for name in plain}
    return said | {name: iso(getattr(row, name)) for name in times}


def _alerts(connection: Connection, incident: Row[Any]) -> list[dict[str, object]]:
    """Those of its cause and tenant that stood in its time, what stands first."""
    c = alerts.c
    until = incident.resolved_at
    query = (
        select(alerts, func.coalesce(nodes.c.tenant_id, pools.c.tenant_id).label("tenant"))
        .join(nodes, nodes.c.id == c.node_id, isouter=True)
        .join(pools, pools.c.id == nodes.c.pool_id, isouter=True)
        .where(
            or_(*(begins(c.key, head) for head in _heads(incident.cause))),
            or_(c.resolved_at.is_(None), c.resolved_at >= incident.opened_at),
            *([c.opened_at <= until] if until is not None else []),
        )
        .order_by(c.resolved_at.is_not(None), c.opened_at.desc(), c.id)
        .limit(ALERTS_MAX)
    )
    return [
        alert_row(row)
        for row in connection.execute(query)
        if causes.cause_of(row.key) == incident.cause and row.tenant == incident.tenant
    ]


def begins(column: Column[str], head: str) -> ColumnElement[bool]:
    """As a range, so that an index can answer: LIKE with an escape never can."""
    return (column >= head) & (column < f"{head[:-1]}{chr(ord(head[-1]) + 1)}")


def alert_row(row: Row[Any]) -> dict[str, object]:
    return _shown(row, "key", "node_id", "severity", "text", times=("opened_at", "resolved_at"))


def _heads(cause: str) -> list[str]:
    """What the keys of an incident's alerts begin with."""
    name, colon, zone = cause.partition(":")
    parts = [one for one, known in causes.CAUSES.items() if known.part_of == name]
    return [f"{one}{colon}{zone}" for one in (name, *parts)]


def _notices(connection: Connection, incident: Row[Any]) -> list[dict[str, object]]:
    """The newest, oldest first, each with what became of it."""
    thread = f"{incident.number}.{incident.opened_at // 1000}"
    mine = begins(effects.c.key, f"notify:{thread}.")
    newest = select(effects).where(mine).order_by(effects.c.created_at.desc()).limit(NOTICES_MAX)
    rows = list(reversed(connection.execute(newest).all()))
    ways: dict[str, list[dict[str, object]]] = {row.key: [] for row in rows}
    sent = select(deliveries).where(among(deliveries.c.key, ways)).order_by(deliveries.c.channel)
    for row in connection.execute(sent):
        ways[row.key].append(_way(row))
    return [
        {
            "key": row.key,
            "at": iso(row.created_at),
            "notice": encode.value(row.payload),
            "deliveries": ways[row.key],
        }
        for row in rows
    ]


def _way(row: Row[Any]) -> dict[str, object]:
    return {
        "channel": row.channel,
        "outcome": row.outcome or "waiting",
        "said": row.said,
        "attempts": row.attempts,
        "problem": row.problem,
        "at": iso(row.finished_at),
    }
