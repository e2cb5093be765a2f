"""Rows of the timeline, written in the transaction of what they tell, and the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import Connection, insert

from collector.adapters.store import encode
from collector.adapters.store.moments import to_ms
from collector.adapters.store.schema_acts import audit, timeline
from collector.ports import AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """`at` in milliseconds."""

    at: int
    kind: str
    text: str
    node_id: str | None = None
    severity: str = "info"
    details: Mapping[str, object] = field(default_factory=dict)


def tell(connection: Connection, *rows: Told) -> None:
    if rows:
        connection.execute(
            insert(timeline),
            [
                {
                    "at": row.at,
                    "kind": row.kind,
                    "node_id": row.node_id,
                    "severity": row.severity,
                    "text": row.text,
                    "details": encode.text(row.details),
                }
                for row in rows
            ],
        )


def audited(connection: Connection, entry: AuditEntry, *, node_id: str | None = None) -> None:
    connection.execute(
        insert(audit).values(
            at=to_ms(entry.at),
            actor=entry.actor.name,
            origin=entry.actor.origin,
            action=entry.action,
            subject=entry.subject,
            before=encode.text(entry.before),
            after=encode.text(entry.after),
        )
    )
    details = {
        "actor": entry.actor.name,
        "origin": entry.actor.origin,
        "action": entry.action,
        "subject": entry.subject,
        "before": entry.before,
        "after": entry.after,
    }
    text = f"{entry.actor.name}: {entry.action} {entry.subject}"
    tell(
        connection,
        Told(at=to_ms(entry.at), kind="audit", text=text, node_id=node_id, details=details),
    )


def new_id() -> str:
    return str(uuid4())
