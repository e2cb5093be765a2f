"""Rotation and warm-up as operators and senders see them: `ports_rotation.RotationStore`."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, text, update
from sqlalchemy import Row as SqlRow

from collector.adapters.store import granting, members, rotation, senders, verdicts, warmups
from collector.adapters.store.database import Part
from collector.adapters.store.moments import iso, to_ms
from collector.adapters.store.reign import read_policy, read_term
from collector.adapters.store.schema import pools
from collector.adapters.store.timeline import audited, new_id
from collector.core.capacity import DomainUse
from collector.core.judgement import Judgement
from collector.core.ledger import Key
from collector.core.model import Decision, Fate, Kind, Proposal, Reason, Subject
from collector.core.rates import DAY_SECONDS
from collector.core.rotation import Rotation, Strategy
from collector.core.warmup_plan import Plan, WarmKind
from collector.ports import AuditEntry, Refused, Row
from collector.ports_rotation import Grant, GrantDraft, Kept, Standing

REVISIONS = text(
    """SELECT p.id, coalesce((SELECT max(revision) FROM rotations r WHERE r.pool_id = p.id), 0),
 p.strategy FROM pools p"""
)
SHARE = text("UPDATE addresses SET share = :share WHERE node_id = :node AND ip = :ip")
# An address that no node has now is nobody's plan.
PLANS = """SELECT w.*, n.name AS node, p.name AS pool, p.id AS pool_id,
 (SELECT json_array(d.day, d.why) FROM warmup_days d WHERE d.node_id = w.node_id
  AND d.subject = w.subject ORDER BY d.day DESC LIMIT 1) AS last,
 t.number, (SELECT count(*) FROM addresses b WHERE b.node_id = w.node_id AND b.is_present = 1)
  AS addresses
 FROM warmups w LEFT JOIN nodes n ON n.id = w.node_id
 LEFT JOIN node_states t ON t.node_id = w.node_id
 LEFT JOIN addresses a ON a.node_id = w.node_id AND a.ip = w.subject AND a.is_present = 1
 LEFT JOIN pools p ON p.id = a.pool_id
 WHERE (w.kind = 'domain' OR a.ip IS NOT NULL) AND (:subject IS NULL OR w.subject = :subject)
 ORDER BY w.day_cap IS NULL, w.kind, p.name, n.name, w.subject"""


class Rotating(Part):
    async def pool_id(self, pool: str) -> str:
        query = select(pools.c.id).where(or_(pools.c.id == pool, pools.c.name == pool))
        found = await self._database.read(lambda c: c.scalar(query))
        if found is None:
            raise Refused("POOL_UNKNOWN", f"no pool has the id or name {pool}")
        return str(found)

    async def rotation(self, pool_id: str) -> Rotation:
        now = self._database.clock.now()
        return await self._database.read(lambda c: members.read(c, pool_id, now=now))

    async def revisions(self) -> Mapping[str, int]:
        return await self._database.read(lambda c: {row[0]: row[1] for row in c.execute(REVISIONS)})

    async def strategies(self) -> Mapping[str, tuple[int, Strategy]]:
        return await self._database.read(
            lambda c: {row[0]: (row[1], Strategy(row[2])) for row in c.execute(REVISIONS)}
        )

    async def set_shares(self, pool_id: str, shares: Mapping[Key, int], *, at: datetime) -> None:
        if not shares:
            return
        rows = [{"node": key[0], "ip": key[1], "share": n} for key, n in shares.items()]

        def job(connection: Connection) -> None:
            connection.execute(SHARE, rows)
            rotation.revise(connection, pool_id, at=to_ms(at))

        await self._database.write(job)

    async def set_pool(
        self,
        pool_id: str,
        *,
        strategy: Strategy,
        region: str,
        monthly: int,
        entry: AuditEntry,
    ) -> None:
        values = {"strategy": strategy.value, "region": region, "monthly": monthly}

        def job(connection: Connection) -> None:
            changing = update(pools).where(pools.c.id == pool_id).values(**values)
            if connection.execute(changing).rowcount != 1:
                raise Refused("POOL_UNKNOWN", f"no pool {pool_id}")
            rotation.revise(connection, pool_id, at=to_ms(entry.at))
            audited(connection, entry)

        await self._database.write(job)

    async def keep_grant(self, draft: GrantDraft) -> Kept:
        return await self._database.writer.write_plainly(lambda c: granting.keep(c, draft))

    async def domain_use(self, domain: str, *, receiver: str, at: datetime) -> DomainUse | None:
        def job(connection: Connection) -> DomainUse | None:
            plain = connection.connection.driver_connection
            assert isinstance(plain, sqlite3.Connection)
            return granting.domain_use(plain, domain, receiver=receiver, at=at)

        return await self._database.read(job)

    async def grants(self, pool_id: str, *, since: datetime) -> Sequence[Grant]:
        return await self._database.read(
            lambda c: granting.open_ones(c, pool_id, since=to_ms(since))
        )

    async def warmups(self, *, subject: str | None = None) -> Sequence[Row]:
        now = self._database.clock.now()
        return await self._database.read(lambda c: _plans(c, subject, now=now))

    async def warmup_days(self, subject: str, *, limit: int) -> Sequence[Row]:
        def job(connection: Connection) -> list[Row]:
            found = _one(connection, subject)
            node_id = "" if found is None else found.node_id
            return [*warmups.days_of(connection, node_id, subject=subject, limit=limit)]

        return await self._database.read(job)

    async def warmup(self, subject: str) -> Standing | None:
        def job(connection: Connection) -> Standing | None:
            row = _one(connection, subject)
            if row is None:
                return None
            plan = warmups.plan_of(row)
            return Standing(plan=plan, node_id=row.node_id, pool_id=row.pool_id or "")

        return await self._database.read(job)

    async def set_warmup(
        self, standing: Standing, entry: AuditEntry, *, before: Plan | None
    ) -> None:
        def job(connection: Connection) -> None:
            known = warmups.standing(connection, standing.plan, node_id=standing.node_id)
            if known != before:
                text = f"the warm-up of {standing.plan.subject} has just changed"
                raise Refused("WARMUP_CHANGED", text, remedy="mailfleet warmup show SUBJECT")
            _set(connection, standing, entry)

        await self._database.write(job)


def _one(connection: Connection, subject: str) -> SqlRow[Any] | None:
    return connection.execute(text(PLANS), {"subject": subject}).first()


def _plans(connection: Connection, subject: str | None, *, now: datetime) -> list[Row]:
    rows = connection.execute(text(PLANS), {"subject": subject}).all()
    counts: members.Counts = {}
    for pool_id in sorted({row.pool_id for row in rows if row.pool_id and row.day_cap}):
        counts |= members.counted(connection, pool_id, now=now)
    return [_shown(row, _sent_today(connection, row, counts, now=now)) for row in rows]


def _sent_today(
    connection: Connection, row: SqlRow[Any], counts: members.Counts, *, now: datetime
) -> int | None:
    """Of what has a cap; of a domain as of the last quarter of an hour."""
    if not row.day_cap:
        return None
    if row.kind == WarmKind.DOMAIN.value:
        told = senders.counted(connection, row.subject, span=DAY_SECONDS, at=now)
        return senders.left(told)
    sent = members.merged(counts, (row.number, row.subject))
    return sum(day for day, _ in sent.values()) if row.node else None


def _shown(row: SqlRow[Any], sent_today: int | None) -> Row:
    plan = warmups.plan_of(row)
    cap, last = plan.cap, row.last and warmups.last_of(row.last)
    return {
        "kind": plan.kind.value,
        "subject": plan.subject,
        "node": row.node,
        "pool": row.pool,
        "ladder": plan.ladder,
        "stage": min(plan.stage + 1, len(plan.steps.stages)),
        "stages": len(plan.steps.stages),
        "is_warm": plan.is_warm,
        "cap_day": cap.day if cap else None,
        "cap_hour": cap.hour if cap else None,
        "cap_receiver": cap.receiver if cap else None,
        "sent_today": sent_today,
        "since": iso(row.since),
        "started_at": iso(row.started_at),
        "healthy_days": plan.healthy_days,
        "idle_days": plan.idle_days,
        "usual": plan.usual,
        "judged": None if plan.judged is None else f"{plan.judged:%Y-%m-%d}",
        "sent_on": None if plan.sent_on is None else f"{plan.sent_on:%Y-%m-%d}",
        "held_by": plan.held_by.value if plan.held_by else None,
        "held_why": plan.held_why,
        "last_day": last[0] if last else None,
        "last_why": last[1] if last else None,
        "decision_id": row.decision_id,
    }


def _set(connection: Connection, standing: Standing, entry: AuditEntry) -> None:
    plan, decided = standing.plan, None
    if plan.kind is WarmKind.ADDRESS:
        decision = _decision(connection, standing, entry)
        judgement = Judgement(at=entry.at, term=read_term(connection), decisions=(decision,))
        (decided,) = verdicts.put_decisions(connection, judgement, batch=new_id())
        rotation.revise(connection, standing.pool_id, at=to_ms(entry.at))
    warmups.put(connection, plan, node_id=standing.node_id, decision_id=decided)
    audited(connection, entry, node_id=standing.node_id or None)


def _decision(connection: Connection, standing: Standing, entry: AuditEntry) -> Decision:
    subject = Subject(
        node_id=standing.node_id, address=standing.plan.subject, pool_id=standing.pool_id
    )
    return Decision(
        proposal=Proposal(
            kind=Kind.HOLD if standing.plan.held_by else Kind.WARM,
            subject=subject,
            reason=Reason.OPERATOR,
            rule=f"operator: {entry.action}",
            evidence={
                "who": entry.actor.name,
                "from": entry.actor.origin,
                "before": dict(entry.before),
                "after": dict(entry.after),
            },
        ),
        fate=Fate.MADE,
        brake=None,
        aggregates={},
        policy_revision=read_policy(connection).revision,
        at=entry.at,
    )
