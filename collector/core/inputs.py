"""All that one decision was made of, and nothing else: what is stored beside it for a replay.

Leaves out what cannot change the decision: other nodes (what they counted stands in `seen`), other
pools, alerts, and what zones say of an address that they do not list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from collector.core.incident import Docket
from collector.core.model import (
    AddressFacts,
    Decision,
    Denial,
    Detector,
    Fleet,
    Kind,
    NodeFacts,
    Order,
    Reason,
    Seen,
    Snapshot,
    Standing,
    StandingKey,
    Subject,
    ZoneFact,
)
from deliverability.catalogue import Catalogue
from deliverability.zones import Tier, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """`snapshot` holds the subject's node alone, its pool, and no listings of others.

    `unlisted`: how many answers that list nothing were left out, by verdict. `cut`: what had to go
    for the sake of size although a rule may read it, in words; with a word in it no replay is sure.
    `applied`: the directive a node brought from a later self of ours, where that decided.
    """

    subject: Subject
    kind: Kind
    reason: Reason
    at: datetime
    snapshot: Snapshot
    seen: Seen
    unlisted: Mapping[str, int]
    applied: Order | None = None
    cut: tuple[str, ...] = ()


_BARE: Mapping[str, Any] = {"zones": (), "looks": (), "listings": ()}
_NO_FLEET = Fleet(
    addresses=0,
    pools={},
    open_listings={},
    detector=Detector(frozen=False, healthy_since=None),
)


def of(decisions: Sequence[Decision], snapshot: Snapshot) -> tuple[Inputs, ...]:
    """Of each decision made from this snapshot, in order."""
    if not decisions:
        return ()
    nodes = {node.id: node for node in snapshot.nodes}
    standing: dict[str, dict[StandingKey, Standing]] = {}
    for key, one in snapshot.standing.items():
        standing.setdefault(key[0], {})[key] = one
    denials: dict[str, dict[StandingKey, Denial]] = {}
    for key, no in snapshot.denials.items():
        denials.setdefault(key[0], {})[key] = no
    about = (decision.proposal.subject.node_id for decision in decisions)
    return tuple(
        _of(
            one,
            nodes[node_id],
            replace(
                snapshot,
                standing=standing.get(node_id, {}),
                denials=denials.get(node_id, {}),
            ),
        )
        for one, node_id in zip(decisions, about, strict=True)
    )


def of_domains(decisions: Sequence[Decision], snapshot: Snapshot) -> tuple[Inputs, ...]:
    """Of decisions about sending domains, which look at nothing but their plan and its day."""
    domains = {one.plan.subject: one for one in snapshot.domains}
    return tuple(
        Inputs(
            subject=one.proposal.subject,
            kind=one.proposal.kind,
            reason=one.proposal.reason,
            at=one.at,
            snapshot=Snapshot(
                nodes=(),
                fleet=_NO_FLEET,
                term=snapshot.term,
                domains=(domains[one.proposal.subject.address or ""],),
            ),
            seen=one.seen,
            unlisted={},
        )
        for one in decisions
    )


def of_order(decision: Decision, node: NodeFacts, *, applied: Order, term: int) -> Inputs:
    """Of a decision that a node's own directive asked for: no zone and no pool is looked at."""
    bare = replace(node, addresses=tuple(replace(one, **_BARE) for one in node.addresses))
    proposal = decision.proposal
    return Inputs(
        subject=proposal.subject,
        kind=proposal.kind,
        reason=proposal.reason,
        at=decision.at,
        snapshot=Snapshot(nodes=(bare,), fleet=_NO_FLEET, term=term),
        seen=decision.seen,
        unlisted={},
        applied=applied,
    )


def _of(decision: Decision, node: NodeFacts, snapshot: Snapshot) -> Inputs:
    proposal, slim = decision.proposal, _slim(node, snapshot.fleet.catalogue)
    zones = {fact.zone for one in slim.addresses for fact in one.zones}
    zones |= {one.zone for address in slim.addresses for one in address.listings}
    fleet = _fleet(snapshot.fleet, pool_id=node.pool_id, zones=zones)
    return Inputs(
        subject=proposal.subject,
        kind=proposal.kind,
        reason=proposal.reason,
        at=decision.at,
        snapshot=replace(
            snapshot, nodes=(slim,), fleet=fleet, alerts=(), docket=Docket(), domains=()
        ),
        seen=replace(
            decision.seen,
            zones={zone: n for zone, n in decision.seen.zones.items() if zone in zones},
            removed=_counted(decision.seen.removed, node.pool_id),
            admitted=_counted(decision.seen.admitted, node.pool_id),
        ),
        unlisted=_unlisted(node, slim=slim),
    )


def _counted(places: Mapping[str, int], pool_id: str) -> dict[str, int]:
    """Of this pool, also by receiver (`safety.place`)."""
    return {one: n for one, n in places.items() if one.partition(" ")[0] == pool_id}


def needed(node: NodeFacts, catalogue: Catalogue) -> Mapping[str, tuple[ZoneFact, ...]]:
    """By address, the answers that any rule looks at: they list it, may end a listing, or, of a
    critical zone, the silence a node has put on itself."""
    is_silenced = any(one.reason is Reason.STANDING_ORDER for one in node.pauses)
    return {
        address.ip: tuple(
            fact
            for fact in address.zones
            if fact.verdict is Verdict.LISTED
            or any(listing.zone == fact.zone for listing in address.listings)
            or (is_silenced and _is_critical(fact, catalogue))
        )
        for address in node.addresses
    }


def _is_critical(fact: ZoneFact, catalogue: Catalogue) -> bool:
    zone = catalogue.get(fact.zone)
    return zone is not None and zone.tier is Tier.CRITICAL


def _slim(node: NodeFacts, catalogue: Catalogue) -> NodeFacts:
    zones = needed(node, catalogue)
    return replace(
        node, addresses=tuple(_slim_address(one, zones[one.ip]) for one in node.addresses)
    )


def _slim_address(address: AddressFacts, zones: tuple[ZoneFact, ...]) -> AddressFacts:
    asked = {fact.zone for fact in zones}
    looks = tuple(look for look in address.looks if look.zone in asked)
    return replace(address, zones=zones, looks=looks)


def _fleet(fleet: Fleet, *, pool_id: str, zones: set[str]) -> Fleet:
    return replace(
        fleet,
        pools={pool_id: fleet.pools[pool_id]},
        open_listings={},
        brakes={zone: one for zone, one in fleet.brakes.items() if zone in zones},
    )


def _unlisted(node: NodeFacts, *, slim: NodeFacts) -> dict[str, int]:
    found: dict[str, int] = {}
    for address, kept in zip(node.addresses, slim.addresses, strict=True):
        for fact in address.zones:
            if fact not in kept.zones:
                found[fact.verdict.value] = found.get(fact.verdict.value, 0) + 1
    return found
