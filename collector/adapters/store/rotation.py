"""Who is in a pool's rotation, and its numbered revisions."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, case, func, insert, select, update

from collector.adapters.store.among import among
from collector.adapters.store.moments import to_ms
from collector.adapters.store.schema import (
    addresses,
    moves,
    nodes,
    pool_counts,
    pools,
    rotations,
)
from collector.adapters.store.schema_acts import pauses
from collector.core import brake_table
from collector.core.judgement import Judgement, RotationChange
from collector.core.lifecycle import SENDING

LATELY = (
    select(moves.c.pool_id, moves.c.is_member, func.count())
    .where(moves.c.at >= bindparam("since"), moves.c.is_counted == 1)
    .group_by(moves.c.pool_id, moves.c.is_member)
)
BLOCKED = (
    select(
        addresses.c.pool_id,
        pauses.c.receiver,
        func.count(),
        func.sum(case((pauses.c.opened_at >= bindparam("since"), 1), else_=0)),
        func.min(case((pauses.c.opened_at >= bindparam("since"), pauses.c.opened_at))),
    )
    .join(
        addresses,
        (addresses.c.node_id == pauses.c.node_id) & (addresses.c.ip == pauses.c.address),
    )
    .where(pauses.c.closed_at.is_(None), pauses.c.receiver != "")
    .where(addresses.c.in_rotation == 1)
    .group_by(addresses.c.pool_id, pauses.c.receiver)
)

# By the index of what is counted: few are out, or there is trouble.
TAKEN_OUT = (
    select(addresses.c.pool_id, func.count(), func.min(addresses.c.rotation_since))
    .join(nodes, nodes.c.id == addresses.c.node_id)
    .where(addresses.c.pool_id.in_(select(pools.c.id)))
    .where(addresses.c.is_present == 1, addresses.c.in_rotation == 0)
    .where(addresses.c.rotation_since >= bindparam("since"))
    .where(addresses.c.rotation_reason.in_(sorted(one.value for one in brake_table.TAKEN_OUT)))
    .where(nodes.c.lifecycle.in_(sorted(one.value for one in SENDING)))
    .group_by(addresses.c.pool_id)
)


def change(connection: Connection, judgement: Judgement, *, ids: Sequence[str]) -> None:
    """Each pool touched gets one new revision, however many addresses moved or may no longer, or
    again, send to some receiver. The judgement's pauses are opened and closed already."""
    at = to_ms(judgement.at)
    touched = {move.subject.pool_id for move in judgement.rotation}
    touched |= {draft.subject.pool_id for draft in judgement.pauses_open if draft.subject.receiver}
    touched |= narrowed(connection, judgement.pauses_close)
    if judgement.rotation:
        _move(connection, judgement, ids=ids)
    for pool_id in sorted(touched):
        revise(connection, pool_id, at=at)


def narrowed(connection: Connection, pause_ids: Sequence[str]) -> set[str]:
    """The pools of those pauses that are about one receiver alone."""
    if not pause_ids:
        return set()
    whose = select(pauses.c.node_id).where(among(pauses.c.id, pause_ids), pauses.c.receiver != "")
    query = select(addresses.c.pool_id).where(addresses.c.node_id.in_(whose)).distinct()
    return set(connection.scalars(query))


def _move(connection: Connection, judgement: Judgement, *, ids: Sequence[str]) -> None:
    at = to_ms(judgement.at)
    moving = update(addresses).where(
        addresses.c.node_id == bindparam("mover"), addresses.c.ip == bindparam("moved")
    )
    rows = [
        {
            "mover": move.subject.node_id,
            "moved": move.subject.address,
            "in_rotation": int(move.member),
            "rotation_reason": move.reason.value if move.reason else None,
            "rotation_since": at,
            "rotation_decision": None if move.decision is None else ids[move.decision],
        }
        for move in judgement.rotation
    ]
    # A change about the whole node moves all its addresses.
    named = [row for row in rows if row["moved"] is not None]
    if named:
        connection.execute(moving, named)
    whole = [row for row in rows if row.pop("moved") is None]
    if whole:
        connection.execute(
            update(addresses).where(addresses.c.node_id == bindparam("mover")), whole
        )
    connection.execute(insert(moves), [_moved(move, at=at, ids=ids) for move in judgement.rotation])


def _moved(move: RotationChange, *, at: int, ids: Sequence[str]) -> dict[str, object]:
    return {
        "at": at,
        "pool_id": move.subject.pool_id,
        "node_id": move.subject.node_id,
        "address": move.subject.address or "",
        "is_member": int(move.member),
        "is_counted": int(move.decision is not None and (move.is_return or not move.member)),
        "reason": move.reason.value if move.reason else None,
        "decision_id": None if move.decision is None else ids[move.decision],
    }


def lately(connection: Connection, *, since: int) -> dict[tuple[str, bool], int]:
    """How many addresses automation took out or put back since then, by pool and whether they came
    in; newcomers and what a person does are nobody's speed."""
    rows = connection.execute(LATELY, {"since": since})
    return {(row[0], bool(row[1])): row[2] for row in rows}


def taken_out(connection: Connection, *, since: int) -> tuple[dict[str, int], int | None]:
    """Addresses of sending nodes that automation took out since then and would take back, by pool;
    and when the first of them was."""
    rows = connection.execute(TAKEN_OUT, {"since": since}).all()
    return {row[0]: row[1] for row in rows}, min((row[2] for row in rows), default=None)


def blocked(
    connection: Connection, *, since: int
) -> tuple[dict[str, dict[str, tuple[int, int]]], int | None]:
    """Pool -> receiver -> addresses paused for it alone: in all, and by a pause opened since; and
    when the first of these was."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    oldest = []
    for pool_id, receiver, number, recent, first in connection.execute(BLOCKED, {"since": since}):
        found.setdefault(pool_id, {})[receiver] = (number, recent)
        oldest += [] if first is None else [first]
    return found, min(oldest, default=None)


def revise(connection: Connection, pool_id: str, *, at: int) -> None:
    size = select(pool_counts.c.in_rotation).where(pool_counts.c.pool_id == pool_id)
    newest = select(func.max(rotations.c.revision)).where(rotations.c.pool_id == pool_id)
    revision = (connection.scalar(newest) or 0) + 1
    values = {"pool_id": pool_id, "revision": revision, "at": at}
    connection.execute(insert(rotations).values(**values, size=connection.scalar(size) or 0))
