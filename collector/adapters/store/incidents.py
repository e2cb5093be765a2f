"""Incidents and silences: what a judgement reads of them, and what it writes."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import encode
from collector.adapters.store.among import given, named
from collector.adapters.store.moments import MILLISECOND, from_ms, to_ms, to_ms_or_none
from collector.adapters.store.schema import nodes, pools
from collector.adapters.store.schema_alerts import incidents as table
from collector.adapters.store.schema_alerts import silences
from collector.core.incident import Incident, IncidentDraft, Place, Silence, Told
from collector.core.severity import Severity

# The longest that a policy lets an incident open again.
LATELY = timedelta(days=1) // MILLISECOND
LATELY_MAX = 500
# Open, or so lately over that they may open again.
KNOWN = select(table).where(
    or_(table.c.resolved_at.is_(None), table.c.resolved_at > bindparam("since"))
)
LAST = select(func.max(table.c.number))
SILENCES = select(silences).where(silences.c.ends_at > bindparam("now")).order_by(silences.c.number)
PLACES = select(
    nodes.c.id,
    nodes.c.name,
    pools.c.name.label("pool"),
    func.coalesce(nodes.c.tenant_id, pools.c.tenant_id).label("tenant"),
).join(pools, pools.c.id == nodes.c.pool_id)
OF_NODES = PLACES.where(named(nodes.c.id))
TOLD = msgspec.json.Decoder(dict[str, Told])
UNACKNOWLEDGED = {"acknowledged_at": None, "acknowledged_by": "", "acknowledged_why": ""}


def next_number(connection: Connection) -> int:
    return (connection.scalar(LAST) or 0) + 1


def put(connection: Connection, drafts: Sequence[IncidentDraft]) -> None:
    """A person's acknowledgement stays, unless the draft ends it."""
    for draft in drafts:
        values = _values(draft.incident)
        statement = upsert(table).values(number=draft.incident.number, **values)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["number"],
                set_=values | (UNACKNOWLEDGED if draft.unacknowledge else {}),
            )
        )


def acknowledge(connection: Connection, number: int, *, by: str, why: str, at: int | None) -> bool:
    """`at` None takes it back. False when there is no such open incident."""
    is_open = (table.c.number == number) & table.c.resolved_at.is_(None)
    said = update(table).where(is_open)
    values = {"acknowledged_at": at, "acknowledged_by": by, "acknowledged_why": why}
    return connection.execute(said.values(values)).rowcount == 1


def active_silences(connection: Connection, *, now: int) -> list[Silence]:
    return [silence_of(row) for row in connection.execute(SILENCES, {"now": now})]


def add_silence(connection: Connection, silence: Silence) -> int:
    values = {
        name: getattr(silence, name)
        for name in ("made_by", "reason", "cause", "zone", "node", "pool", "address")
    }
    times = {"starts_at": to_ms(silence.starts_at), "ends_at": to_ms(silence.ends_at)}
    made = connection.execute(upsert(silences).values(**values, **times))
    (number,) = made.inserted_primary_key or (0,)
    return int(number)


def end_silence(connection: Connection, number: int, *, by: str, now: int) -> bool:
    """False when it is not known, or has ended."""
    going = (silences.c.number == number) & (silences.c.ends_at > now)
    ending = update(silences).where(going).values(ends_at=now, ended_by=by)
    return connection.execute(ending).rowcount == 1


def incident_of(row: Row[Any]) -> Incident:
    return Incident(
        number=row.number,
        cause=row.cause,
        tenant=row.tenant,
        opened_at=from_ms(row.opened_at),
        told=TOLD.decode(row.told),
        severity=Severity(row.severity) if row.severity else None,
        notices=row.notices,
        told_at=from_ms(row.told_at),
        reminders=row.reminders,
        reopened=row.reopened,
        calm_since=from_ms(row.calm_since),
        resolved_at=from_ms(row.resolved_at),
        acknowledged_by=row.acknowledged_by,
    )


def silence_of(row: Row[Any]) -> Silence:
    return Silence(
        number=row.number,
        starts_at=from_ms(row.starts_at),
        ends_at=from_ms(row.ends_at),
        made_by=row.made_by,
        reason=row.reason,
        cause=row.cause,
        zone=row.zone,
        node=row.node,
        pool=row.pool,
        address=row.address,
    )


def _values(incident: Incident) -> dict[str, object]:
    return {
        "cause": incident.cause,
        "tenant": incident.tenant,
        "opened_at": to_ms(incident.opened_at),
        "told": encode.text(incident.told),
        "severity": incident.severity.value if incident.severity else None,
        "notices": incident.notices,
        "told_at": to_ms_or_none(incident.told_at),
        "reminders": incident.reminders,
        "reopened": incident.reopened,
        "calm_since": to_ms_or_none(incident.calm_since),
        "resolved_at": to_ms_or_none(incident.resolved_at),
    }


def places(connection: Connection, node_ids: Sequence[str]) -> dict[str, Place]:
    return {
        row.id: Place(node=row.name, pool=row.pool, tenant=row.tenant)
        for row in connection.execute(OF_NODES, given(node_ids))
    }
