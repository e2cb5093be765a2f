"""One judgement's view of the journal in memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from collector.core import brake_table
from collector.core.incident import Docket, Place
from collector.core.lifecycle import SENDING
from collector.core.model import (
    AddressFacts,
    Detector,
    Fleet,
    Lifecycle,
    Listing,
    Liveness,
    NodeFacts,
    Obedience,
    Pause,
    PoolFacts,
    Snapshot,
)
from collector.core.readings import HostFacts, ServiceFact
from tests.simulation import mail_store, warming_store
from tests.simulation.journal import AddressRow, Journal, NodeRow

DAY = timedelta(days=1)


def load(journal: Journal, node_ids: Sequence[str] | None, *, now: datetime) -> Snapshot:
    going = going_ids(journal) if node_ids is None else sorted(set(node_ids) & journal.nodes.keys())
    return Snapshot(
        nodes=tuple(_node(journal, node_id, now=now) for node_id in going),
        fleet=_fleet(journal, now=now),
        standing={key: one for key, one in journal.standing.items() if key.node_id in set(going)},
        denials={key: one for key, one in journal.denials.items() if key.node_id in set(going)},
        alerts=tuple(one for _, one in sorted(journal.alerts.items())),
        docket=_docket(journal, now=now),
        term=journal.term,
        domains=warming_store.domains(journal, now=now),
    )


def _docket(journal: Journal, *, now: datetime) -> Docket:
    """Open incidents and those resolved lately; nobody silences anything here."""
    troubled = {one.node_id for one in journal.alerts.values()} & journal.nodes.keys()
    rows = [journal.nodes[node_id] for node_id in sorted(filter(None, troubled))]
    return Docket(
        incidents=tuple(
            one
            for _, one in sorted(journal.incidents.items())
            if one.resolved_at is None or one.resolved_at > now - DAY
        ),
        places={row.id: Place(node=row.name, pool=journal.pools[row.pool_id].name) for row in rows},
        next_number=max(journal.incidents, default=0) + 1,
    )


def going_ids(journal: Journal) -> list[str]:
    return sorted(
        node_id
        for node_id, row in journal.nodes.items()
        if row.lifecycle is not Lifecycle.DECOMMISSIONED
    )


def members(journal: Journal) -> dict[str, str]:
    return {node_id: journal.nodes[node_id].pool_id for node_id in going_ids(journal)}


def open_pauses(journal: Journal, node_id: str) -> tuple[Pause, ...]:
    mine = (one for one in journal.pauses.values() if one.node_id == node_id)
    return tuple(
        sorted((one for one in mine if one.id not in journal.closed), key=lambda p: p.opened_at)
    )


def open_listings(journal: Journal) -> Iterable[Listing]:
    return (one for one in journal.listings.values() if one.id not in journal.closed)


def _node(journal: Journal, node_id: str, *, now: datetime) -> NodeFacts:
    row = journal.nodes[node_id]
    order, order_at = journal.orders.get(node_id, (None, None))
    said = [one for (owner, _, _), one in journal.zone_facts.items() if owner == node_id]
    usable = [at for _, at in said if at is not None]
    return NodeFacts(
        id=row.id,
        name=row.name,
        pool_id=row.pool_id,
        automation=row.automation,
        lifecycle=row.lifecycle,
        liveness=Liveness.UNHEARD,
        silence=timedelta(0),
        heard_in_row=0,
        addresses=tuple(_address(journal, one, now=now) for one in journal.addresses_of(node_id)),
        pauses=open_pauses(journal, node_id),
        order=order,
        order_at=order_at,
        obedience=_obedience(journal, node_id),
        clock_skew=row.clock_skew,
        last_usable_answer_at=max(usable, default=None),
        enrolled_at=row.enrolled_at,
        services=tuple(
            ServiceFact(name=name, state=state, since=since)
            for (owner, name), (state, since) in sorted(journal.services.items())
            if owner == node_id
        ),
        host=_host(row),
        standing=row.latest.postfix.standing if row.latest else None,
    )


def _host(row: NodeRow) -> HostFacts | None:
    host = row.latest.host if row.latest else None
    if host is None:
        return None
    used, whole = host.disk_bytes_used, host.disk_bytes_total
    return HostFacts(disk_ratio=used / whole, cpu_ratio=host.cpu_ratio)


def _address(journal: Journal, row: AddressRow, *, now: datetime) -> AddressFacts:
    said = (
        fact
        for (owner, ip, _), (fact, _) in journal.zone_facts.items()
        if (owner, ip) == (row.node_id, row.ip)
    )
    return AddressFacts(
        ip=row.ip,
        in_rotation=row.in_rotation,
        rotation_reason=row.rotation_reason,
        rotation_since=row.rotation_since,
        zones=tuple(sorted(said, key=lambda fact: fact.zone)),
        looks=tuple(one for (ip, _), one in sorted(journal.looks.items()) if ip == row.ip),
        listings=tuple(
            one
            for one in open_listings(journal)
            if (one.node_id, one.address) == (row.node_id, row.ip)
        ),
        mail=mail_store.of_address(journal, row.ip, now=now),
        warmup=warming_store.read(journal, row.node_id, row.ip, now=now),
        dns=journal.dns.get(row.ip, ()),
    )


def _obedience(journal: Journal, node_id: str) -> Obedience | None:
    latest = journal.nodes[node_id].latest
    if latest is None:
        return None
    return Obedience(
        order=latest.postfix.order,
        convergence=latest.postfix.convergence,
        is_silent=latest.postfix.is_silent,
        problem=latest.postfix.problem,
    )


def _fleet(journal: Journal, *, now: datetime) -> Fleet:
    pools = pools_of(journal, now=now)
    listings: dict[str, tuple[Listing, ...]] = {}
    for one in sorted(open_listings(journal), key=lambda one: (one.zone, one.opened_at, one.id)):
        if one.consequence == "pause":
            listings[one.zone] = (*listings.get(one.zone, ()), one)
    return Fleet(
        addresses=sum(pool.addresses for pool in pools.values()),
        pools=pools,
        open_listings=listings,
        brakes=dict(sorted(journal.brakes.items())),
        automation_stopped=journal.switches.get("automation_stopped", False),
        sending_stopped=journal.switches.get("sending_stopped", False),
        detector=Detector(frozen=False, healthy_since=None),
    )


def pools_of(journal: Journal, *, now: datetime) -> dict[str, PoolFacts]:
    present = [row for row in journal.addresses.values() if row.is_present]
    going = [journal.nodes[node_id] for node_id in going_ids(journal)]
    found = {}
    for pool in sorted(journal.pools.values(), key=lambda pool: pool.name):
        mine = [row for row in present if row.pool_id == pool.id]
        members = sum(row.in_rotation for row in mine)
        found[pool.id] = PoolFacts(
            id=pool.id,
            name=pool.name,
            automation=pool.automation,
            addresses=len(mine),
            in_rotation=members,
            baseline=max(
                baseline(pool.rotations, now=now), members + _taken_out(journal, mine, now=now)
            ),
            nodes=sum(node.pool_id == pool.id for node in going),
            newly_silent=0,
            **_lately(journal, pool.id, now=now),
        )
    return found


def _taken_out(journal: Journal, rows: Sequence[AddressRow], *, now: datetime) -> int:
    """What automation took out lately and would take back."""
    since = now - brake_table.TAKEN_OUT_FOR
    return sum(
        not row.in_rotation
        and row.rotation_reason in brake_table.TAKEN_OUT
        and row.rotation_since is not None
        and row.rotation_since >= since
        and journal.nodes[row.node_id].lifecycle in SENDING
        for row in rows
    )


def _lately(journal: Journal, pool_id: str, *, now: datetime) -> dict[str, Any]:
    """What automation moved within the brakes' span, and who is left out at one receiver."""
    since = now - journal.policies[-1].velocity_span
    moves = [joined for at, pool, _, joined in journal.moves if pool == pool_id and at > since]
    blocked: dict[str, int] = {}
    lately: dict[str, int] = {}
    for pause in journal.pauses.values():
        if pause.receiver is None or journal.nodes[pause.node_id].pool_id != pool_id:
            continue
        if pause.id not in journal.closed:
            blocked[pause.receiver] = blocked.get(pause.receiver, 0) + 1
        if pause.opened_at > since:
            lately[pause.receiver] = lately.get(pause.receiver, 0) + 1
    return {
        "removed_lately": moves.count(False),
        "admitted_lately": moves.count(True),
        "blocked": blocked,
        "blocked_lately": lately,
    }


def baseline(rotations: Sequence[tuple[datetime, int]], *, now: datetime) -> int:
    """The median size of the last day, each size weighted by how long it stood; the upper one when
    two share the time evenly."""
    if not rotations:
        return 0
    since = now - DAY
    before = [one for one in rotations if one[0] <= since][-1:]
    steps = [(max(at, since), size) for at, size in (*before, *_after(rotations, since))]
    ends = [at for at, _ in steps[1:]] + [now]
    weights: dict[int, timedelta] = {}
    for (at, size), end in zip(steps, ends, strict=True):
        weights[size] = weights.get(size, timedelta(0)) + max(end - at, timedelta(0))
    half, passed = sum(weights.values(), timedelta(0)) / 2, timedelta(0)
    for size in sorted(weights, reverse=True):
        passed += weights[size]
        if passed >= half:
            return size
    return 0


def _after(
    rotations: Sequence[tuple[datetime, int]], since: datetime
) -> list[tuple[datetime, int]]:
    return [one for one in rotations if one[0] > since]
