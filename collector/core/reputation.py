"""Whether a zone's answer about an address is confirmed, in doubt, or over. Does no look-ups.

A node's answer counts only with the zone's sentinels right. It is confirmed by the collector's own
resolver; where that one can only say unknown, by the node's second sweep at least a minute later;
where it says clear, the two disagree (DESIGN 6). What the collector found itself, where no agent
looks, another of its resolvers must confirm: nobody is his own second opinion. Where there is no
other, nothing can be said beside it, and the second sweep decides as it does for a node.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from collector.core.model import AddressFacts, Listing, Look, ZoneFact
from collector.core.policy import Policy
from deliverability.catalogue import Catalogue
from deliverability.zones import Consequence, Sentinels, Tier, Verdict, Zone, consequence

RESOLVER = "the collector's resolver"
ANOTHER = "another of the collector's resolvers"
BY_RESOLVER = frozenset((RESOLVER, ANOTHER))
ONE_RESOLVER = "unconfirmed: one resolver"


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
    `awaits_look`: the node's answers alone would end the listing; a look, now or later, decides.

    `zone` None: the catalogue does not know it (any more).
    """

    stand: Stand
    fact: ZoneFact
    look: Look | None
    listing: Listing | None
    confirmed_by: str = ""
    wants_look: bool = False
    awaits_look: bool = False
    zone: Zone | None = None

    @property
    def is_pausing(self) -> bool:
        """Whether the answer's codes ask for a pause; the others are configuration faults."""
        return self.zone is not None and _is_grave(self.zone, self.fact.answers)

    @property
    def is_critical(self) -> bool:
        """Whether, confirmed, it pauses the address by itself."""
        return self.zone is not None and self.zone.tier is Tier.CRITICAL and self.is_pausing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """A zone's answer through the node, and the second look at the same; None: not made since."""

    zone: Zone
    fact: ZoneFact
    look: Look | None

    def opinion(self, stand: Stand, listing: Listing | None) -> Opinion:
        return Opinion(stand=stand, fact=self.fact, look=self.look, listing=listing, zone=self.zone)

    @property
    def is_grave(self) -> bool:
        return is_hit(self.fact) and _is_grave(self.zone, self.fact.answers)

    @property
    def is_look_grave(self) -> bool:
        return self.look is not None and _is_grave(self.zone, self.look.answers)

    @property
    def is_contradicted(self) -> bool:
        """The second look says clear, or names only a configuration fault where the node was told
        of more."""
        if self.look is None:
            return False
        is_less = _says_listed(self.look) and self.is_grave and not self.is_look_grave
        return self.look.verdict is Verdict.CLEAR or is_less

    def is_graver_than(self, listing: Listing) -> bool:
        """A configuration fault is listed, and by now a code that asks for a pause."""
        return listing.consequence != "pause" and self.is_grave

    def is_rid_of(self, listing: Listing) -> bool:
        """Clear, or listed for no more than a configuration fault where it was for more."""
        is_less = listing.consequence == "pause" and is_hit(self.fact) and not self.is_grave
        return is_clean(self.fact) or is_less


def judge(
    address: AddressFacts, fact: ZoneFact, *, catalogue: Catalogue, policy: Policy, now: datetime
) -> Opinion:
    """The opinion on one zone's newest answer about one address."""
    zone = catalogue.get(fact.zone)
    if zone is None or catalogue.is_dismissed(fact.zone):
        return _of_dismissed(address, fact, zone)
    look = next((one for one in address.looks if one.zone == fact.zone), None)
    listing = next((one for one in address.listings if one.zone == fact.zone), None)
    if listing is None and not is_hit(fact):
        return Opinion(stand=Stand.NOTHING, fact=fact, look=look, listing=None, zone=zone)
    heard = _Heard(zone=zone, fact=fact, look=_since(look, fact, policy=policy, now=now))
    if listing is not None and not heard.is_graver_than(listing):
        return _of_open(heard, listing, policy=policy, now=now)
    return _of_hit(heard, listing, policy=policy, now=now)


def _is_grave(zone: Zone, answers: Sequence[str]) -> bool:
    return consequence(zone, answers) is Consequence.PAUSE


def is_hit(fact: ZoneFact) -> bool:
    return fact.verdict is Verdict.LISTED and fact.sentinels is Sentinels.RIGHT


def is_clean(fact: ZoneFact) -> bool:
    return fact.verdict is Verdict.CLEAR and fact.sentinels is Sentinels.RIGHT


def _of_dismissed(address: AddressFacts, fact: ZoneFact, zone: Zone | None) -> Opinion:
    """The fleet does not look at this zone any more: it lists nobody."""
    listing = next((one for one in address.listings if one.zone == fact.zone), None)
    stand = Stand.OVER if listing is not None else Stand.NOTHING
    return Opinion(stand=stand, fact=fact, look=None, listing=listing, zone=zone)


def _of_hit(heard: _Heard, listing: Listing | None, *, policy: Policy, now: datetime) -> Opinion:
    """`listing`: one of a configuration fault, which this one, confirmed, takes the place of."""
    by = _confirmed_by(heard, policy, now=now)
    if by:
        stand = Stand.CONFIRMED
    elif heard.is_contradicted or _was_clear(heard, policy, now=now):
        stand = Stand.DISAGREE
    else:
        stand = Stand.UNCONFIRMED
    wants = not by and _is_due(heard.look, policy, now=now)
    return replace(heard.opinion(stand, listing), confirmed_by=by, wants_look=wants)


def _of_open(heard: _Heard, listing: Listing, *, policy: Policy, now: datetime) -> Opinion:
    """Two clean rounds close it, unless the collector's resolver, asked since, says listed."""
    stand, wants = Stand.STILL, False
    is_rid = heard.is_rid_of(listing) and heard.fact.rounds >= policy.clean_rounds
    if is_rid:
        if heard.look is None:
            wants = True
        elif _says_listed(heard.look) and (listing.consequence != "pause" or heard.is_look_grave):
            wants = _is_due(heard.look, policy, now=now)
        else:
            stand = Stand.OVER
    awaits = is_rid and stand is Stand.STILL
    return replace(heard.opinion(stand, listing), wants_look=wants, awaits_look=awaits)


def _since(look: Look | None, fact: ZoneFact, *, policy: Policy, now: datetime) -> Look | None:
    """Only a look made after the node began to say what it says now is a second opinion.

    Where our clock was set back, what lies ahead of it tells no order: a look ahead is none, and
    for an answer ahead the look just made counts.
    """
    if look is None or look.at > now or _is_same(look, fact):
        return None
    is_new = fact.since > now and now - look.at < policy.look_again_after
    return look if is_new or look.at >= fact.since else None


def _is_same(look: Look, fact: ZoneFact) -> bool:
    """Asked where the collector's own finding comes from."""
    return bool(fact.resolver) and look.resolver == fact.resolver


def _says_listed(look: Look) -> bool:
    return look.verdict is Verdict.LISTED and look.sentinels is Sentinels.RIGHT


def _confirmed_by(heard: _Heard, policy: Policy, *, now: datetime) -> str:
    fact, look = heard.fact, heard.look
    if look is None:
        return ""
    if _says_listed(look) and not heard.is_contradicted:
        return ANOTHER if fact.resolver else RESOLVER
    lasted = fact.received_at - fact.since
    is_second = fact.rounds >= 2 and lasted >= policy.second_sweep_after
    if tells_nothing(look) and is_second and not _was_clear(heard, policy, now=now):
        return _second_sweep(fact, look)
    return ""


def _second_sweep(fact: ZoneFact, look: Look) -> str:
    if not fact.resolver:
        return "the node's second sweep"
    alone = "" if look.resolver else f" ({ONE_RESOLVER})"
    return f"the collector's second sweep{alone}"


def tells_nothing(look: Look) -> bool:
    return look.verdict is Verdict.UNKNOWN or look.sentinels is not Sentinels.RIGHT


def _was_clear(heard: _Heard, policy: Policy, *, now: datetime) -> bool:
    """Our resolver said clear of the present answer, and has told nothing else since: one look
    that fails does not take that back. It does once the resolver has been blind for long."""
    said = heard.look.cleared_at if heard.look else None
    return said is not None and said >= heard.fact.since and now - said < policy.blind_after


def _is_due(look: Look | None, policy: Policy, *, now: datetime) -> bool:
    return look is None or now - look.at >= policy.look_again_after
