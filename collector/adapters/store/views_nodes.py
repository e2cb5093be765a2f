"""Nodes as people see them: everything the journal knows of each, totals when one is asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, or_, select, text
from sqlalchemy import Row as SqlRow

from collector.adapters.store import encode, facts, scores, views_counts
from collector.adapters.store.among import given, named
from collector.adapters.store.moments import iso
from collector.adapters.store.schema import (
    addresses,
    node_states,
    nodes,
    orders,
    pools,
    zone_facts,
)
from collector.adapters.store.schema_acts import listings, pauses
from collector.adapters.store.schema_counts import totals
from collector.adapters.store.schema_rotation import warmups
from collector.adapters.store.snapshot import chunks
from collector.core.model import Look
from collector.ports import Row
from deliverability.zones import Verdict

TABLES = (addresses, pauses, listings, zone_facts, orders, node_states, warmups)
LOADS = text(
    "SELECT id, current_load FROM sending_nodes WHERE id IN (SELECT value FROM json_each(:ids))"
)
ALL = select(nodes.c.id)
NODE: BindParameter[str] = bindparam("node")
NAMED = ALL.where(
    or_(
        nodes.c.id == NODE,
        nodes.c.name == NODE,
        nodes.c.id.in_(select(addresses.c.node_id).where(addresses.c.ip == NODE)),
    )
)
OF_NODES = select(nodes, pools.c.name.label("pool")).join(pools).where(named(nodes.c.id))
TOTALS = (
    select(totals)
    .where(totals.c.epoch_number == bindparam("epoch"))
    .order_by(totals.c.address, totals.c.receiver, totals.c.instance)
)
Parts = dict[str, list[SqlRow[Any]]]
Shown = dict[str, object]
Looks = Mapping[str, Sequence[Look]]
LISTED = Verdict.LISTED.value


def read(connection: Connection, node: str | None, *, now: int) -> list[Row]:
    """All nodes by name, or those whose id, name or address is `node`."""
    query, asked = (ALL, {}) if node is None else (NAMED, {"node": node})
    found: list[Shown] = []
    for chunk in chunks(connection.scalars(query, asked).all()):
        found += _chunk(connection, chunk, with_totals=node is not None, now=now)
    return [*sorted(found, key=lambda row: str(row["name"]))]


def _chunk(connection: Connection, chunk: list[str], *, with_totals: bool, now: int) -> list[Shown]:
    parts = {table.name: facts.by_node(connection, table, chunk=chunk) for table in TABLES}
    ids = encode.joined(chunk)
    loads = {row.id: row.current_load for row in connection.execute(LOADS, {"ids": ids})}
    kept = scores.kept(connection, chunk)
    listed = {r.address for of in parts["zone_facts"].values() for r in of if r.verdict == LISTED}
    looks = facts.looks_of(connection, listed) if listed else {}
    rows: list[Shown] = []
    for row in connection.execute(OF_NODES, given(chunk)).all():
        mine = {name: by_node.get(row.id, []) for name, by_node in parts.items()}
        shown = _identity(row) | {"current_load": loads.get(row.id, 0)}
        shown |= _standing(mine, looks) | _state(mine["node_states"][0])
        shown["addresses"] = [
            _address(one)
            | {"score": scores.shown(kept.get((row.id, one.ip), ()), now=now)}
            | {"warmup": _warmup(one.ip, mine["warmups"])}
            for one in mine["addresses"]
        ]
        if with_totals:
            shown["log_position"] = mine["node_states"][0].log_position.hex()
            shown["totals"] = _totals(connection, mine["node_states"][0].epoch_number)
        rows.append(shown)
    return rows


def _identity(row: SqlRow[Any]) -> Shown:
    plain = ("id", "name", "pool_id", "pool", "automation", "lifecycle", "hostname", "region")
    more = ("machine_id", "agent_version", "reputation_score")
    return {
        **{name: row._mapping[name] for name in (*plain, *more)},
        "capabilities": encode.value(row.capabilities),
        "enrolled_at": iso(row.enrolled_at),
        "hello_at": iso(row.hello_at),
    }


def _standing(mine: Parts, looks: Looks) -> Shown:
    order = mine["orders"][0] if mine["orders"] else None
    return {
        "pauses": [_pause(row) for row in mine["pauses"]],
        "listings": [_listing(row) for row in mine["listings"]],
        "zones": [_zone(row, looks) for row in mine["zone_facts"]],
        "order": order and _order(order),
    }


def _address(row: SqlRow[Any]) -> Shown:
    return {
        "ip": row.ip,
        "in_rotation": bool(row.in_rotation),
        "rotation_reason": row.rotation_reason,
        "rotation_since": iso(row.rotation_since),
    }


def _warmup(ip: str, plans: list[SqlRow[Any]]) -> Shown | None:
    """None: it has no cap."""
    for row in plans:
        if row.subject == ip and row.day_cap is not None:
            return {
                "ladder": row.ladder,
                "stage": row.stage + 1,
                "cap_day": row.day_cap,
                "cap_hour": row.hour_cap,
                "since": iso(row.since),
                "held_by": row.held_by,
                "held_why": row.held_why,
            }
    return None


def _pause(row: SqlRow[Any]) -> Shown:
    return {
        "id": row.id,
        "address": row.address or None,
        "receiver": row.receiver or None,
        "reason": row.reason,
        "owner": row.owner,
        "opened_at": iso(row.opened_at),
        "expires_at": iso(row.expires_at),
        "probe_at": iso(row.probe_at),
        "note": row.note,
        "decision_id": row.decision_id,
    }


def _listing(row: SqlRow[Any]) -> Shown:
    return {
        "id": row.id,
        "address": row.address,
        "zone": row.zone,
        "operator": row.operator,
        "answers": encode.value(row.answers),
        "consequence": row.consequence,
        "confirmed_by": row.confirmed_by,
        "details": row.details,
        "opened_at": iso(row.opened_at),
    }


def _zone(row: SqlRow[Any], looks: Looks) -> Shown:
    """`second_look`: of what it lists, what the collector said of it beside the finder."""
    of = looks.get(row.address, ()) if row.verdict == LISTED else ()
    look = next((one for one in of if one.zone == row.zone), None)
    return {
        "address": row.address,
        "zone": row.zone,
        "verdict": row.verdict,
        "answers": encode.value(row.answers),
        "sentinels": row.sentinels,
        "round": row.round,
        "rounds": row.rounds,
        "received_at": iso(row.received_at),
        "since": iso(row.since),
        "usable_at": iso(row.usable_at),
        "why": row.why,
        "reason": row.reason,
        "found_by": row.resolver,
        "second_look": look and {"verdict": look.verdict.value, "why": look.why},
    }


def _order(row: SqlRow[Any]) -> Shown:
    order = facts.order_of(term=row.term, revision=row.revision, body=row.body)
    return {
        "term": order.term,
        "revision": order.revision,
        "at": iso(row.at),
        "is_silent": order.is_silent,
        "node_pauses": list(order.node_pauses),
        "addresses": {ip: list(reasons) for ip, reasons in order.addresses},
    }


def _state(row: SqlRow[Any]) -> Shown:
    """`latest` is the newest heartbeat's readings as it came; None before the first."""
    return {
        "epoch": row.epoch,
        "sequence": row.sequence,
        "last_heartbeat": iso(row.last_heartbeat),
        "counted_to": iso(row.counted_to),
        "clock_skew_seconds": row.clock_skew / 1000,
        "latest": None if row.latest is None else encode.value(row.latest),
        "obedience": None
        if row.obedience_at is None
        else {
            "term": row.obeyed_term,
            "revision": row.obeyed_revision,
            "convergence": row.convergence,
            "is_silent": row.is_silent,
            "problem": row.problem,
            "reported_at": iso(row.obedience_at),
        },
    }


def _totals(connection: Connection, epoch_number: int | None) -> list[Row]:
    """Of the present epoch, one row an address, receiver and instance."""
    return [views_counts.cell(row) for row in connection.execute(TOTALS, {"epoch": epoch_number})]
