"""One judgement: facts in, everything to be committed out. Same input, same output."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from collector.core import (
    alerts,
    decide,
    effects,
    incidents,
    inputs,
    safety,
    signals,
    warming,
    zonebrake,
)
from collector.core.evidence import meanings
from collector.core.judgement import Judgement, ListingDraft
from collector.core.model import Fate, NodeFacts, Snapshot, StandingKey
from collector.core.policy import Policy
from collector.core.reputation import Opinion
from collector.core.rule import Case
from collector.core.signals import NodeSignals
from deliverability.catalogue import Catalogue

# Grows whenever a rule changes, so that a replay knows which rules judged.
CORE_VERSION = 2


def judge(snapshot: Snapshot, policy: Policy, *, now: datetime) -> Judgement:
    """signals → decide → safety → effects → alerts → incidents, over one snapshot."""
    nodes = signals.read_all(snapshot, policy, now=now)
    brakes = zonebrake.apply(nodes, snapshot.fleet, policy=policy, now=now)
    looks = warming.look(snapshot, policy, now=now)
    proposals = (
        *decide.propose(nodes, snapshot, brakes=brakes, policy=policy, now=now),
        *warming.propose(looks),
    )
    decisions = safety.gate(proposals, snapshot, brakes=brakes, policy=policy, now=now)
    changes = effects.plan(nodes, decisions, snapshot=snapshot)
    warmups = tuple(warming.changes(looks, decisions))
    alerted = alerts.update(nodes, snapshot, brakes=brakes, policy=policy, now=now)
    made = incidents.Made(alerts=alerted, nodes=nodes, decisions=decisions)
    told = incidents.update(snapshot, made, policy=policy, now=now)
    proposed = {safety.standing_key(proposal) for proposal in proposals}
    cases = {
        node.facts.id: Case(node=node, address=None, brakes=brakes, policy=policy, now=now)
        for node in nodes
    }
    return Judgement(
        at=now,
        term=snapshot.term,
        decisions=decisions,
        inputs=inputs.of(decisions, snapshot),
        listings_open=tuple(_drafts(nodes)),
        listings_close=tuple(
            listing.id for node in nodes for address in node.addresses for listing in address.over
        ),
        pauses_open=changes.pauses_open,
        pauses_close=changes.pauses_close,
        rotation=changes.rotation,
        warmups=warmups,
        lifecycles=tuple(warming.follow(snapshot.nodes, warmups)),
        orders=changes.orders,
        effects=changes.effects,
        alerts_open=alerted.opened,
        alerts_resolve=alerted.resolved,
        incidents=told.incidents,
        notices=told.notices,
        brakes_engage=brakes.engage,
        brakes_release=brakes.release,
        standing_clear=tuple(_settled(cases, snapshot, proposed=proposed)),
    )


def next_look(
    node: NodeFacts, policy: Policy, *, catalogue: Catalogue, now: datetime
) -> datetime | None:
    """When this node must be judged again though nothing new is said of it; None: not needed."""
    said = signals.read(node, policy, catalogue=catalogue, now=now)
    is_open = any(
        opinion.wants_look or opinion.stand.value not in ("nothing",)
        for address in said.addresses
        for opinion in address.opinions
    )
    waits = [policy.look_again_after] if is_open or said.is_lost else []
    if node.order is not None and node.order.is_silent:
        obeys = node.obedience is not None and node.obedience.order == node.order.order
        waits += (
            []
            if obeys and node.obedience and node.obedience.is_silent
            else [policy.obey_within / 2]
        )
    looks = [now + min(waits)] if waits else []
    day_over = warming.next_look(node, policy)
    return min([*looks, day_over] if day_over is not None else looks, default=None)


def _drafts(nodes: Sequence[NodeSignals]) -> Iterator[ListingDraft]:
    for node in nodes:
        for address in node.addresses:
            for opinion in address.confirmed:
                yield _draft(node.facts, opinion)


def _draft(node: NodeFacts, opinion: Opinion) -> ListingDraft:
    zone = opinion.zone
    said = meanings(zone, opinion.fact.answers)
    return ListingDraft(
        node_id=node.id,
        address=opinion.fact.address,
        zone=opinion.fact.zone,
        operator=zone.operator if zone else opinion.fact.zone,
        answers=opinion.fact.answers,
        consequence="pause" if opinion.is_pausing else "policy",
        confirmed_by=opinion.confirmed_by,
        details="; ".join(said) or ", ".join(opinion.fact.answers),
    )


def _settled(
    nodes: Mapping[str, Case], snapshot: Snapshot, *, proposed: set[StandingKey]
) -> Iterator[StandingKey]:
    """Standing decisions whose cause is gone; a person's override lasts as long as the cause."""
    for key in sorted(snapshot.standing, key=str):
        if key.node_id not in nodes or key in proposed:
            continue
        is_override = snapshot.standing[key].fate is Fate.OVERRIDDEN
        if not (is_override and decide.stands(key, nodes[key.node_id])):
            yield key
