"""Facts into the journal in memory: accounts, Hellos, epochs, heartbeats, looks."""

from dataclasses import replace
from datetime import datetime, timedelta

from collector.core import reputation
from collector.core.heartbeat import (
    Account,
    Cell,
    Event,
    Heartbeat,
    Hello,
    SenderCount,
    ZoneReading,
)
from collector.core.model import Look, ZoneFact
from collector.core.rates import DAY_SECONDS, QUARTER_SECONDS
from collector.ports import Refused
from deliverability.zones import Sentinels, Verdict
from tests.simulation import mail_store
from tests.simulation.journal import AddressRow, CellKey, Journal, Line, NodeRow, moment

COLUMN_MAX = 2**63 - 1
QUARTER = timedelta(seconds=QUARTER_SECONDS)


def account(journal: Journal, node_id: str) -> Account | None:
    row = journal.nodes.get(node_id)
    if row is None:
        return None
    held = journal.orders.get(node_id)
    return Account(
        node_id=node_id,
        machine_id=row.machine_id,
        epoch=row.epoch,
        sequence=row.sequence,
        counted_to=row.counted_to,
        log_position=row.log_position,
        order=held[0] if held else None,
        lifecycle=row.lifecycle.value,
        addresses=tuple(one.ip for one in journal.addresses_of(node_id)),
        last_heartbeat=row.last_heartbeat,
    )


def begin_epoch(journal: Journal, node_id: str, *, epoch: str) -> None:
    row = known(journal, node_id)
    if row.epoch == epoch:
        return
    if epoch in row.epochs:
        text = f"{node_id} counted epoch {epoch} before {row.epoch}"
        raise Refused("EPOCH_USED", text)
    journal.nodes[node_id] = replace(row, epoch=epoch, epochs=row.epochs | {epoch}, sequence=0)


def known(journal: Journal, node_id: str) -> NodeRow:
    row = journal.nodes.get(node_id)
    if row is None:
        raise Refused("NODE_UNKNOWN", f"no node {node_id}")
    return row


def record_hello(journal: Journal, hello: Hello) -> None:
    row = known(journal, hello.node_id)
    journal.nodes[hello.node_id] = replace(
        row, agent_version=hello.agent_version, hostname=hello.hostname
    )
    if hello.addresses:
        _move(journal, hello)


def _move(journal: Journal, hello: Hello) -> None:
    """The node's own configuration says which addresses it sends from."""
    node_id, at = hello.node_id, moment(hello.received_at)
    present = tuple(one.ip for one in journal.addresses_of(node_id))
    if present == hello.addresses:
        return
    theirs = {
        one.ip for one in journal.addresses.values() if one.node_id != node_id and one.is_present
    }
    taken = [
        ip for ip in hello.addresses if (node_id, ip) not in journal.addresses and ip in theirs
    ]
    if taken:
        text = f"claims {', '.join(taken)}, which another node has: not taken"
        journal.tell(Line(at=at, kind="event", node_id=node_id, severity="medium", text=text))
    free = tuple(ip for ip in hello.addresses if ip not in taken)
    if not free or present == free:
        return
    pool_id = journal.nodes[node_id].pool_id
    for position, ip in enumerate(free):
        empty = AddressRow(node_id=node_id, ip=ip, pool_id=pool_id, position=position)
        row = journal.addresses.get((node_id, ip), empty)
        journal.addresses[node_id, ip] = replace(row, position=position, is_present=True)
    gone = [journal.addresses[node_id, ip] for ip in present if ip not in free]
    for row in gone:
        journal.addresses[node_id, row.ip] = replace(
            row, is_present=False, in_rotation=False, rotation_since=at
        )
    if any(row.in_rotation for row in gone):
        revise(journal, pool_id, at=at)
    if set(present) != set(free):
        text = f"sends from {', '.join(free)}; before: {', '.join(present) or 'nothing'}"
        journal.tell(Line(at=at, kind="event", node_id=node_id, severity="medium", text=text))


def revise(journal: Journal, pool_id: str, *, at: datetime) -> None:
    """One more revision of a pool's rotation."""
    size = sum(
        row.in_rotation and row.is_present
        for row in journal.addresses.values()
        if row.pool_id == pool_id
    )
    pool = journal.pools[pool_id]
    journal.pools[pool_id] = replace(pool, rotations=(*pool.rotations, (at, size)))


def record(journal: Journal, beat: Heartbeat) -> None:
    row = known(journal, beat.node_id)
    if not row.epoch or row.epoch != beat.epoch:
        raise Refused("EPOCH_UNKNOWN", f"{beat.node_id} has not begun epoch {beat.epoch}")
    if any(count > COLUMN_MAX for cell in beat.cells for _, count in cell.attempts):
        raise Refused("FACT_ABSURD", "a value no column can hold")
    if beat.sequence <= row.sequence:
        return
    received = moment(beat.received_at)
    is_history = row.last_heartbeat is None or received - row.last_heartbeat > QUARTER
    if beat.cells:
        _count(journal, beat, is_history=is_history)
    for sender in beat.senders:
        _count_sender(journal, beat, sender, is_history=is_history)
    for name, state in beat.services:
        known_state, _ = journal.services.get((beat.node_id, name), ("", received))
        if known_state != state:
            journal.services[beat.node_id, name] = (state, received)
    for reading in beat.zones:
        _zone(journal, beat.node_id, reading, received=received)
    for event in beat.events:
        _event(journal, beat, event)
    journal.nodes[beat.node_id] = replace(
        row,
        sequence=beat.sequence,
        last_heartbeat=received,
        clock_skew=moment(beat.sent_at) - received,
        counted_to=moment(beat.counted_to) if beat.counted_to else row.counted_to,
        log_position=beat.log_position,
        latest=beat,
    )


def _count(journal: Journal, beat: Heartbeat, *, is_history: bool) -> None:
    """Totals only grow within an epoch; a cell that went backwards is told and not stored. What
    came after a long silence, and the first word of all, is no rate's business."""
    totals = journal.totals.setdefault((beat.node_id, beat.epoch), {})
    refused: list[dict[str, object]] = []
    for cell in beat.cells:
        key: CellKey = (cell.address, cell.receiver, cell.instance)
        back = list(_backwards(totals.get(key), cell))
        refused += back
        if not back:
            if not is_history:
                mail_store.grow(journal, totals.get(key), cell, at=moment(beat.received_at))
            totals[key] = cell
    if refused:
        journal.tell(
            Line(
                at=moment(beat.received_at),
                kind="event",
                node_id=beat.node_id,
                severity="medium",
                text=f"{len(refused)} totals went backwards within an epoch and were not stored",
                details={"kind": "totals_backwards", "cells": refused},
            )
        )


def _count_sender(
    journal: Journal, beat: Heartbeat, told: SenderCount, *, is_history: bool
) -> None:
    key = (beat.node_id, beat.epoch, told.domain)
    before = journal.senders.get(key, SenderCount(told.domain))
    now = SenderCount(told.domain, *map(max, before[1:], told[1:]))
    journal.senders[key] = now
    if not is_history:
        day = (told.domain, int(beat.received_at.timestamp()) // DAY_SECONDS)
        of_day = journal.sender_days.get(day, SenderCount(told.domain))
        grown = (new - old for new, old in zip(now[1:], before[1:], strict=True))
        sums = (known + more for known, more in zip(of_day[1:], grown, strict=True))
        journal.sender_days[day] = SenderCount(told.domain, *sums)


def _backwards(stored: Cell | None, told: Cell) -> list[dict[str, object]]:
    if stored is None:
        return []
    new = dict(told.attempts)
    return [
        {
            "address": told.address,
            "receiver": told.receiver,
            "instance": told.instance,
            "count": outcome.value,
            "told": new.get(outcome, 0),
            "stored": count,
        }
        for outcome, count in stored.attempts
        if new.get(outcome, 0) < count
    ]


def _zone(journal: Journal, node_id: str, reading: ZoneReading, *, received: datetime) -> None:
    """The same answer of the same sweep writes nothing; a run of equal verdicts is counted."""
    key = (node_id, reading.address, reading.zone)
    before, usable = journal.zone_facts.get(key, (None, None))
    same_run = (
        before is not None
        and before.verdict is reading.verdict
        and (reading.verdict is not Verdict.LISTED or before.answers == reading.answers)
        and before.sentinels is reading.sentinels
    )
    is_told = before is not None and before.answers == reading.answers
    if before is not None and same_run and is_told and before.round == reading.round:
        return
    is_usable = reading.sentinels is Sentinels.RIGHT and reading.verdict is not Verdict.UNKNOWN
    rounds = 1
    if before is not None and same_run:
        rounds = before.rounds + (before.round != reading.round)
    fact = ZoneFact(
        address=reading.address,
        zone=reading.zone,
        verdict=reading.verdict,
        answers=reading.answers,
        sentinels=reading.sentinels,
        round=reading.round,
        received_at=received,
        since=before.since if before is not None and same_run else received,
        rounds=rounds,
        why=reading.why,
    )
    journal.zone_facts[key] = (fact, received if is_usable else usable)


def _event(journal: Journal, beat: Heartbeat, event: Event) -> None:
    key = (beat.node_id, beat.epoch, event.id)
    if key in journal.events:
        return
    journal.events.add(key)
    text = f"{event.kind.replace('_', ' ').lower()}: {event.text}".removesuffix(": ")
    details = {"id": event.id, "kind": event.kind, "text": event.text}
    journal.tell(
        Line(
            at=moment(beat.received_at),
            kind="event",
            node_id=beat.node_id,
            text=text,
            details=details,
        )
    )


def record_look(journal: Journal, look: Look) -> None:
    """The newest by arrival."""
    before = journal.looks.get((look.address, look.zone))
    cleared_at = None
    if before is not None and reputation.tells_nothing(look):
        was_clear = before.verdict is Verdict.CLEAR and not reputation.tells_nothing(before)
        cleared_at = before.at if was_clear else before.cleared_at
    journal.looks[look.address, look.zone] = replace(
        look, at=moment(look.at), cleared_at=cleared_at
    )
