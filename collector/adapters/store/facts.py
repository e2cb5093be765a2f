"""Rows into the core's values about nodes: a chunk of nodes at a time, one statement a table."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, Table, select

from collector.adapters.store import (
    encode,
    mail_rates,
    readings,
    scores,
    targets,
    troubled,
    warmups,
)
from collector.adapters.store.among import given, named
from collector.adapters.store.mail_rates import Mail
from collector.adapters.store.moments import from_ms
from collector.adapters.store.schema import addresses, looks, node_states, nodes, orders, zone_facts
from collector.adapters.store.schema_acts import listings, pauses
from collector.core.model import (
    AddressFacts,
    Automation,
    Lifecycle,
    Liveness,
    Look,
    NodeFacts,
    Obedience,
    Order,
    Pause,
    Reason,
    ZoneFact,
)
from collector.core.readings import ScoreFacts, StandingOrders
from collector.core.warmup_plan import Warming
from deliverability.catalogue import Catalogue
from deliverability.zones import Sentinels, Tier, Verdict

Rows = dict[str, list[Row[Any]]]
Plans = dict[tuple[str, str], Warming]


class _Beside(NamedTuple):
    """What stands beside the rows of nodes: looks by address, the rest by node and address."""

    looks: dict[str, tuple[Look, ...]]
    plans: Plans
    mail: Mail
    scores: dict[tuple[str, str], ScoreFacts]


def read(
    connection: Connection, chunk: list[str], *, catalogue: Catalogue, now: int
) -> list[NodeFacts]:
    """In the order of the ids. Blind is who hears nothing of the catalogue's critical zones."""
    parts = {
        table.name: by_node(connection, table, chunk=chunk, but=UNJUDGED)
        for table in (addresses, zone_facts, listings, pauses, orders, node_states)
    }
    asked = looks_of(connection, {row.ip for rows in parts["addresses"].values() for row in rows})
    critical = {zone.name for zone in catalogue.enabled() if zone.tier is Tier.CRITICAL}
    parts["usable"] = {
        node: [row for row in rows if row.zone in critical]
        for node, rows in parts["zone_facts"].items()
    }
    beside = _Beside(
        looks=asked,
        plans=warmups.read(connection, chunk, now=from_ms(now)),
        mail=mail_rates.read(connection, chunk, now=now),
        scores=scores.read(connection, chunk, now=now),
    )
    machines = readings.read(connection, chunk)
    missed = targets.read(connection, chunk)
    return [
        replace(
            _node(row, {name: rows.get(row.id, []) for name, rows in parts.items()}, beside),
            targets_missed=missed.get(row.id, ()),
            **machines.get(row.id, {}),
        )
        for row in connection.execute(NODES, given(chunk)).all()
    ]


NODES = select(nodes).where(named(nodes.c.id)).order_by(nodes.c.id)
LOOKS = select(looks).where(named(looks.c.address)).order_by(looks.c.zone)
# Long, and no rule reads them.
UNJUDGED = frozenset({"latest", "log_position", "problems"})
ORDERED = {
    "addresses": addresses.c.position,
    "zone_facts": zone_facts.c.zone,
    "listings": listings.c.opened_at,
    "pauses": pauses.c.opened_at,
}
ONLY = {
    "addresses": addresses.c.is_present == 1,
    "listings": listings.c.closed_at.is_(None),
    "pauses": pauses.c.closed_at.is_(None),
}


def by_node(
    connection: Connection, table: Table, *, chunk: list[str], but: frozenset[str] = frozenset()
) -> Rows:
    found: Rows = defaultdict(list)
    for row in connection.execute(_of_nodes(table, but), given(chunk)).all():
        found[row.node_id].append(row)
    return found


@cache
def _of_nodes(table: Table, but: frozenset[str]) -> Select[Any]:
    columns = [column for column in table.columns if column.name not in but]
    query = select(*columns).where(named(table.c.node_id))
    if table.name in ONLY:
        query = query.where(ONLY[table.name])
    return query.order_by(ORDERED[table.name]) if table.name in ORDERED else query


def looks_of(connection: Connection, ips: set[str]) -> dict[str, tuple[Look, ...]]:
    found: dict[str, tuple[Look, ...]] = {}
    for row in connection.execute(LOOKS, given(ips)).all():
        look = Look(
            address=row.address,
            zone=row.zone,
            verdict=Verdict(row.verdict),
            answers=encode.strings(row.answers),
            sentinels=Sentinels(row.sentinels),
            at=from_ms(row.at),
            why=row.why,
            cleared_at=from_ms(row.cleared_at) if row.cleared_at is not None else None,
            resolver=row.resolver,
        )
        found[row.address] = (*found.get(row.address, ()), look)
    return found


def _node(row: Row[Any], parts: dict[str, list[Row[Any]]], beside: _Beside) -> NodeFacts:
    state = parts["node_states"][0]
    order = parts["orders"][0] if parts["orders"] else None
    usable = [fact.usable_at for fact in parts["usable"] if fact.usable_at is not None]
    return NodeFacts(
        id=row.id,
        name=row.name,
        pool_id=row.pool_id,
        automation=Automation(row.automation) if row.automation else None,
        lifecycle=Lifecycle(row.lifecycle),
        liveness=Liveness.UNHEARD,
        silence=timedelta(0),
        heard_in_row=0,
        addresses=tuple(_address(item, parts, beside) for item in parts["addresses"]),
        pauses=tuple(pause_of(item) for item in parts["pauses"]),
        order=order_of(term=order.term, revision=order.revision, body=order.body)
        if order
        else None,
        order_at=from_ms(order.at) if order else None,
        obedience=_obedience(state),
        clock_skew=timedelta(milliseconds=state.clock_skew),
        last_usable_answer_at=from_ms(max(usable, default=None)),
        enrolled_at=from_ms(row.enrolled_at),
        tenant_id=row.tenant_id,
    )


def _address(row: Row[Any], parts: dict[str, list[Row[Any]]], beside: _Beside) -> AddressFacts:
    warmup = beside.plans.get((row.node_id, row.ip))
    cap = warmup.plan.cap if warmup is not None else None
    return AddressFacts(
        ip=row.ip,
        in_rotation=bool(row.in_rotation),
        rotation_reason=Reason(row.rotation_reason) if row.rotation_reason else None,
        rotation_since=from_ms(row.rotation_since),
        zones=tuple(_zone(item) for item in parts["zone_facts"] if item.address == row.ip),
        looks=beside.looks.get(row.ip, ()),
        listings=tuple(
            troubled.listing_of(item) for item in parts["listings"] if item.address == row.ip
        ),
        hour_cap=cap.hour if cap is not None else None,
        warmup=warmup,
        score=beside.scores.get((row.node_id, row.ip)),
        mail=mail_rates.of_address(
            beside.mail, row.node_id, ip=row.ip, is_only=len(parts["addresses"]) == 1
        ),
    )


# An address has dozens of answers in each judgement: what is looked up here is built nowhere else.
VERDICTS = {one.value: one for one in Verdict}
SENTINELS = {one.value: one for one in Sentinels}


def _zone(row: Row[Any]) -> ZoneFact:
    answers = row.answers
    return ZoneFact(
        address=row.address,
        zone=row.zone,
        verdict=VERDICTS[row.verdict],
        answers=encode.strings(answers) if answers != "[]" else (),
        sentinels=SENTINELS[row.sentinels],
        round=row.round,
        received_at=from_ms(row.received_at),
        since=from_ms(row.since),
        rounds=row.rounds,
        why=row.why,
        reason=row.reason,
        resolver=row.resolver,
    )


def _obedience(state: Row[Any]) -> Obedience | None:
    if state.obedience_at is None:
        return None
    told = state.obeyed_term is not None
    return Obedience(
        order=(state.obeyed_term, state.obeyed_revision) if told else None,
        convergence=state.convergence,
        is_silent=state.is_silent,
        problem=state.problem,
    )


def pause_of(row: Row[Any]) -> Pause:
    return Pause(
        id=row.id,
        node_id=row.node_id,
        address=row.address or None,
        reason=Reason(row.reason),
        owner=row.owner,
        opened_at=from_ms(row.opened_at),
        decision_id=row.decision_id,
        note=row.note,
        receiver=row.receiver or None,
        expires_at=from_ms(row.expires_at),
        probe_at=from_ms(row.probe_at),
    )


def order_of(*, term: int, revision: int, body: str) -> Order:
    wanted = encode.value(body)
    return Order(
        term=term,
        revision=revision,
        node_pauses=tuple(wanted["node"]),
        addresses=tuple((ip, tuple(reasons)) for ip, reasons in wanted["addresses"]),
        standing=_standing(wanted.get("standing")),
        standing_lifted=from_ms(wanted.get("lifted")),
    )


def _standing(kept: list[int] | None) -> StandingOrders | None:
    """Milliseconds and sweeps."""
    if kept is None:
        return None
    return StandingOrders(unheard_for=timedelta(milliseconds=kept[0]), sweeps=kept[1])
