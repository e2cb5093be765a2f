"""Listings, pauses, alerts and brakes: what a judgement opens and closes.

Opening what is open already changes nothing, or, for an alert, its words.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import encode
from collector.adapters.store.moments import to_ms, to_ms_or_none
from collector.adapters.store.schema_acts import (
    OPEN,
    alerts,
    listings,
    pauses,
    zone_brakes,
)
from collector.adapters.store.timeline import Told, new_id, tell
from collector.core.judgement import Judgement, ListingDraft
from collector.core.model import AlertFact

UNRELEASED = text("released_at IS NULL")
PUT_PAUSE = upsert(pauses).on_conflict_do_nothing(
    index_elements=["node_id", "address", "receiver", "reason"], index_where=OPEN
)


def open_listings(connection: Connection, drafts: Sequence[ListingDraft], *, at: int) -> None:
    for draft in drafts:
        id_ = new_id()
        statement = upsert(listings).values(
            id=id_,
            node_id=draft.node_id,
            address=draft.address,
            zone=draft.zone,
            operator=draft.operator,
            answers=encode.joined(draft.answers),
            consequence=draft.consequence,
            confirmed_by=draft.confirmed_by,
            details=draft.details,
            opened_at=at,
        )
        key = ("node_id", "address", "zone")
        statement = statement.on_conflict_do_nothing(index_elements=key, index_where=OPEN)
        if connection.execute(statement).rowcount == 1:
            words = f"{draft.address} is listed on {draft.zone} ({', '.join(draft.answers)})"
            details = {"listing_id": id_, "state": "opened", "listing": draft}
            told = Told(at=at, kind="listing", text=words, node_id=draft.node_id, details=details)
            tell(connection, told)


def close_listings(connection: Connection, ids: Sequence[str], *, at: int) -> None:
    c = listings.c
    for id_ in ids:
        closing = update(listings).where(c.id == id_, c.closed_at.is_(None)).values(closed_at=at)
        closed = connection.execute(closing.returning(c.node_id, c.address, c.zone)).one_or_none()
        if closed is not None:
            words = f"{closed.address} is no longer listed on {closed.zone}"
            details = {
                "listing_id": id_,
                "state": "closed",
                "address": closed.address,
                "zone": closed.zone,
            }
            told = Told(at=at, kind="listing", text=words, node_id=closed.node_id, details=details)
            tell(connection, told)


def open_pauses(connection: Connection, judgement: Judgement, *, ids: Sequence[str]) -> None:
    """Told by the decisions they come from."""
    rows: list[dict[str, object]] = [
        {
            "id": new_id(),
            "node_id": draft.subject.node_id,
            "address": draft.subject.address or "",
            "receiver": draft.subject.receiver or "",
            "reason": draft.reason.value,
            "owner": draft.owner,
            "note": draft.note,
            "decision_id": ids[draft.decision],
            "opened_at": to_ms(judgement.at),
            "expires_at": to_ms_or_none(draft.expires_at),
            "probe_at": to_ms_or_none(draft.probe_at),
        }
        for draft in judgement.pauses_open
    ]
    if rows:
        connection.execute(PUT_PAUSE, rows)


def put_pause(connection: Connection, values: dict[str, object]) -> bool:
    """False when one of the same reason covers the same already."""
    return connection.execute(PUT_PAUSE, values).rowcount == 1


def close_pauses(
    connection: Connection, ids: Sequence[str], *, at: int, by: str = "automation"
) -> None:
    for id_ in ids:
        still = (pauses.c.id == id_) & pauses.c.closed_at.is_(None)
        connection.execute(update(pauses).where(still).values(closed_at=at, closed_by=by))


def probe_pauses(connection: Connection, turns: Sequence[tuple[str, datetime]]) -> None:
    for id_, at in turns:
        still = (pauses.c.id == id_) & pauses.c.closed_at.is_(None)
        connection.execute(update(pauses).where(still).values(probe_at=to_ms(at)))


def open_alerts(connection: Connection, facts: Sequence[AlertFact], *, at: int) -> None:
    c = alerts.c
    for fact in facts:
        values = {
            "severity": fact.severity.value,
            "text": fact.text,
            "node_id": fact.node_id,
        }
        is_open = (c.key == fact.key) & c.resolved_at.is_(None)
        if connection.execute(update(alerts).where(is_open).values(values)).rowcount:
            continue
        opening = upsert(alerts).values(key=fact.key, opened_at=to_ms(fact.opened_at), **values)
        connection.execute(opening)
        details = {"key": fact.key, "state": "opened", "severity": fact.severity}
        told = Told(
            at=at,
            kind="alert",
            text=fact.text,
            node_id=fact.node_id,
            severity=fact.severity.value,
            details=details,
        )
        tell(connection, told)


def resolve_alerts(connection: Connection, keys: Sequence[str], *, at: int) -> None:
    c = alerts.c
    for key in keys:
        is_open = (c.key == key) & c.resolved_at.is_(None)
        resolving = update(alerts).where(is_open).values(resolved_at=at)
        row = connection.execute(resolving.returning(c.severity, c.text, c.node_id)).one_or_none()
        if row is not None:
            details = {"key": key, "state": "resolved", "severity": row.severity}
            words = f"over: {row.text}"
            told = Told(at=at, kind="alert", text=words, node_id=row.node_id, details=details)
            tell(connection, told)


def move_brakes(connection: Connection, judgement: Judgement, *, at: int) -> None:
    for zone in judgement.brakes_engage:
        engaging = upsert(zone_brakes).values(zone=zone, engaged_at=at)
        engaging = engaging.on_conflict_do_nothing(index_elements=["zone"], index_where=UNRELEASED)
        if connection.execute(engaging).rowcount == 1:
            _tell_brake(connection, zone, at=at, state="engaged")
    for zone in judgement.brakes_release:
        held = (zone_brakes.c.zone == zone) & zone_brakes.c.released_at.is_(None)
        releasing = update(zone_brakes).where(held).values(released_at=at)
        if connection.execute(releasing).rowcount:
            _tell_brake(connection, zone, at=at, state="released")


def _tell_brake(connection: Connection, zone: str, *, at: int, state: str) -> None:
    details = {"kind": "zone_brake", "zone": zone, "state": state}
    told = Told(at=at, kind="event", text=f"zone brake on {zone} {state}", details=details)
    tell(connection, told)
