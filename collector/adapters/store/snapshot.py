"""One judgement's view of the fleet, read in one transaction.

Liveness, silence and the detector are not here: the caller alone knows them. Until it fills them
in, every node is unheard and the detector healthy.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from sqlalchemy import Connection, false, or_, select

from collector.adapters.store import (
    counting,
    denials,
    facts,
    rotation,
    troubled,
    warmup_domains,
    zones,
)
from collector.adapters.store.among import given, named
from collector.adapters.store.kept import Kept
from collector.adapters.store.mirror import read_changes
from collector.adapters.store.moments import MILLISECOND, from_ms
from collector.adapters.store.reign import read_policy, read_switches, read_term
from collector.adapters.store.schema import nodes, orders, pools
from collector.adapters.store.schema_acts import alerts, standing, zone_brakes
from collector.core import brake_table
from collector.core.model import (
    AlertFact,
    Automation,
    Brake,
    Denial,
    Detector,
    Fate,
    Fleet,
    Kind,
    Lifecycle,
    NodeFacts,
    Order,
    PoolFacts,
    Reason,
    Snapshot,
    Standing,
    StandingKey,
    ZoneBrake,
)

ORDERS = select(orders).where(named(orders.c.node_id))
STANDING = select(standing).where(named(standing.c.node_id))
POOLS = select(pools).order_by(pools.c.name)
BRAKES = select(zone_brakes).where(zone_brakes.c.released_at.is_(None)).order_by(zone_brakes.c.zone)
CHUNK = 500  # nodes read at once: short stretches of work on the loop, few statements


def load(
    connection: Connection, node_ids: Sequence[str] | None, *, kept: Kept, now: int
) -> Snapshot:
    """Nodes in the order of their ids; ids that name no node are passed over."""
    if node_ids is None:
        going = nodes.c.lifecycle != Lifecycle.DECOMMISSIONED.value
        node_ids = connection.scalars(select(nodes.c.id).where(going)).all()
    found: list[NodeFacts] = []
    stands: dict[StandingKey, Standing] = {}
    said_no: dict[StandingKey, Denial] = {}
    catalogue = zones.read_catalogue(connection)
    for chunk in chunks(node_ids):
        found += facts.read(connection, chunk, catalogue=catalogue, now=now)
        stands |= _standing(connection, chunk)
        said_no |= denials.read(connection, chunk)
    return Snapshot(
        nodes=tuple(found),
        fleet=replace(_fleet(connection, kept=kept, now=now), catalogue=catalogue),
        standing=stands,
        denials=said_no,
        alerts=kept.troubled.alerts(connection),
        docket=kept.troubled.docket(connection, now=now),
        term=read_term(connection),
        domains=warmup_domains.waiting(connection, now=from_ms(now)),
    )


def read_orders(connection: Connection, node_ids: Sequence[str]) -> dict[str, Order]:
    found: dict[str, Order] = {}
    for chunk in chunks(node_ids):
        for row in connection.execute(ORDERS, given(chunk)):
            found[row.node_id] = facts.order_of(term=row.term, revision=row.revision, body=row.body)
    return found


def chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(sorted(set(ids)))
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _standing(connection: Connection, chunk: list[str]) -> dict[StandingKey, Standing]:
    return {
        StandingKey(
            row.node_id,
            row.address or None,
            Kind(row.kind),
            Reason(row.reason),
            row.receiver or None,
        ): Standing(
            decision_id=row.decision_id,
            fate=Fate(row.fate),
            brake=Brake(row.brake) if row.brake else None,
        )
        for row in connection.execute(STANDING, given(chunk))
    }


def _fleet(connection: Connection, *, kept: Kept, now: int) -> Fleet:
    pools_by_id = read_pools(connection, kept=kept, now=now)
    switches = read_switches(connection)
    return Fleet(
        addresses=sum(pool.addresses for pool in pools_by_id.values()),
        pools=pools_by_id,
        open_listings=kept.troubled.listings(connection),
        brakes=brakes_held(connection),
        automation_stopped=switches["automation_stopped"],
        sending_stopped=switches["sending_stopped"],
        detector=Detector(frozen=False, healthy_since=None),
    )


def brakes_held(connection: Connection) -> dict[str, ZoneBrake]:
    return {
        row.zone: ZoneBrake(zone=row.zone, engaged_at=from_ms(row.engaged_at))
        for row in connection.execute(BRAKES)
    }


def read_pools(connection: Connection, *, kept: Kept, now: int) -> dict[str, PoolFacts]:
    counted = counting.read(connection)
    median, changes = kept.baselines.read(connection, now=now), read_changes(connection)
    out = kept.taken_out.read(
        connection, changes, since=now - brake_table.TAKEN_OUT_FOR // MILLISECOND
    )
    since = now - read_policy(connection).velocity_span // MILLISECOND
    lately = rotation.lately(connection, since=since)
    blocked = kept.blocked.read(connection, changes, since=since)
    found: dict[str, PoolFacts] = {}
    for row in connection.execute(POOLS):
        number, members, known = counted.get(row.id, counting.NONE)
        found[row.id] = PoolFacts(
            id=row.id,
            name=row.name,
            automation=Automation(row.automation),
            addresses=number,
            in_rotation=members,
            baseline=max(median.get(row.id, 0), members + out.get(row.id, 0)),
            nodes=known,
            newly_silent=0,
            removed_lately=lately.get((row.id, False), 0),
            admitted_lately=lately.get((row.id, True), 0),
            blocked={name: n for name, (n, _) in blocked.get(row.id, {}).items()},
            blocked_lately={name: n for name, (_, n) in blocked.get(row.id, {}).items()},
            monthly=row.monthly,
            tenant_id=row.tenant_id,
        )
    return found


def alerts_of(connection: Connection, causes: Collection[str]) -> tuple[AlertFact, ...]:
    """Those of these causes that stand, in the order of their keys."""
    key = alerts.c.key
    # Keys are cause:subject; a semicolon is what follows the colon.
    named = or_(false(), *((key > f"{one}:") & (key < f"{one};") for one in causes))
    found = (troubled.alert_of(row) for row in connection.execute(troubled.ALERTS.where(named)))
    return tuple(one for one in found if one is not None)
