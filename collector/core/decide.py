"""What the rules ask for, address by address. The brakes have not spoken yet.

Rules look at levels, not edges: whatever is wanted and not so is proposed again at each pass.
"""

from collections.abc import Iterator

from collector.core import evidence
from collector.core.lifecycle import SENDING
from collector.core.model import (
    Fate,
    Kind,
    Listing,
    NodeFacts,
    Proposal,
    Reason,
    Snapshot,
    StandingKey,
    Subject,
)
from collector.core.policy import Policy
from collector.core.reputation import Stand, is_clean
from collector.core.signals import AddressSignals, NodeSignals
from collector.core.zonebrake import ZoneBrakes
from deliverability.zones import Verdict


def propose(
    nodes: tuple[NodeSignals, ...], snapshot: Snapshot, *, brakes: ZoneBrakes, policy: Policy
) -> tuple[Proposal, ...]:
    """Every proposal of this pass, in the order of nodes and addresses."""
    return tuple(
        proposal
        for node in nodes
        for address in node.addresses
        for proposal in _of_address(node, address, snapshot=snapshot, brakes=brakes, policy=policy)
    )


def is_overridden(snapshot: Snapshot, subject: Subject) -> bool:
    """A person resumed this address although it is listed: automation leaves it alone."""
    key = StandingKey(subject.node_id, subject.address, Kind.PAUSE, Reason.LISTED)
    standing = snapshot.standing.get(key)
    return standing is not None and standing.fate is Fate.OVERRIDDEN


def _of_address(
    node: NodeSignals,
    address: AddressSignals,
    *,
    snapshot: Snapshot,
    brakes: ZoneBrakes,
    policy: Policy,
) -> Iterator[Proposal]:
    subject = Subject(node_id=node.facts.id, address=address.facts.ip, pool_id=node.facts.pool_id)
    yield from _listed(node, address, snapshot=snapshot, subject=subject)
    yield from _delisted(node, address, subject=subject, brakes=brakes, policy=policy)
    yield from _silence(node, address, subject=subject)


def _listed(
    node: NodeSignals, address: AddressSignals, *, snapshot: Snapshot, subject: Subject
) -> Iterator[Proposal]:
    """LISTED opens on one confirmed critical listing."""
    if node.listed_pauses(address.facts.ip) or is_overridden(snapshot, subject):
        return
    for opinion in address.confirmed:
        if opinion.is_critical:
            yield Proposal(
                kind=Kind.PAUSE,
                subject=subject,
                reason=Reason.LISTED,
                rule="a confirmed listing on a critical zone pauses the address",
                evidence=evidence.of_opinion(opinion),
                zone=opinion.fact.zone,
                is_critical=True,
            )
            return
    for listing in address.pausing:
        if not _is_ending(listing, address):
            yield Proposal(
                kind=Kind.PAUSE,
                subject=subject,
                reason=Reason.LISTED,
                rule="an open listing on a critical zone keeps the address paused",
                evidence=evidence.of_listing(listing, address),
                zone=listing.zone,
                is_critical=True,
            )
            return


def _is_ending(listing: Listing, address: AddressSignals) -> bool:
    """The zone says clear by now: it takes a second clean round to end the listing and its pause,
    but nothing new is paused for it meanwhile (a zone brake that lets go, above all)."""
    return any(
        is_clean(one.fact) and (one.look is None or one.look.verdict is Verdict.CLEAR)
        for one in address.opinions
        if one.fact.zone == listing.zone
    )


def _delisted(
    node: NodeSignals,
    address: AddressSignals,
    *,
    subject: Subject,
    brakes: ZoneBrakes,
    policy: Policy,
) -> Iterator[Proposal]:
    """LISTED closes with the last listing, or when the zone brake holds all that stand."""
    held = tuple(p for p in node.listed_pauses(address.facts.ip) if p.owner == "automation")
    standing = address.pausing
    believed = tuple(one for one in standing if not brakes.holds(one, policy))
    fresh = (one for one in address.confirmed if one.is_critical)
    if not held or believed or any(one.fact.zone not in brakes.held for one in fresh):
        return
    rule = (
        "the zone brake puts back what the zone paused in this round"
        if standing
        else "two clean rounds with right sentinels end a listing"
    )
    yield Proposal(
        kind=Kind.RESUME,
        subject=subject,
        reason=Reason.LISTED,
        rule=rule,
        evidence=evidence.of_end(address, held),
    )


def _silence(node: NodeSignals, address: AddressSignals, *, subject: Subject) -> Iterator[Proposal]:
    """A lost node leaves the rotation; one that is back, and free to send, enters it."""
    facts = address.facts
    if node.is_lost and facts.in_rotation:
        yield Proposal(
            kind=Kind.REMOVE,
            subject=subject,
            reason=Reason.SILENCE,
            rule="three missed heartbeats take a node out of the rotation",
            evidence=evidence.of_silence(node),
        )
    is_free = not node.pauses_of(facts.ip) and node.facts.lifecycle in SENDING
    is_fit = node.is_back and _is_in_step(node.facts) and not _is_sick(address)
    if not facts.in_rotation and is_free and is_fit:
        yield Proposal(
            kind=Kind.ADMIT,
            subject=subject,
            reason=facts.rotation_reason or Reason.SILENCE,
            rule="heard twice in a row, no pause, in step with its directive: it may take mail",
            evidence=evidence.of_silence(node),
        )


def _is_in_step(node: NodeFacts) -> bool:
    """Its newest directive, one that lets it send, is verified: it does, and we can stop it."""
    said = node.obedience
    return (
        node.order is not None
        and not node.order.is_silent
        and said is not None
        and said.order == node.order.order
        and said.convergence == "verified"
    )


def _is_sick(address: AddressSignals) -> bool:
    """A hit not yet looked at again keeps an address that is out from coming in."""
    return any(one.stand is Stand.UNCONFIRMED and one.is_critical for one in address.opinions)
