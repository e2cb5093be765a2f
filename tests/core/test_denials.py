"""A person's no to a listing: about what stood then, and about nothing else."""

from dataclasses import replace

from collector.core.model import AddressFacts, Fate, Kind, Reason, Snapshot, StandingKey
from deliverability.zones import Verdict
from tests.core import fleet, thread
from tests.core.fleet import BARRACUDA, SPAMCOP, ZEN, fates
from tests.core.test_listed import IP, judged, known, listing, seen

KEY = StandingKey("n1", IP, Kind.PAUSE, Reason.LISTED)


def denied(address: AddressFacts, *ids: str, is_paused: bool = False) -> Snapshot:
    return replace(seen(address, is_paused=is_paused), denials={KEY: fleet.denial(*ids)})


def test_a_no_to_one_listing_is_none_to_another() -> None:
    both = replace(known(SPAMCOP, BARRACUDA), listings=(listing(SPAMCOP), listing(BARRACUDA)))
    ids = tuple(one.id for one in both.listings)
    quiet = judged(denied(both, *ids))
    assert (quiet.decisions, quiet.denials_end) == ((), ())
    third = replace(
        both,
        zones=(*both.zones, fleet.fact()),
        looks=(fleet.look(),),
    )
    judgement = judged(denied(third, *ids))
    assert fates(judgement) == [(Kind.PAUSE, Fate.MADE, None)]
    assert judgement.denials_end == ()
    assert judgement.decisions[0].proposal.zone == ZEN


def test_what_a_person_said_no_to_keeps_no_pause() -> None:
    """The one that the pause stood on is over; the denied one was never its ground."""
    cleared = replace(fleet.fact(Verdict.CLEAR, rounds=2), zone=ZEN)
    address = known(SPAMCOP, listings=(listing(SPAMCOP), listing(ZEN)))
    over = replace(address, zones=(*address.zones, cleared), looks=(fleet.look(Verdict.CLEAR),))
    judgement = judged(denied(over, listing(SPAMCOP).id, is_paused=True))
    assert fates(judgement) == [(Kind.RESUME, Fate.MADE, None)]
    assert judged(denied(over, "another", is_paused=True)).decisions == ()


def test_a_policy_listing_that_stays_keeps_no_no() -> None:
    """The denied listing is gone; that the address has another fault says nothing."""
    mild = replace(listing(ZEN), consequence="policy")
    judgement = judged(denied(known(ZEN, listings=(mild,)), listing(SPAMCOP).id))
    assert judgement.denials_end == (KEY,)


def test_a_no_is_told_for_as_long_as_it_lasts() -> None:
    node = fleet.node("n1", known(ZEN))
    alert = thread.listed(1)
    (told,) = thread.Thread().opens(
        alert, nodes=(node,), denials={KEY: fleet.denial(listing(ZEN).id)}
    )
    assert told.did == (f"{IP} sends all the same: a person overrode LISTED",)
