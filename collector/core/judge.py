"""One judgement: facts in, everything to be committed out. Same input, same output."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from collector.core import (
    alerts,
    decide,
    due,
    effects,
    incidents,
    inputs,
    safety,
    score,
    signals,
    warming,
    warming_domains,
    zonebrake,
)
from collector.core.evidence import meanings
from collector.core.judgement import Judgement, ListingDraft, ScoreChange
from collector.core.model import NodeFacts, Snapshot, StandingKey, ZoneFact
from collector.core.policy import Policy
from collector.core.reputation import Opinion
from collector.core.rule import Case
from collector.core.settled import Settled
from collector.core.signals import NodeSignals

# Grows whenever a rule changes, so that a replay knows which rules judged.
CORE_VERSION = 10


def judge(
    snapshot: Snapshot, policy: Policy, *, now: datetime, settled: Settled | None = None
) -> Judgement:
    """signals → decide → safety → effects → alerts → incidents, over one snapshot. `settled`: of
    the pass before, if it is known; it changes nothing but the work."""
    nodes = signals.read_all(snapshot, policy, now=now)
    brakes = zonebrake.apply(nodes, snapshot.fleet, policy=policy, now=now)
    turns = warming.turns(snapshot, policy, now=now)
    cases = decide.cases(nodes, brakes=brakes, policy=policy, now=now)
    proposals = (
        *decide.propose(cases, snapshot),
        *warming.propose(turns),
    )
    decisions = safety.gate(proposals, snapshot, brakes=brakes, policy=policy, now=now)
    changes = effects.plan(nodes, decisions, snapshot=snapshot, brakes=brakes, policy=policy)
    of_domains, for_domains = warming_domains.judge(snapshot, policy, now=now)
    warmups = tuple(warming.changes((*turns, *of_domains), (*decisions, *for_domains)))
    alerted = alerts.update(nodes, snapshot, brakes=brakes, policy=policy, now=now)
    made = incidents.Made(alerts=alerted, nodes=nodes, decisions=decisions)
    told = incidents.update(snapshot, made, policy=policy, now=now, settled=settled)
    proposed = {safety.standing_key(proposal) for proposal in proposals}
    return Judgement(
        at=now,
        term=snapshot.term,
        decisions=(*decisions, *for_domains),
        inputs=(*inputs.of(decisions, snapshot), *inputs.of_domains(for_domains, snapshot)),
        listings_open=tuple(_drafts(nodes)),
        listings_close=tuple(
            listing.id for node in nodes for address in node.addresses for listing in address.over
        ),
        pauses_open=changes.pauses_open,
        pauses_close=changes.pauses_close,
        pauses_probe=tuple(_probes(nodes, changes.pauses_close, policy=policy, now=now)),
        rotation=changes.rotation,
        warmups=warmups,
        lifecycles=tuple(warming.follow(snapshot.nodes, warmups)),
        orders=changes.orders,
        scores=tuple(_scores(nodes)),
        effects=changes.effects,
        alerts_open=alerted.opened,
        alerts_resolve=alerted.resolved,
        incidents=told.incidents,
        notices=told.notices,
        settled=told.settled,
        brakes_engage=brakes.engage,
        brakes_release=brakes.release,
        standing_clear=tuple(_settled(cases, snapshot, proposed=proposed)),
        denials_end=tuple(_ended(cases, snapshot)),
        due=tuple(due.timers(nodes, snapshot, decisions=decisions, policy=policy, now=now)),
    )


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
        details=_details(said, opinion.fact),
    )


def _scores(nodes: Sequence[NodeSignals]) -> Iterator[ScoreChange]:
    """Of addresses whose score changed; one that never lost a point has none kept."""
    for node in nodes:
        for address in node.addresses:
            now, known = address.score, address.facts.score
            if now.value != (known.score if known else score.FULL):
                yield ScoreChange(
                    node_id=node.facts.id,
                    address=address.facts.ip,
                    score=now.value,
                    lost=tuple((one.points, one.cause) for one in now.lost),
                )


def _probes(
    nodes: Sequence[NodeSignals], closed: Sequence[str], *, policy: Policy, now: datetime
) -> Iterator[tuple[str, datetime]]:
    """Pauses that were probed and stay, with their next turn."""
    for node in nodes:
        for pause in node.facts.pauses:
            is_due = pause.probe_at is not None and pause.probe_at <= now
            if is_due and pause.id not in closed:
                yield pause.id, now + policy.probe_after


def _details(said: Sequence[str], fact: ZoneFact) -> str:
    """What the codes mean, and the zone's own words."""
    told = "; ".join(said) or ", ".join(fact.answers)
    return f"{told} ({fact.reason})" if fact.reason else told


def _settled(
    nodes: Mapping[str, Case], snapshot: Snapshot, *, proposed: set[StandingKey]
) -> Iterator[StandingKey]:
    """Standing decisions whose cause is gone."""
    for key in sorted(snapshot.standing, key=str):
        if key.node_id in nodes and key not in proposed:
            yield key


def _ended(cases: Mapping[str, Case], snapshot: Snapshot) -> Iterator[StandingKey]:
    """What people said no to, and is no more."""
    for key, denial in sorted(snapshot.denials.items(), key=str):
        case = cases.get(key.node_id)
        if case is not None and not decide.lasts(key, denial, case=case):
            yield key
