"""A zone that lists for a configuration fault, then for more, then for less again; and a second
look that says clear, then nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core.judge import judge
from collector.core.judgement import Judgement
from collector.core.model import Fate, Kind, Listing, Look, Reason, ZoneFact
from collector.core.reputation import Stand
from collector.core.signals import read
from deliverability.catalogue import CATALOGUE
from deliverability.zones import Verdict
from tests.core import fleet
from tests.core.fleet import NOON, POLICY, ZEN

PBL, XBL = "127.0.0.11", "127.0.0.4"
FAULT = replace(fleet.listing(), consequence="policy", answers=(PBL,))


def said(*answers: str, rounds: int = 1) -> ZoneFact:
    return fleet.fact(Verdict.LISTED, answers=answers, rounds=rounds)


def seen(*answers: str) -> Look:
    return replace(fleet.look(Verdict.LISTED), answers=answers)


def judged(fact: ZoneFact, *looks: Look, listing: Listing | None = None) -> Judgement:
    is_paused = listing is not None and listing.consequence == "pause"
    address = fleet.address(
        in_rotation=not is_paused,
        zones=(fact,),
        looks=looks,
        listings=(listing,) if listing else (),
    )
    node = fleet.node("n1", address, pauses=(fleet.pause(),) if is_paused else ())
    standing = {ZEN: (listing,)} if is_paused and listing else {}
    return judge(fleet.snapshot(node, open_listings=standing), POLICY, now=NOON)


def pauses(judgement: Judgement) -> list[tuple[Kind, Fate]]:
    kinds = (Kind.PAUSE, Kind.RESUME)
    return [
        (one.proposal.kind, one.fate)
        for one in judgement.decisions
        if one.proposal.kind in kinds and one.proposal.reason is Reason.LISTED
    ]


def test_a_graver_code_takes_the_place_of_a_configuration_fault() -> None:
    judgement = judged(said(XBL, PBL), seen(XBL, PBL), listing=FAULT)
    assert pauses(judgement) == [(Kind.PAUSE, Fate.MADE)]
    assert judgement.listings_close == (FAULT.id,)
    assert [one.consequence for one in judgement.listings_open] == ["pause"]


@pytest.mark.parametrize(
    ("looks", "rounds"),
    [((), 9), ((seen(PBL),), 9), ((fleet.look(Verdict.UNKNOWN),), 1)],
    ids=["none", "says the fault alone", "tells nothing"],
)
def test_until_it_is_confirmed_the_fault_stands(looks: tuple[Look, ...], rounds: int) -> None:
    judgement = judged(said(XBL, PBL, rounds=rounds), *looks, listing=FAULT)
    assert pauses(judgement) == []
    assert (judgement.listings_close, judgement.listings_open) == ((), ())


def test_a_second_look_that_names_less_contradicts() -> None:
    address = fleet.address(zones=(said(XBL, rounds=9),), looks=(seen(PBL),))
    node = read(fleet.node("n1", address), POLICY, catalogue=CATALOGUE, now=NOON)
    (opinion,) = node.addresses[0].opinions
    assert opinion.stand is Stand.DISAGREE


def test_less_than_what_it_was_listed_for_ends_the_pause() -> None:
    judgement = judged(said(PBL, rounds=2), seen(PBL), listing=fleet.listing())
    assert pauses(judgement) == [(Kind.RESUME, Fate.MADE)]
    assert judgement.listings_close == (fleet.listing().id,)


@pytest.mark.parametrize(
    ("rounds", "look"), [(1, seen(PBL)), (2, seen(XBL, PBL))], ids=["one round", "look says more"]
)
def test_less_is_believed_like_a_clear_answer(rounds: int, look: Look) -> None:
    judgement = judged(said(PBL, rounds=rounds), look, listing=fleet.listing())
    assert pauses(judgement) == []
    assert judgement.listings_close == ()


@pytest.mark.parametrize(
    ("ago", "fate"),
    [
        (timedelta(minutes=4), []),
        (timedelta(minutes=59), []),
        (timedelta(minutes=61), [(Kind.PAUSE, Fate.MADE)]),
    ],
)
def test_a_failed_look_does_not_outvote_a_clear_one(
    ago: timedelta, fate: list[tuple[Kind, Fate]]
) -> None:
    blind = replace(fleet.look(Verdict.UNKNOWN), cleared_at=NOON - ago)
    assert pauses(judged(said("127.0.0.2", rounds=20), blind)) == fate


def test_a_clear_look_at_an_earlier_answer_says_nothing_of_this_one() -> None:
    blind = replace(fleet.look(Verdict.UNKNOWN), cleared_at=NOON - timedelta(minutes=20))
    assert pauses(judged(said("127.0.0.2", rounds=3), blind)) == [(Kind.PAUSE, Fate.MADE)]
