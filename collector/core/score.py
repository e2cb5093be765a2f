"""The reputation score of an address: 100, less what each cause takes. Published in docs/score.md.

Every point lost names its cause. What is not known takes nothing: an address of which nobody tells
has a score of 100, and no evidence for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from collector.core import rates
from collector.core.model import AddressFacts, Listing, Pause, Reason
from collector.core.policy import Policy
from collector.core.readings import DnsState
from collector.core.reputation import Opinion, Stand
from deliverability.catalogue import Catalogue
from deliverability.zones import Tier, Zone

FULL = 100
# A listing by the tier of its zone, once an operator; more than LISTINGS_MAX of them count no more.
BY_TIER = {Tier.CRITICAL: 40, Tier.MAJOR: 15, Tier.MINOR: 5, Tier.INFORMATIONAL: 1}
POLICY_LISTING = 3
LISTINGS_MAX = 70
DISAGREEMENT = 5
# (share that costs nothing, share that costs all, points)
BOUNCES = (0.01, 0.10, 20)
COMPLAINTS = (0.0005, 0.003, 20)
DEFERRALS = (0.08, 0.40, 10)
# Of one receiver that refuses for reputation, and of all of them together.
BLOCKED, BLOCKED_MAX = 5, 15
DNS_ESSENTIAL, DNS_OTHER = 15, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    points: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    value: int
    lost: tuple[Loss, ...]


class Basis(NamedTuple):
    """What a score is made of, beside pauses: opinions of one address's zones, those confirmed just
    now, and listings that stand after them."""

    facts: AddressFacts
    opinions: tuple[Opinion, ...]
    confirmed: tuple[Opinion, ...]
    standing: tuple[Listing, ...]
    catalogue: Catalogue


def of(address: Basis, pauses: tuple[Pause, ...], *, policy: Policy) -> Score:
    """`pauses`: the node's. What costs most stands first."""
    lost = [
        *_bounded(_listings(address), LISTINGS_MAX),
        *_doubts(address),
        *_mail(address, policy),
        *_bounded(_blocked(address, pauses), BLOCKED_MAX),
        *_dns(address),
    ]
    ordered = sorted(lost, key=lambda one: (-one.points, one.cause))
    value = max(0, FULL - sum(one.points for one in ordered))
    return Score(value=value, lost=tuple(ordered))


def _listings(address: Basis) -> Iterator[Loss]:
    """The gravest of each operator."""
    worst: dict[str, Loss] = {}
    for zone, consequence in _listed(address):
        points = BY_TIER[zone.tier] if consequence == "pause" else POLICY_LISTING
        loss = Loss(points=points, cause=f"listed by {zone.name}")
        known = worst.get(zone.operator)
        if known is None or (loss.points, known.cause) > (known.points, loss.cause):
            worst[zone.operator] = loss
    yield from sorted(worst.values(), key=lambda one: (-one.points, one.cause))


def _listed(address: Basis) -> Iterator[tuple[Zone, str]]:
    """A zone that nobody knows any more has no listing that stands."""
    for listing in address.standing:
        yield address.catalogue[listing.zone], listing.consequence
    fresh = ((one.zone, one.is_pausing) for one in address.confirmed)
    yield from ((zone, "pause" if pauses else "policy") for zone, pauses in fresh if zone)


def _doubts(address: Basis) -> Iterator[Loss]:
    for opinion in address.opinions:
        if opinion.stand is Stand.DISAGREE and opinion.is_critical:
            cause = f"{opinion.fact.zone} lists it for the node, not for the collector"
            yield Loss(points=DISAGREEMENT, cause=cause)


def _mail(address: Basis, policy: Policy) -> Iterator[Loss]:
    mail = address.facts.mail
    if mail is None:
        return
    shares = (
        ("bounces", _ratio(rates.bounces(mail, policy)), BOUNCES),
        ("complaints", _ratio(rates.complaints(mail, policy)), COMPLAINTS),
        ("deferrals", rates.deferral_ratio(mail.day, least=policy.rate_day_min), DEFERRALS),
    )
    for name, ratio, (free, all_, most) in shares:
        points = 0 if ratio is None else round(most * min(1.0, (ratio - free) / (all_ - free)))
        if ratio is not None and points > 0:
            yield Loss(points=points, cause=f"{name} at {ratio:.2%}")


def _ratio(rate: rates.Rate | None) -> float | None:
    return None if rate is None else rate.ratio


def _blocked(address: Basis, pauses: tuple[Pause, ...]) -> Iterator[Loss]:
    ip = address.facts.ip
    for pause in pauses:
        if pause.reason is Reason.BLOCKED and pause.address == ip:
            yield Loss(points=BLOCKED, cause=f"{pause.receiver} refuses it for reputation")


def _dns(address: Basis) -> Iterator[Loss]:
    for record in address.facts.dns:
        if record.state is DnsState.BROKEN:
            points = DNS_ESSENTIAL if record.is_essential else DNS_OTHER
            yield Loss(points=points, cause=f"{record.record} of {record.name} is wrong")


def _bounded(losses: Iterator[Loss], most: int) -> Iterator[Loss]:
    """Those that still fit; the one that no longer does takes what is left."""
    left = most
    for loss in losses:
        taken = min(left, loss.points)
        if taken > 0:
            yield Loss(points=taken, cause=loss.cause)
        left -= taken
