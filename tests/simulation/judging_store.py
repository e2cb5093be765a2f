"""What the control pass commits to the journal in memory: one judgement, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from collector.core import safety
from collector.core.inputs import Inputs
from collector.core.judgement import Judgement, ListingDraft
from collector.core.model import (
    Fate,
    Listing,
    Order,
    Pause,
    Reason,
    Standing,
    ZoneBrake,
)
from collector.core.notices import KIND as NOTICE
from collector.ports import PendingEffect
from tests.simulation import warming_store
from tests.simulation.intake_store import revise
from tests.simulation.journal import DecisionRow, EffectRow, Journal, Line, moment
from tests.simulation.snapshot_store import open_listings, open_pauses


def commit(journal: Journal, judgement: Judgement) -> list[str]:
    at, batch = moment(judgement.at), journal.new_id()
    ids = decide(journal, judgement, batch=batch)
    for key in judgement.standing_clear:
        journal.standing.pop(key, None)
    for key in judgement.denials_end:
        journal.denials.pop(key, None)
    for id_ in judgement.listings_close:
        _close_listing(journal, id_, at=at)
    for draft in judgement.listings_open:
        _open_listing(journal, draft, at=at)
    _open_pauses(journal, judgement, ids=ids)
    close_pauses(journal, judgement.pauses_close, at=at)
    for id_, turn in judgement.pauses_probe:
        journal.pauses[id_] = replace(journal.pauses[id_], probe_at=turn)
    _rotate(journal, judgement, ids=ids)
    warming_store.change(journal, judgement)
    for node_id, order in judgement.orders:
        put_order(journal, node_id, order=order, at=at)
    _add_effects(journal, judgement, batch=batch)
    _alerts(journal, judgement, at=at)
    for changed in judgement.incidents:
        journal.incidents[changed.incident.number] = changed.incident
    _brakes(journal, judgement, at=at)
    return ids


def decide(journal: Journal, judgement: Judgement, *, batch: str) -> list[str]:
    """Ids in the order of the decisions. What a person decided has no cause of ours that could
    stand."""
    ids = []
    made_of: Sequence[Inputs | None] = judgement.inputs or [None] * len(judgement.decisions)
    for one, inputs in zip(judgement.decisions, made_of, strict=True):
        id_ = journal.new_id()
        ids.append(id_)
        journal.decisions[id_] = DecisionRow(
            id=id_, batch=batch, term=judgement.term, decision=one, inputs=inputs
        )
        subject, proposal = one.proposal.subject, one.proposal
        if proposal.reason is not Reason.OPERATOR and one.fate is not Fate.OVERRIDDEN:
            journal.standing[safety.standing_key(proposal)] = Standing(
                decision_id=id_, fate=one.fate, brake=one.brake
            )
        text = f"{one.fate.value}: {proposal.kind.value} {subject.address or 'the node'}"
        journal.tell(
            Line(
                at=moment(one.at),
                kind="decision",
                node_id=subject.node_id,
                text=f"{text}, {proposal.reason.value} ({proposal.rule})",
                details={"decision_id": id_},
            )
        )
    return ids


def _open_listing(journal: Journal, draft: ListingDraft, *, at: datetime) -> None:
    key = (draft.node_id, draft.address, draft.zone)
    if any((one.node_id, one.address, one.zone) == key for one in open_listings(journal)):
        return
    id_ = journal.new_id()
    journal.listings[id_] = Listing(
        id=id_,
        node_id=draft.node_id,
        address=draft.address,
        zone=draft.zone,
        answers=draft.answers,
        opened_at=at,
        confirmed_by=draft.confirmed_by,
        consequence=draft.consequence,
    )
    text = f"{draft.address} is listed on {draft.zone} ({', '.join(draft.answers)})"
    journal.tell(Line(at=at, kind="listing", node_id=draft.node_id, text=text))


def _close_listing(journal: Journal, id_: str, *, at: datetime) -> None:
    listing = journal.listings.get(id_)
    if listing is None or id_ in journal.closed:
        return
    journal.closed[id_] = at
    text = f"{listing.address} is no longer listed on {listing.zone}"
    journal.tell(Line(at=at, kind="listing", node_id=listing.node_id, text=text))


def _open_pauses(journal: Journal, judgement: Judgement, *, ids: Sequence[str]) -> None:
    for draft in judgement.pauses_open:
        put_pause(
            journal,
            Pause(
                id=journal.new_id(),
                node_id=draft.subject.node_id,
                address=draft.subject.address,
                reason=draft.reason,
                owner=draft.owner,
                opened_at=moment(judgement.at),
                decision_id=ids[draft.decision],
                note=draft.note,
                receiver=draft.subject.receiver,
                expires_at=draft.expires_at,
                probe_at=draft.probe_at,
            ),
        )


def put_pause(journal: Journal, pause: Pause) -> None:
    """One open pause of a reason about the same; a second one changes nothing."""
    held = open_pauses(journal, pause.node_id)
    asked = (pause.address, pause.receiver, pause.reason)
    if not any((one.address, one.receiver, one.reason) == asked for one in held):
        journal.pauses[pause.id] = pause


def close_pauses(journal: Journal, ids: Iterable[str], *, at: datetime) -> None:
    for id_ in ids:
        if id_ in journal.pauses:
            journal.closed.setdefault(id_, at)


def _rotate(journal: Journal, judgement: Judgement, *, ids: Sequence[str]) -> None:
    at = moment(judgement.at)
    for move in judgement.rotation:
        for key, row in journal.addresses.items():
            if move.subject.node_id == row.node_id and move.subject.address in (None, row.ip):
                if move.decision is not None and row.in_rotation != move.member:
                    journal.moves.append((at, row.pool_id, row.ip, move.member))
                journal.addresses[key] = replace(
                    row,
                    in_rotation=move.member,
                    rotation_reason=move.reason,
                    rotation_since=at,
                    rotation_decision=None if move.decision is None else ids[move.decision],
                )
    for pool_id in sorted({move.subject.pool_id for move in judgement.rotation}):
        revise(journal, pool_id, at=at)


def put_order(journal: Journal, node_id: str, *, order: Order, at: datetime) -> None:
    """One that is not newer changes nothing."""
    held = journal.orders.get(node_id)
    if held is None or held[0].order < order.order:
        journal.orders[node_id] = (order, at)


def _add_effects(journal: Journal, judgement: Judgement, *, batch: str) -> None:
    for draft in (*judgement.effects, *judgement.notices):
        pending = PendingEffect(
            key=draft.key,
            kind=draft.kind,
            node_id=draft.node_id,
            payload=dict(draft.payload),
            created_at=moment(judgement.at),
            attempts=0,
        )
        journal.effects.setdefault(draft.key, EffectRow(pending=pending, batch=batch))


def pending(journal: Journal, *, limit: int) -> list[PendingEffect]:
    """Directives before looks: nothing may starve an order to be silent. What is to be told to
    people waits for whoever tells it."""
    waiting = [
        row.pending
        for row in journal.effects.values()
        if row.finished_at is None and row.pending.kind != NOTICE
    ]
    return sorted(waiting, key=lambda one: (one.kind, one.created_at, one.key))[:limit]


def finish(journal: Journal, outcomes: Mapping[str, str], *, at: datetime) -> None:
    rows = [journal.effects[key] for key in outcomes if key in journal.effects]
    for row in sorted(rows, key=lambda row: (row.pending.created_at, row.pending.key)):
        if row.finished_at is not None:
            continue
        done = replace(row.pending, attempts=row.pending.attempts + 1)
        said = outcomes[done.key]
        journal.effects[done.key] = replace(row, pending=done, outcome=said, finished_at=moment(at))
        text = f"{done.kind}: {said}"
        journal.tell(Line(at=moment(at), kind="effect", node_id=done.node_id, text=text))


def _alerts(journal: Journal, judgement: Judgement, *, at: datetime) -> None:
    for alert in judgement.alerts_open:
        known = journal.alerts.get(alert.key)
        opened_at = known.opened_at if known else moment(alert.opened_at)
        journal.alerts[alert.key] = replace(alert, opened_at=opened_at)
        if known is None:
            journal.tell(
                Line(
                    at=at,
                    kind="alert",
                    node_id=alert.node_id,
                    severity=alert.severity.value,
                    text=alert.text,
                )
            )
    for key in judgement.alerts_resolve:
        over = journal.alerts.pop(key, None)
        if over is not None:
            journal.resolved.append((over, at))
            text = f"over: {over.text}"
            journal.tell(Line(at=at, kind="alert", node_id=over.node_id, text=text))


def _brakes(journal: Journal, judgement: Judgement, *, at: datetime) -> None:
    for zone in judgement.brakes_engage:
        if zone not in journal.brakes:
            journal.brakes[zone] = ZoneBrake(zone=zone, engaged_at=at)
            journal.tell(Line(at=at, kind="event", text=f"zone brake on {zone} engaged"))
    for zone in judgement.brakes_release:
        if journal.brakes.pop(zone, None) is not None:
            journal.tell(Line(at=at, kind="event", text=f"zone brake on {zone} released"))
