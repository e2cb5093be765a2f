"""A person's no to a pause: kept until a judgement finds that its cause is gone."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import encode
from collector.adapters.store.about import of_key
from collector.adapters.store.among import given, named
from collector.adapters.store.moments import from_ms, to_ms
from collector.adapters.store.schema_acts import denials
from collector.core.model import Decision, Denial, Kind, Reason, StandingKey

OF_NODES = select(denials).where(named(denials.c.node_id))
KEY = ("node_id", "address", "receiver", "reason")


def put(connection: Connection, made: Decision, *, decision_id: str, about: Sequence[str]) -> None:
    """The newest no about (subject, reason) takes the place of the one before."""
    subject = made.proposal.subject
    statement = upsert(denials).values(
        node_id=subject.node_id,
        address=subject.address or "",
        receiver=subject.receiver or "",
        reason=made.proposal.reason.value,
        decision_id=decision_id,
        at=to_ms(made.at),
        about=encode.joined(about),
    )
    fresh = {name: statement.excluded[name] for name in ("decision_id", "at", "about")}
    connection.execute(statement.on_conflict_do_update(index_elements=KEY, set_=fresh))


def read(connection: Connection, chunk: list[str]) -> dict[StandingKey, Denial]:
    return {
        StandingKey(
            row.node_id,
            row.address or None,
            Kind.PAUSE,
            Reason(row.reason),
            row.receiver or None,
        ): Denial(decision_id=row.decision_id, at=from_ms(row.at), about=encode.strings(row.about))
        for row in connection.execute(OF_NODES, given(chunk))
    }


def end(connection: Connection, keys: Iterable[StandingKey]) -> None:
    for key in keys:
        connection.execute(delete(denials).where(of_key(denials, key)))
