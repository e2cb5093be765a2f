"""Evidence as plain, JSON-ready values: what `why` shows and a replay reads."""

from collections.abc import Iterable, Sequence

from collector.core.listed import Vote
from collector.core.model import Evidence, Listing, ZoneFact
from collector.core.rates import Window
from collector.core.readings import MailFacts, ReceiverFacts
from collector.core.reputation import Opinion
from collector.core.signals import AddressSignals, NodeSignals
from deliverability.zones import Zone


def of_opinion(opinion: Opinion) -> Evidence:
    """Zone, code and meaning, sentinels, second look."""
    fact, look = opinion.fact, opinion.look
    return {
        **of_fact(fact, opinion.zone),
        "stand": opinion.stand.value,
        "confirmed_by": opinion.confirmed_by,
        "look": None
        if look is None
        else {
            "verdict": look.verdict.value,
            "answers": list(look.answers),
            "sentinels": look.sentinels.value,
            "at": look.at.isoformat(),
            "why": look.why,
            "resolver": look.resolver,
        },
    }


def of_fact(fact: ZoneFact, zone: Zone | None) -> Evidence:
    return {
        "zone": fact.zone,
        "operator": zone.operator if zone else "",
        "answers": list(fact.answers),
        "meaning": meanings(zone, fact.answers),
        "verdict": fact.verdict.value,
        "sentinels": fact.sentinels.value,
        "sweep": fact.round,
        "sweeps_in_row": fact.rounds,
        "since": fact.since.isoformat(),
        "received_at": fact.received_at.isoformat(),
        "why": fact.why,
        "reason": fact.reason,
        "found_by": fact.resolver,
        "delisting": zone.delisting if zone else "",
    }


def meanings(zone: Zone | None, answers: Iterable[str]) -> list[str]:
    """What the zone's codes say, in its operator's sense."""
    known = (zone.code(answer) for answer in answers) if zone else ()
    return [f"{code.answer} {code.meaning}" for code in known if code]


def of_votes(votes: Sequence[Vote], address: AddressSignals) -> Evidence:
    """The gravest listing in full, and which others count beside it."""
    first, *others = votes
    return {
        **of_vote(first, address),
        "beside": [of_vote(one, address) for one in others],
        "operators": sorted({one.zone.operator for one in votes}),
        **of_mail(address.facts.mail),
    }


def of_vote(vote: Vote, address: AddressSignals) -> Evidence:
    if vote.listing is not None:
        return of_listing(vote.listing, address)
    assert vote.opinion is not None
    return of_opinion(vote.opinion)


def of_mail(mail: MailFacts | None) -> Evidence:
    """What was counted, in both windows, and what receivers refused lately."""
    if mail is None:
        return {}
    return {
        "mail_since": mail.since.isoformat() if mail.since else None,
        "day": _of_window(mail.day),
        "week": _of_window(mail.week),
        "refused_lately": {one.receiver: one.blocked for one in mail.receivers if one.blocked},
    }


def of_receiver(said: ReceiverFacts) -> Evidence:
    return {
        "receiver": said.receiver,
        "attempts": said.attempts,
        "refused_for_reputation": said.blocked,
        "quarter_ended_at": said.until.isoformat(),
    }


def _of_window(window: Window) -> dict[str, int]:
    counts = {name: int(getattr(window, name)) for name in window.__slots__}
    return {name: count for name, count in counts.items() if count}


def of_listing(listing: Listing, address: AddressSignals) -> Evidence:
    """An open listing, with the zone's newest answer."""
    newest = next((one for one in address.opinions if one.fact.zone == listing.zone), None)
    return {
        "zone": listing.zone,
        "listing": listing.id,
        "answers": list(listing.answers),
        "meaning": meanings(address.catalogue.get(listing.zone), listing.answers),
        "opened_at": listing.opened_at.isoformat(),
        "confirmed_by": listing.confirmed_by,
        "newest": None if newest is None else of_opinion(newest),
    }


def of_end(address: AddressSignals) -> Evidence:
    """Why a LISTED pause may end."""
    return {
        "ended": [listing.id for listing in address.over],
        "standing": [listing.id for listing in address.standing],
        "zones": [of_opinion(one) for one in address.opinions if one.listing is not None],
    }


def of_silence(node: NodeSignals) -> Evidence:
    """How long nothing was heard, by the collector's monotonic clock."""
    return {
        "liveness": node.facts.liveness.value,
        "silence_seconds": round(node.facts.silence.total_seconds(), 1),
        "heard_in_row": node.facts.heard_in_row,
    }
