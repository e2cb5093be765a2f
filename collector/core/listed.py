"""Which listings pause an address, and which keep it paused (DESIGN 6). Does no look-ups.

Operators have votes, not zones: one may run several. A listing whose codes name a configuration
fault has none; one of a zone that the fleet has switched off is over (`signals`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.core import rates
from collector.core.model import Listing
from collector.core.policy import PauseListed, Policy
from collector.core.readings import MailFacts
from collector.core.reputation import BY_RESOLVER, Opinion, Stand, is_clean
from collector.core.signals import AddressSignals
from deliverability.catalogue import Catalogue
from deliverability.zones import Tier, Verdict, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One zone's confirmed listing of an address that asks for a pause.

    `listing` None: confirmed just now. `is_ending`: the zone says clear by now; it takes a second
    clean round to end the listing, but nothing new is paused for it.
    """

    zone: Zone
    opinion: Opinion | None
    listing: Listing | None
    is_ending: bool = False

    @property
    def opened_at(self) -> datetime | None:
        return self.listing.opened_at if self.listing else None

    @property
    def is_by_resolver(self) -> bool:
        """A second resolver, ours, has seen it too."""
        by = self.listing.confirmed_by if self.listing else ""
        return bool(BY_RESOLVER & {by, self.opinion.confirmed_by if self.opinion else ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Why an address is to be paused: the rule, and the votes behind it, the gravest first."""

    rule: str
    votes: tuple[Vote, ...]
    is_critical: bool = False


CRITICAL = "a confirmed listing on a critical zone pauses the address"
STAYS = "an open listing on a critical zone keeps the address paused"
OPERATORS = "confirmed listings by {} independent major operators pause the address"
ALONE = "one major operator still lists it after {:.0f} h, and {} rise"
ANY = "a confirmed listing pauses the address (pause.listed = any)"


def votes(address: AddressSignals) -> tuple[Vote, ...]:
    """The gravest tier first, then by zone."""
    fresh = (
        Vote(zone=zone, opinion=one, listing=None)
        for one in address.confirmed
        if one.is_pausing and (zone := voter(one.fact.zone, address.catalogue))
    )
    known = (
        Vote(zone=zone, opinion=said, listing=listing, is_ending=_is_ending(said))
        for listing in address.standing
        if listing.consequence == "pause" and (zone := voter(listing.zone, address.catalogue))
        for said in (_opinion(address, listing),)
    )
    return ordered((*fresh, *known))


def voter(name: str, catalogue: Catalogue) -> Zone | None:
    """The zone, where what it lists has a vote: one the fleet switched off has none."""
    return None if catalogue.is_dismissed(name) else catalogue.get(name)


def ordered(votes: Iterable[Vote]) -> tuple[Vote, ...]:
    return tuple(sorted(votes, key=lambda one: (TIERS.index(one.zone.tier), one.zone.name)))


def ground(
    said: Sequence[Vote], mail: MailFacts | None, *, policy: Policy, now: datetime
) -> Ground | None:
    """What these votes ask for; None: nothing."""
    held = tuple(one for one in said if not one.is_ending)
    critical = tuple(one for one in held if one.zone.tier is Tier.CRITICAL)
    if critical:
        rule = STAYS if critical[0].listing else CRITICAL
        return Ground(rule=rule, votes=critical, is_critical=True)
    if policy.pause_listed is PauseListed.CRITICAL:
        return None
    majors = tuple(one for one in held if one.zone.tier is Tier.MAJOR)
    operators = {one.zone.operator for one in majors}
    if len(operators) >= policy.major_operators:
        return Ground(rule=OPERATORS.format(len(operators)), votes=majors)
    alone = _alone(majors, mail, policy=policy, now=now)
    if alone is not None or policy.pause_listed is not PauseListed.ANY:
        return alone
    return Ground(rule=ANY, votes=held) if held else None


def keeping(said: Iterable[Vote], policy: Policy) -> tuple[Vote, ...]:
    """What keeps an address paused: harder to lose than to get. One operator of two that is left
    keeps it, since both named a sender that had not changed."""
    counts = KEEPERS[policy.pause_listed]
    return tuple(one for one in said if one.zone.tier in counts)


def _alone(
    majors: tuple[Vote, ...], mail: MailFacts | None, *, policy: Policy, now: datetime
) -> Ground | None:
    old = tuple(
        one for one in majors if one.opened_at and now - one.opened_at >= policy.major_alone_after
    )
    rising = rates.rising(mail.day, week=mail.week, policy=policy) if old and mail else ()
    if not rising:
        return None
    hours = policy.major_alone_after.total_seconds() / 3600
    return Ground(rule=ALONE.format(hours, " and ".join(rising)), votes=old)


def _opinion(address: AddressSignals, listing: Listing) -> Opinion | None:
    return next((one for one in address.opinions if one.fact.zone == listing.zone), None)


def _is_ending(said: Opinion | None) -> bool:
    return (
        said is not None
        and said.stand is Stand.STILL
        and is_clean(said.fact)
        and (said.look is None or said.look.verdict is Verdict.CLEAR)
    )


TIERS = tuple(Tier)
KEEPERS = {
    PauseListed.CRITICAL: frozenset({Tier.CRITICAL}),
    PauseListed.MAJOR: frozenset({Tier.CRITICAL, Tier.MAJOR}),
    PauseListed.ANY: frozenset(Tier),
}
assert KEEPERS.keys() == set(PauseListed)
