"""What a judgement wants done outside: kept until somebody writes down what came of it."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import encode
from collector.adapters.store.among import among
from collector.adapters.store.moments import from_ms, to_ms
from collector.adapters.store.schema_acts import effects
from collector.adapters.store.timeline import Told, tell
from collector.core.judgement import Judgement
from collector.core.notices import KIND as NOTICE
from collector.ports import PendingEffect

ADD = upsert(effects).on_conflict_do_nothing(index_elements=["key"])
# By its index: SQLite would rather look for the unfinished ones, and sort them all.
PENDING = text(
    """SELECT * FROM effects INDEXED BY effects_pending
 WHERE finished_at IS NULL AND kind <> :notice ORDER BY kind, created_at, key LIMIT :most"""
)
FINISH = (
    update(effects)
    .where(effects.c.key == bindparam("done"))
    .values(
        outcome=bindparam("said"),
        finished_at=bindparam("now"),
        attempts=effects.c.attempts + 1,
    )
)


def add(connection: Connection, judgement: Judgement, *, batch: str) -> None:
    rows = [
        {
            "key": draft.key,
            "batch": batch,
            "kind": draft.kind,
            "node_id": draft.node_id,
            "payload": encode.text(draft.payload),
            "created_at": to_ms(judgement.at),
        }
        for draft in (*judgement.effects, *judgement.notices)
    ]
    if rows:
        connection.execute(ADD, rows)


def pending(connection: Connection, *, limit: int) -> list[PendingEffect]:
    """Directives before looks: nothing may starve an order to be silent. What is to be told to
    people is asked for by `deliveries`."""
    return [
        PendingEffect(
            key=row.key,
            kind=row.kind,
            node_id=row.node_id,
            payload=encode.value(row.payload),
            created_at=from_ms(row.created_at),
            attempts=row.attempts,
        )
        for row in connection.execute(PENDING, {"notice": NOTICE, "most": limit})
    ]


def finish(connection: Connection, outcomes: Mapping[str, str], *, at: int) -> None:
    c = effects.c
    unfinished = select(c.key, c.kind, c.node_id).where(
        among(c.key, outcomes), c.finished_at.is_(None)
    )
    rows = connection.execute(unfinished.order_by(c.created_at, c.key)).all()
    if not rows:
        return
    done = [{"done": row.key, "said": outcomes[row.key], "now": at} for row in rows]
    connection.execute(FINISH, done)
    told = [
        Told(
            at=at,
            kind="effect",
            text=f"{row.kind}: {outcomes[row.key]}",
            node_id=row.node_id,
            details={"key": row.key, "kind": row.kind, "outcome": outcomes[row.key]},
        )
        for row in rows
    ]
    tell(connection, *told)
