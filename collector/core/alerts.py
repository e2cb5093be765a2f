"""Which alerts should stand, from facts and this pass's decisions. Opened and resolved by level."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from collector.core import alerts_state, causes, evidence, levels, obedience
from collector.core.causes import Owner
from collector.core.levels import AlertChanges
from collector.core.model import AlertFact, Listing, NodeFacts, Severity, Snapshot, ZoneFact
from collector.core.policy import Policy
from collector.core.reputation import Opinion, Stand
from collector.core.signals import AddressSignals, NodeSignals
from collector.core.zonebrake import ZoneBrakes
from deliverability.zones import Sentinels, Tier, Zone

# An alert of another cause is opened and closed by whoever knows it.
NODE_CAUSES, FLEET_CAUSES = causes.owned_by(Owner.NODE), causes.owned_by(Owner.FLEET)
BLIND_ROUNDS = 2.5
# Of a listing, by how much it hurts (DESIGN 6).
SEVERITIES = {
    Tier.CRITICAL: Severity.HIGH,
    Tier.MAJOR: Severity.MEDIUM,
    Tier.MINOR: Severity.LOW,
    Tier.INFORMATIONAL: Severity.LOW,
}


def update(
    nodes: Sequence[NodeSignals],
    snapshot: Snapshot,
    *,
    brakes: ZoneBrakes,
    policy: Policy,
    now: datetime,
) -> AlertChanges:
    """The difference between what stands and what should."""
    wanted = {
        alert.key: alert
        for alert in (
            *_of_fleet(snapshot, brakes, now=now),
            *(one for node in nodes for one in _of_node(node, policy, now=now)),
        )
    }
    standing = {alert.key: alert for alert in snapshot.alerts}
    if snapshot.fleet.detector.frozen:
        wanted = {key: one for key, one in wanted.items() if not _is_doubted(key, standing)}
    judged = {node.facts.id for node in nodes}
    # Of much that stands only what this pass may have looked at is looked at.
    near = [one for one in snapshot.alerts if one.node_id is None or one.node_id in judged]
    near += [standing[key] for key in wanted if key in standing]
    return levels.changes(
        wanted.values(), standing=near, is_ours=lambda alert: _ours(alert, judged)
    )


def _is_doubted(key: str, standing: Mapping[str, AlertFact]) -> bool:
    """A silence that is newly heard of while our ears are not trusted: one alert says that."""
    return key.startswith("unhealthy:") and key not in standing


def _ours(alert: AlertFact, judged: set[str]) -> bool:
    """Only what this pass looked at may be resolved by it."""
    cause = alert.key.partition(":")[0]
    return cause in FLEET_CAUSES or (cause in NODE_CAUSES and alert.node_id in judged)


def _of_fleet(snapshot: Snapshot, brakes: ZoneBrakes, *, now: datetime) -> Iterator[AlertFact]:
    for zone in brakes.held:
        text = (
            f"{zone} newly lists more than {brakes.limit} of {snapshot.fleet.addresses} addresses:"
            " its automatic pauses are held while so many stand; who is truly listed, pause by hand"
        )
        yield AlertFact(key=f"zone-brake:{zone}", severity=Severity.HIGH, text=text, opened_at=now)
    if snapshot.fleet.detector.frozen:
        why = snapshot.fleet.detector.why
        yield AlertFact(
            key="detector:silence",
            severity=Severity.MEDIUM,
            text=f"removals for silence are frozen: {why}",
            opened_at=now,
        )


def _of_node(node: NodeSignals, policy: Policy, *, now: datetime) -> Iterator[AlertFact]:
    facts = node.facts
    for cause, severity, text in (
        *_of_listings(node),
        *_of_health(node, policy, now=now),
        *_of_obedience(facts, policy, now=now),
        *alerts_state.of_node(node, policy, now=now),
    ):
        yield AlertFact(key=cause, severity=severity, text=text, opened_at=now, node_id=facts.id)


_Said = tuple[str, Severity, str]


def _of_listings(node: NodeSignals) -> Iterator[_Said]:
    for address in node.addresses:
        yield from _of_address(node.facts, address)


def _of_address(node: NodeFacts, address: AddressSignals) -> Iterator[_Said]:
    ip = address.facts.ip
    for listing in address.standing:
        zone = address.catalogue.get(listing.zone)
        yield _listed(listing, zone, is_pausing=listing.consequence == "pause")
    for opinion in address.opinions:
        fact = opinion.fact
        if opinion.stand is Stand.CONFIRMED:
            yield _listed(fact, opinion.zone, is_pausing=opinion.is_pausing)
        if opinion.stand is Stand.DISAGREE:
            text = f"{fact.zone} lists {ip} for the node, but not for the collector's resolver"
            yield f"disagree:{fact.zone}:{ip}", Severity.HIGH, text
        if fact.sentinels is Sentinels.WRONG and not address.catalogue.is_dismissed(fact.zone):
            text = f"{node.name} does not believe {fact.zone}: {fact.why}"
            yield f"quarantine:{fact.zone}:{node.id}", Severity.LOW, text


def _listed(said: Listing | ZoneFact, zone: Zone | None, *, is_pausing: bool) -> _Said:
    meaning = "; ".join(evidence.meanings(zone, said.answers)) or ", ".join(said.answers)
    cause = "listed" if is_pausing else "policy-listed"
    severity = SEVERITIES[zone.tier] if zone is not None else Severity.LOW
    if severity is Severity.HIGH and not is_pausing:
        severity = Severity.MEDIUM
    key = f"{cause}:{said.zone}:{said.address}"
    return key, severity, f"{said.address} is listed by {said.zone}: {meaning}"


def _of_health(node: NodeSignals, policy: Policy, *, now: datetime) -> Iterator[_Said]:
    facts = node.facts
    if node.is_lost:
        text = f"{facts.name} is unhealthy: three heartbeats missed, and none since"
        yield f"unhealthy:{facts.id}", Severity.MEDIUM, text
    usable = facts.last_usable_answer_at or facts.enrolled_at
    if now - usable > _patience(node, policy) and not node.is_lost:
        why = "; ".join(sorted({_why(one.fact) for one in _critical(node)}))
        text = (
            f"{facts.name} is blind: no usable answer of a critical zone since {usable:%H:%M}"
            f" ({why or 'none was asked'})"
        )
        yield f"blind:{facts.id}", Severity.MEDIUM, text
    if abs(facts.clock_skew) > policy.clock_skew_max:
        limit = policy.clock_skew_max.total_seconds()
        text = f"{facts.name}'s clock differs from ours by more than {limit:.0f} s"
        yield f"skew:{facts.id}", Severity.LOW, text


def _critical(node: NodeSignals) -> Iterator[Opinion]:
    for address in node.addresses:
        for opinion in address.opinions:
            if opinion.zone is not None and opinion.zone.tier is Tier.CRITICAL:
                yield opinion


def _patience(node: NodeSignals, policy: Policy) -> timedelta:
    """Where a limit makes the pace of the critical zones slow, two rounds of them."""
    slowest = max((one.zone.pace for one in _critical(node) if one.zone), default=timedelta(0))
    return max(policy.blind_after, slowest * BLIND_ROUNDS)


def _why(fact: ZoneFact) -> str:
    return f"{fact.zone}: {fact.why or fact.verdict.value}"


def _of_obedience(node: NodeFacts, policy: Policy, *, now: datetime) -> Iterator[_Said]:
    """A node told to be silent that cannot show it: the gravest thing that can be."""
    if not obedience.is_told_to_be_silent(node) or obedience.obeys(node):
        return
    if node.order_at is None or now - node.order_at < policy.obey_within:
        return
    problem = node.obedience.problem if node.obedience else "nothing reported yet"
    text = f"{node.name} was told to be silent and does not show it: {problem or 'pending'}"
    yield f"disobedient:{node.id}", Severity.HIGH, text
