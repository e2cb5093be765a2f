"""What people read, as rows ready for JSON: ids and enums as text, times as ISO 8601 with Z."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, func, or_, select
from sqlalchemy import Row as SqlRow

from collector.adapters.store import encode, migrate, reign, snapshot, views_nodes
from collector.adapters.store.alerting import alert_row
from collector.adapters.store.among import given, named
from collector.adapters.store.database import Part
from collector.adapters.store.kept import Kept
from collector.adapters.store.moments import iso, to_ms
from collector.adapters.store.schema import nodes, policies, pools, rotations
from collector.adapters.store.schema_acts import alerts, decisions, effects, timeline
from collector.ports import Row

SHOWN: list[Any] = [column for column in decisions.columns if column.name != "inputs"]
SUBJECT: BindParameter[str] = bindparam("subject")
ABOUT = (
    select(*SHOWN, policies.c.body, nodes.c.name.label("node_name"))
    .join(policies, policies.c.revision == decisions.c.policy_revision, isouter=True)
    .join(nodes, nodes.c.id == decisions.c.node_id, isouter=True)
    .where(
        or_(
            decisions.c.id == SUBJECT,
            decisions.c.node_id == SUBJECT,
            decisions.c.address == SUBJECT,
            decisions.c.node_id.in_(select(nodes.c.id).where(nodes.c.name == SUBJECT)),
        )
    )
    .order_by(decisions.c.at.desc(), decisions.c.id)
    .limit(bindparam("most"))
)
FOLLOWED = (
    select(effects)
    .where(named(effects.c.batch, "batches"))
    .where(named(effects.c.node_id) | effects.c.node_id.is_(None))
    .order_by(effects.c.key)
)


class Views(Part):
    async def nodes(self, *, node: str | None = None) -> Sequence[Row]:
        now = to_ms(self._database.clock.now())
        return await self._database.read(lambda c: views_nodes.read(c, node, now=now))

    async def pools(self) -> Sequence[Row]:
        now = to_ms(self._database.clock.now())
        kept = self._database.kept
        return await self._database.read(lambda c: _pools(c, kept=kept, now=now))

    async def switches(self) -> Mapping[str, bool]:
        return await self._database.read(reign.read_switches)

    async def alerts(
        self, *, open_only: bool, limit: int, node_id: str | None = None
    ) -> Sequence[Row]:
        query = select(alerts).order_by(alerts.c.opened_at.desc(), alerts.c.id.desc()).limit(limit)
        if open_only:
            query = query.where(alerts.c.resolved_at.is_(None))
        if node_id is not None:
            query = query.where(alerts.c.node_id == node_id)

        def job(connection: Connection) -> list[Row]:
            return [alert_row(row) for row in connection.execute(query)]

        return await self._database.read(job)

    async def journal(self, *, after: int, limit: int, node_id: str | None) -> Sequence[Row]:
        """A negative `after` begins that many rows before the end."""
        return await self._database.read(
            lambda c: _journal(c, after=after, limit=limit, node_id=node_id)
        )

    async def decisions(self, subject: str, *, limit: int) -> Sequence[Row]:
        return await self._database.read(lambda c: _decisions(c, subject, limit=limit))

    async def schema_revision(self) -> str:
        return await self._database.read(migrate.revision)


def _pools(connection: Connection, *, kept: Kept, now: int) -> list[Row]:
    found = snapshot.read_pools(connection, kept=kept, now=now)
    latest = select(rotations.c.pool_id, func.max(rotations.c.revision).label("revision"))
    newest = {
        row.pool_id: row.revision
        for row in connection.execute(latest.group_by(rotations.c.pool_id))
    }
    made = {row.id: row for row in connection.execute(select(pools))}
    return [
        {
            "id": pool.id,
            "name": pool.name,
            "automation": pool.automation.value,
            "addresses": pool.addresses,
            "in_rotation": pool.in_rotation,
            "baseline": pool.baseline,
            "nodes": pool.nodes,
            "rotation_revision": newest.get(pool.id, 0),
            "strategy": made[pool.id].strategy,
            "region": made[pool.id].region,
            "monthly": pool.monthly,
            "created_at": iso(made[pool.id].created_at),
        }
        for pool in found.values()
    ]


def _journal(connection: Connection, *, after: int, limit: int, node_id: str | None) -> list[Row]:
    seq = timeline.c.seq
    mine: list[ColumnElement[bool]] = [] if node_id is None else [timeline.c.node_id == node_id]
    if after < 0:
        query = select(timeline).where(*mine).order_by(seq.desc()).limit(min(-after, limit))
        rows = list(reversed(connection.execute(query).all()))
    else:
        query = select(timeline).where(seq > after, *mine).order_by(seq).limit(limit)
        rows = list(connection.execute(query).all())
    return [
        {
            "seq": row.seq,
            "at": iso(row.at),
            "kind": row.kind,
            "node_id": row.node_id,
            "severity": row.severity,
            "text": row.text,
            "details": encode.value(row.details),
        }
        for row in rows
    ]


def _decisions(connection: Connection, subject: str, *, limit: int) -> list[Row]:
    asked = {"subject": subject, "most": limit}
    rows: Sequence[Any] = connection.execute(ABOUT, asked).all()
    followed = _effects(connection, rows)
    return [_decision(row, followed.get(row.batch, [])) for row in rows]


def _effects(connection: Connection, rows: Sequence[Any]) -> dict[str, list[SqlRow[Any]]]:
    """Of the same commits, about these nodes or about none: a commit may hold thousands."""
    nodes_of, batches = {row.node_id for row in rows}, {row.batch for row in rows}
    asked = given(nodes_of) | given(batches, "batches")
    found: dict[str, list[SqlRow[Any]]] = {}
    for row in connection.execute(FOLLOWED, asked):
        found.setdefault(row.batch, []).append(row)
    return found


def _decision(row: SqlRow[Any], followed: Sequence[SqlRow[Any]]) -> Row:
    """Effects of the same commit about the same node, or about none."""
    return {
        "id": row.id,
        "at": iso(row.at),
        "term": row.term,
        "node_id": row.node_id,
        "node": row.node_name,
        "address": row.address or None,
        "receiver": row.receiver or None,
        "pool_id": row.pool_id,
        "kind": row.kind,
        "reason": row.reason,
        "rule": row.rule,
        "zone": row.zone,
        "fate": row.fate,
        "brake": row.brake,
        "evidence": encode.value(row.evidence),
        "aggregates": encode.value(row.aggregates),
        "policy_revision": row.policy_revision,
        "thresholds": None if row.body is None else encode.value(row.body),
        "core_version": row.core_version,
        "effects": [
            {
                "key": effect.key,
                "kind": effect.kind,
                "state": "pending" if effect.finished_at is None else "done",
                "outcome": effect.outcome,
                "at": iso(effect.finished_at or effect.created_at),
            }
            for effect in followed
            if effect.node_id in (None, row.node_id)
        ],
    }
