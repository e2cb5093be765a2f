"""Whether a zone's answer about an address is confirmed, in doubt, or over. Does no look-ups.

A node's answer counts only with the zone's sentinels right. It is confirmed by the collector's own
resolver; where that one can only say unknown, by the node's second sweep at least a minute later;
where it says clear, the two disagree (DESIGN 6).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from collector.core.model import AddressFacts, Listing, Look, ZoneFact
from collector.core.policy import Policy
from deliverability.catalogue import Catalogue
from deliverability.zones import Consequence, Sentinels, Tier, Verdict, Zone, consequence

RESOLVER = "the collector's resolver"


class Stand(Enum):
    """Where an (address, zone) stands."""

    NOTHING = "nothing"
    # A hit without a usable second opinion yet.
    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    # The node says listed, the collector's resolver says clear.
    DISAGREE = "disagree"
    # Open listing, and not yet clean for two rounds.
    STILL = "still listed"
    # Open listing, clean for two rounds, and no second opinion says otherwise.
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One judgement about (address, zone). `wants_look`: ask the collector's resolver (again).

    `zone` None: the catalogue does not know it (any more).
    """

    stand: Stand
    fact: ZoneFact
    look: Look | None
    listing: Listing | None
    confirmed_by: str = ""
    wants_look: bool = False
    zone: Zone | None = None

    @property
    def is_pausing(self) -> bool:
        """Whether the answer's codes ask for a pause; the others are configuration faults."""
        asked = consequence(self.zone, self.fact.answers) if self.zone else None
        return asked is Consequence.PAUSE

    @property
    def is_critical(self) -> bool:
        """Whether, confirmed, it pauses the address by itself."""
        return self.zone is not None and self.zone.tier is Tier.CRITICAL and self.is_pausing


def judge(
    address: AddressFacts, fact: ZoneFact, *, catalogue: Catalogue, policy: Policy, now: datetime
) -> Opinion:
    """The opinion on one zone's newest answer about one address."""
    zone = catalogue.get(fact.zone)
    if zone is None or catalogue.is_dismissed(fact.zone):
        return _of_dismissed(address, fact, zone)
    return replace(_judge(address, fact, policy=policy, now=now), zone=zone)


def _judge(address: AddressFacts, fact: ZoneFact, *, policy: Policy, now: datetime) -> Opinion:
    look = next((one for one in address.looks if one.zone == fact.zone), None)
    listing = next((one for one in address.listings if one.zone == fact.zone), None)
    if listing is not None:
        return _of_open(fact, look, listing=listing, policy=policy, now=now)
    if not is_hit(fact):
        return Opinion(stand=Stand.NOTHING, fact=fact, look=look, listing=None)
    return _of_hit(fact, look, policy=policy, now=now)


def is_hit(fact: ZoneFact) -> bool:
    return fact.verdict is Verdict.LISTED and fact.sentinels is Sentinels.RIGHT


def is_clean(fact: ZoneFact) -> bool:
    return fact.verdict is Verdict.CLEAR and fact.sentinels is Sentinels.RIGHT


def _of_dismissed(address: AddressFacts, fact: ZoneFact, zone: Zone | None) -> Opinion:
    """The fleet does not look at this zone any more: it lists nobody."""
    listing = next((one for one in address.listings if one.zone == fact.zone), None)
    stand = Stand.OVER if listing is not None else Stand.NOTHING
    return Opinion(stand=stand, fact=fact, look=None, listing=listing, zone=zone)


def _of_hit(fact: ZoneFact, look: Look | None, *, policy: Policy, now: datetime) -> Opinion:
    usable = _since(look, fact, policy=policy, now=now)
    by = _confirmed_by(fact, usable, policy=policy)
    if by:
        stand = Stand.CONFIRMED
    elif usable is not None and usable.verdict is Verdict.CLEAR:
        stand = Stand.DISAGREE
    else:
        stand = Stand.UNCONFIRMED
    wants = not by and _is_due(usable, policy, now=now)
    return Opinion(
        stand=stand, fact=fact, look=usable, listing=None, confirmed_by=by, wants_look=wants
    )


def _of_open(
    fact: ZoneFact, look: Look | None, *, listing: Listing, policy: Policy, now: datetime
) -> Opinion:
    """Two clean rounds close it, unless the collector's resolver, asked since, says listed."""
    usable = _since(look, fact, policy=policy, now=now)
    if not is_clean(fact) or fact.rounds < policy.clean_rounds:
        return Opinion(stand=Stand.STILL, fact=fact, look=usable, listing=listing)
    if usable is None:
        stand, wants = Stand.STILL, True
    elif _says_listed(usable):
        stand, wants = Stand.STILL, _is_due(usable, policy, now=now)
    else:
        stand, wants = Stand.OVER, False
    return Opinion(stand=stand, fact=fact, look=usable, listing=listing, wants_look=wants)


def _since(look: Look | None, fact: ZoneFact, *, policy: Policy, now: datetime) -> Look | None:
    """Only a look made after the node began to say what it says now is a second opinion.

    Where our clock was set back, what lies ahead of it tells no order: a look ahead is none, and
    for an answer ahead the look just made counts.
    """
    if look is None or look.at > now:
        return None
    is_new = fact.since > now and now - look.at < policy.look_again_after
    return look if is_new or look.at >= fact.since else None


def _says_listed(look: Look) -> bool:
    return look.verdict is Verdict.LISTED and look.sentinels is Sentinels.RIGHT


def _confirmed_by(fact: ZoneFact, look: Look | None, *, policy: Policy) -> str:
    if look is None:
        return ""
    if _says_listed(look):
        return RESOLVER
    is_unknown = look.verdict is Verdict.UNKNOWN or look.sentinels is not Sentinels.RIGHT
    lasted = fact.received_at - fact.since
    if is_unknown and fact.rounds >= 2 and lasted >= policy.second_sweep_after:
        return "the node's second sweep"
    return ""


def _is_due(look: Look | None, policy: Policy, *, now: datetime) -> bool:
    return look is None or now - look.at >= policy.look_again_after
