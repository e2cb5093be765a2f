"""LISTED: an address that blocklists name does not send. Never expires: only the zones end it."""

from collections.abc import Sequence

from collector.core import evidence, listed
from collector.core.listed import Ground, Vote
from collector.core.model import Reason
from collector.core.policy import Policy
from collector.core.readings import MailFacts
from collector.core.reputation import is_clean
from collector.core.rule import Asked, Case, Rule

PUT_BACK = "the zone brake puts back what the zone paused in this round"
ENDED = "{} clean rounds with right sentinels end a listing"
UNCOUNTED = "nothing that still counts lists it"


def opens(case: Case) -> Asked | None:
    """On what no zone brake holds, if that is enough; else on all of it, and in the name of what
    is held, for the brake to judge."""
    assert case.address is not None
    said = _votes(case)
    free = tuple(vote for vote in said if not is_held(case, vote))
    for these in (free, said):
        found = _ground(case, these)
        if found is not None:
            held = (one for one in found.votes if is_held(case, one))
            first = next(held, found.votes[0])
            return Asked(
                rule=found.rule,
                evidence=evidence.of_votes(found.votes, case.address),
                zone=first.zone.name,
                listed_at=first.opened_at,
                is_critical=found.is_critical,
                is_corroborated=is_corroborated(case, first),
            )
    return None


def ends(case: Case) -> Asked | None:
    """With the last listing that counts, or when the zone brake holds all that are left; but whom
    the receivers refuse too stays paused whatever the brake thinks of the zone."""
    assert case.address is not None
    keeping = listed.keeping(_votes(case), case.policy)
    is_free = any(_receivers_confirm(case) or not is_held(case, vote) for vote in keeping)
    if is_free and not _is_of_wave(case):
        return None
    return Asked(rule=_why(case, keeping), evidence=evidence.of_end(case.address))


def _why(case: Case, keeping: Sequence[Vote]) -> str:
    """Of several reasons the one that the zones gave."""
    assert case.address is not None
    if keeping:
        return PUT_BACK
    asked = (one for one in case.address.opinions if is_clean(one.fact))
    catalogue = case.address.catalogue
    over = (one.listing for one in asked if not catalogue.is_dismissed(one.fact.zone))
    is_clear = any(one in case.address.over for one in over if one and one.consequence == "pause")
    return ENDED.format(case.policy.clean_rounds) if is_clear else UNCOUNTED


def _is_of_wave(case: Case) -> bool:
    """It was paused in the round of a wave, on a listing of it, and without that nothing would:
    what is free keeps a pause that it opened, not one it never could."""
    assert case.address is not None
    said = _votes(case)
    held = tuple(one for one in said if is_held(case, one))
    free = tuple(one for one in said if one not in held)
    if _receivers_confirm(case) or _ground(case, free) is not None or _ground(case, said) is None:
        return False
    pauses = case.node.pauses_of(case.address.facts.ip)
    return any(
        case.brakes.holds(
            vote.zone.name, listed_at=pause.opened_at, is_corroborated=False, now=case.now
        )
        for pause in pauses
        if pause.reason is Reason.LISTED
        for vote in held
    )


def _ground(case: Case, said: Sequence[Vote]) -> Ground | None:
    return listed.ground(said, case.mail, policy=case.policy, now=case.now)


def is_held(case: Case, vote: Vote) -> bool:
    """Part of a wave that the zone brake does not believe."""
    return case.brakes.holds(
        vote.zone.name,
        listed_at=vote.opened_at,
        is_corroborated=is_corroborated(case, vote),
        now=case.now,
    )


def is_corroborated(case: Case, vote: Vote) -> bool:
    """A second resolver and the receivers' own replies say so too."""
    return vote.is_by_resolver and _receivers_confirm(case)


def _receivers_confirm(case: Case) -> bool:
    return receivers_confirm(case.mail, case.policy)


def receivers_confirm(mail: MailFacts | None, policy: Policy) -> bool:
    """Enough of what was sent lately was refused for the sender's reputation."""
    refused = sum(one.blocked for one in mail.receivers) if mail else 0
    return refused >= policy.receiver_confirms_min


def _votes(case: Case) -> tuple[Vote, ...]:
    """All that nobody has said no to."""
    assert case.address is not None
    denied = case.denial.about if case.denial else ()
    said = listed.votes(case.address)
    return tuple(one for one in said if one.listing is None or one.listing.id not in denied)


def _lasts(case: Case) -> bool:
    """While any of the listings stands that a person has said no to."""
    assert case.address is not None
    assert case.denial is not None
    return any(one.id in case.denial.about for one in case.address.standing)


RULE = Rule(reason=Reason.LISTED, opens=opens, ends=ends, lasts=_lasts, is_choosy=True)
