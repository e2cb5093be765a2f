"""Heartbeats into rows, and the rows into the journal. The hot path: no Core here.

A heartbeat is news when its sequence is above the last of the node's present epoch. What it counted
is the business of `counts`.
"""

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from collector.adapters.store import counts, encode, node_events, samples
from collector.adapters.store.bulk import Bulk
from collector.adapters.store.counts import CountRows, Source
from collector.adapters.store.moments import to_ms, to_ms_or_none
from collector.adapters.store.node_states import State
from collector.core import machine
from collector.core.heartbeat import Heartbeat, ZoneReading
from collector.ports import Refused
from deliverability.zones import Sentinels, Verdict

# Repeated in each heartbeat until the next sweep: the same answer of the same sweep writes nothing.
ZONES = Bulk(
    """INSERT INTO zone_facts (node_id, address, zone, verdict, answers, sentinels, round,
 received_at, since, why, usable_at, rounds, reason) VALUES {}
 ON CONFLICT DO UPDATE SET
 since = CASE WHEN verdict = excluded.verdict AND sentinels = excluded.sentinels
  AND (verdict <> 'listed' OR answers = excluded.answers) THEN since ELSE excluded.since END,
 rounds = CASE WHEN verdict <> excluded.verdict OR sentinels <> excluded.sentinels
  OR verdict = 'listed' AND answers <> excluded.answers THEN 1
  WHEN round <> excluded.round THEN rounds + 1 ELSE rounds END,
 verdict = excluded.verdict, answers = excluded.answers, sentinels = excluded.sentinels,
 round = excluded.round, received_at = excluded.received_at, why = excluded.why,
 reason = excluded.reason, resolver = '',
 usable_at = coalesce(excluded.usable_at, usable_at)
 WHERE round <> excluded.round OR verdict <> excluded.verdict
  OR sentinels <> excluded.sentinels OR answers <> excluded.answers""",
    width=13,
)

STATE = """UPDATE node_states SET sequence = ?, last_heartbeat = ?, clock_skew = ?,
 counted_to = coalesce(?, counted_to), log_position = ?, latest = ?, problems = ?, uptime = ?,
 network_received = ?, network_sent = ?, obeyed_term = ?, obeyed_revision = ?, convergence = ?,
 is_silent = ?, problem = ?, obedience_at = ?, cells = ?,
 smtp_down_since = CASE WHEN ? THEN coalesce(smtp_down_since, ?) END,
 cpu_busy_since = CASE WHEN ? THEN coalesce(cpu_busy_since, ?) END WHERE number = ?"""

Row = tuple[Any, ...]


@dataclass(slots=True)
class Rows:
    """`busy_above`: how busy a processor may be, by the policy in force."""

    busy_above: float
    counts: CountRows = field(default_factory=CountRows)
    zones: list[Row] = field(default_factory=list)
    states: list[Row] = field(default_factory=list)
    samples: list[Row] = field(default_factory=list)
    events: list[node_events.Seen] = field(default_factory=list)
    minutes: list[Row] = field(default_factory=list)
    # Epoch number and place of the sample that gets the sums.
    summed: list[tuple[int, int]] = field(default_factory=list)


def gather(beat: Heartbeat, known: dict[str, State], *, rows: Rows) -> Refused | None:
    """Adds the heartbeat's rows. None also when it is no news: its ack was lost."""
    state = known.get(beat.node_id)
    if state is None:
        return Refused("NODE_UNKNOWN", f"no node {beat.node_id}")
    if state.epoch_number is None or state.epoch != beat.epoch:
        return Refused("EPOCH_UNKNOWN", f"{beat.node_id} has not begun epoch {beat.epoch}")
    if beat.sequence <= state.sequence:
        return None
    received = to_ms(beat.received_at)
    number = state.epoch_number
    if beat.cells or beat.senders or beat.replies or beat.intake or beat.unknown_lines:
        is_history = counts.is_history(state.last_heartbeat, received=received)
        source = Source(beat.node_id, state.number, number, received, is_history)
        counts.gather(beat, source, rows=rows.counts)
        state.cells += len(beat.cells)
        if state.cells > counts.CELLS_MAX:
            rows.counts.crowded.add(number)
    if samples.sums_are_due(state.last_heartbeat, received=received):
        rows.summed.append((number, len(rows.samples)))
    if beat.zones:
        rows.zones += [zone_row(beat.node_id, zone, received=received) for zone in beat.zones]
    if beat.events:
        rows.events += [
            node_events.Seen(beat.node_id, number, received, event) for event in beat.events
        ]
    if beat.history:
        rows.minutes += samples.minutes(beat, state.number)
    rows.samples.append(samples.row(beat, state, received=received))
    rows.states.append(_state(beat, state, received=received, busy_above=rows.busy_above))
    state.sequence = beat.sequence
    return None


def zone_row(node_id: str, zone: ZoneReading, *, received: int) -> Row:
    usable = zone.sentinels is Sentinels.RIGHT and zone.verdict is not Verdict.UNKNOWN
    return (
        node_id,
        zone.address,
        zone.zone,
        zone.verdict._value_,
        encode.text(zone.answers) if zone.answers else "[]",
        zone.sentinels._value_,
        zone.round,
        received,
        received,
        zone.why,
        received if usable else None,
        1,
        zone.reason,
    )


def _state(beat: Heartbeat, state: State, *, received: int, busy_above: float) -> Row:
    host, postfix = beat.host, beat.postfix
    if host is not None:
        state.uptime = host.uptime_seconds
        state.network_received = host.network_bytes_received
        state.network_sent = host.network_bytes_sent
    state.last_heartbeat = received
    term, revision = postfix.order or (None, None)
    return (
        beat.sequence,
        received,
        to_ms(beat.sent_at) - received,
        to_ms_or_none(beat.counted_to),
        beat.log_position,
        _latest(beat),
        encode.text(beat.agent.problems) if beat.agent.problems else "[]",
        state.uptime,
        state.network_received,
        state.network_sent,
        term,
        revision,
        postfix.convergence,
        postfix.is_silent,
        postfix.problem,
        received,
        state.cells,
        machine.is_smtp_down(beat.services),
        received,
        host is not None and host.cpu_ratio > busy_above,
        received,
        state.number,
    )


def _latest(beat: Heartbeat) -> str:
    return encode.text(
        {
            "sent_at": beat.sent_at,
            "full_state": beat.full_state,
            "host": beat.host,
            "queue": beat.queue,
            "services": beat.services,
            "postfix": beat.postfix,
            "agent": beat.agent,
            "zone_counts": beat.zone_counts,
            "nameservers": beat.nameservers,
        }
    )


def store(journal: sqlite3.Connection, rows: Rows) -> None:
    ZONES.write(journal, rows.zones)
    for event in rows.events:
        node_events.write(journal, event)
    journal.executemany(STATE, rows.states)
    counts.store(journal, rows.counts)
    if rows.summed:
        sums = samples.sums(journal, [number for number, _ in rows.summed])
        for number, at in rows.summed:
            if number in sums:
                rows.samples[at] = rows.samples[at][: samples.SUMS_FROM] + sums[number]
