"""Decisions, what of them still stands, and the directives that follow."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import Connection, delete, insert
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import encode
from collector.adapters.store.about import of_key
from collector.adapters.store.moments import to_ms, to_ms_or_none
from collector.adapters.store.schema import orders
from collector.adapters.store.schema_acts import decisions, standing
from collector.adapters.store.timeline import Told, new_id, tell
from collector.core import inputs_text
from collector.core.judge import CORE_VERSION
from collector.core.judgement import Judgement
from collector.core.model import Decision, Fate, Order, Reason, StandingKey


def _put_order() -> Insert:
    statement = upsert(orders)
    given = statement.excluded
    fresh = {name: given[name] for name in ("term", "revision", "body", "at")}
    newer = (orders.c.term < given.term) | (
        (orders.c.term == given.term) & (orders.c.revision < given.revision)
    )
    return statement.on_conflict_do_update(index_elements=["node_id"], set_=fresh, where=newer)


PUT_ORDER = _put_order()


def put_decisions(connection: Connection, judgement: Judgement, *, batch: str) -> list[str]:
    """Ids in the order of the decisions. What a person decided has no inputs but its evidence."""
    if not judgement.decisions:
        return []
    ids = [new_id() for _ in judgement.decisions]
    shared = {"batch": batch, "term": judgement.term, "core_version": str(CORE_VERSION)}
    named = list(zip(ids, judgement.decisions, strict=True))
    made_of: list[str | None] = [inputs_text.to_text(one) for one in judgement.inputs]
    connection.execute(
        insert(decisions),
        [
            {"id": id_, **shared, **row(decision), "inputs": text}
            for (id_, decision), text in zip(named, made_of or [None] * len(ids), strict=True)
        ],
    )
    _stand(connection, named)
    tell(connection, *(told(id_, decision) for id_, decision in named))
    return ids


def row(decision: Decision) -> dict[str, object]:
    proposal = decision.proposal
    return {
        "at": to_ms(decision.at),
        "node_id": proposal.subject.node_id,
        "address": proposal.subject.address or "",
        "receiver": proposal.subject.receiver or "",
        "pool_id": proposal.subject.pool_id,
        "kind": proposal.kind.value,
        "reason": proposal.reason.value,
        "rule": proposal.rule,
        "zone": proposal.zone,
        "fate": decision.fate.value,
        "brake": decision.brake.value if decision.brake else None,
        "evidence": encode.bounded(proposal.evidence),
        "aggregates": encode.bounded(decision.aggregates),
        "policy_revision": decision.policy_revision,
    }


def told(id_: str, decision: Decision) -> Told:
    proposal = decision.proposal
    fate = (
        f"{decision.fate.value} ({decision.brake.value})" if decision.brake else decision.fate.value
    )
    subject = proposal.subject.address or "the node"
    subject += f" at {proposal.subject.receiver}" if proposal.subject.receiver else ""
    return Told(
        at=to_ms(decision.at),
        kind="decision",
        node_id=proposal.subject.node_id or None,
        text=f"{fate}: {proposal.kind.value} {subject}, {proposal.reason.value} ({proposal.rule})",
        details={
            "decision_id": id_,
            "fate": decision.fate,
            "brake": decision.brake,
            "kind": proposal.kind,
            "reason": proposal.reason,
            "rule": proposal.rule,
            "zone": proposal.zone,
            "address": proposal.subject.address,
            "receiver": proposal.subject.receiver,
            "evidence": proposal.evidence,
        },
    )


def _stand(connection: Connection, named: Sequence[tuple[str, Decision]]) -> None:
    """The newest decision about (subject, kind, reason) takes the place of the one before.

    What a person decided has no cause of ours that could stand; a no is kept in `denials`.
    """
    caused = [
        row
        for row in named
        if row[1].proposal.reason is not Reason.OPERATOR and row[1].fate is not Fate.OVERRIDDEN
    ]
    if not caused:
        return
    statement = upsert(standing)
    fresh = {name: statement.excluded[name] for name in ("decision_id", "fate", "brake")}
    key = ("node_id", "address", "receiver", "kind", "reason")
    connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=fresh),
        [_standing_row(id_, decision) for id_, decision in caused],
    )


def _standing_row(id_: str, decision: Decision) -> dict[str, object]:
    made = row(decision)
    kept = ("node_id", "address", "receiver", "kind", "reason", "fate", "brake")
    return {"decision_id": id_, **{name: made[name] for name in kept}}


def clear_standing(connection: Connection, keys: Iterable[StandingKey]) -> None:
    for key in keys:
        connection.execute(delete(standing).where(of_key(standing, key)))


def put_orders(connection: Connection, given: Sequence[tuple[str, Order]], *, at: int) -> None:
    """The last directive of each node. One that is not newer changes nothing: the node told us of
    a later one after the judgement was begun, and is judged again."""
    if not given:
        return
    rows = [
        {
            "node_id": node_id,
            "term": order.term,
            "revision": order.revision,
            "body": encode.text(_body(order)),
            "at": at,
        }
        for node_id, order in given
    ]
    connection.execute(PUT_ORDER, rows)


def _body(order: Order) -> dict[str, object]:
    standing = order.standing
    return {
        "node": order.node_pauses,
        "addresses": order.addresses,
        "standing": standing
        and [standing.unheard_for // timedelta(milliseconds=1), standing.sweeps],
        "lifted": to_ms_or_none(order.standing_lifted),
    }
