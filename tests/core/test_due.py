"""Who is looked at again though nothing new is said: only where time, or our resolver, may tell."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.core.model import Look, NodeFacts, ZoneFact
from deliverability.catalogue import Catalogue
from deliverability.zones import Verdict
from tests.core import fleet, looked
from tests.core.fleet import MINOR, NOON, POLICY, SPAMCOP, ZEN

CLEAN = fleet.fact(Verdict.CLEAR, rounds=2)
GONE = "of.no.catalogue.example"


def node(fact: ZoneFact, *looks: Look, zone: str = ZEN, at: datetime | None = None) -> NodeFacts:
    one = replace(fleet.listing(at=at), zone=zone)
    facts = fleet.address(
        zones=(replace(fact, zone=zone),),
        looks=tuple(replace(look, zone=zone) for look in looks),
        listings=(one,),
    )
    return fleet.node("n1", facts)


def looked_at(facts: NodeFacts) -> timedelta | None:
    at = looked.next_look(facts, POLICY, catalogue=Catalogue(), now=NOON)
    return None if at is None else at - NOON


LISTED = fleet.fact(rounds=9)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("facts", "after"),
    [
        # It is listed, and stays so until the node says something else.
        (node(LISTED), None),
        (node(LISTED, fleet.look(at=fleet.ago(hours=3))), None),
        (node(LISTED, zone=MINOR), None),
        (node(fleet.fact(Verdict.UNKNOWN, rounds=9)), None),
        (node(fleet.fact(Verdict.CLEAR, rounds=1)), None),
        # Clean rounds that our resolver has not confirmed, or contradicts.
        (node(CLEAN), MINUTE),
        (node(CLEAN, fleet.look()), MINUTE),
        # It ends in this very pass: what follows is looked at.
        (node(CLEAN, fleet.look(Verdict.CLEAR)), MINUTE),
        # One major operator may pause alone once it is old; then it is.
        (node(LISTED, zone=SPAMCOP, at=fleet.ago(hours=23)), timedelta(hours=1)),
        (node(LISTED, zone=SPAMCOP, at=fleet.ago(hours=24)), None),
        (node(LISTED, zone=GONE), MINUTE),
    ],
)
def test_an_open_listing(facts: NodeFacts, after: timedelta | None) -> None:
    assert looked_at(facts) == after


def test_a_listing_of_a_zone_that_says_nothing_any_more() -> None:
    quiet = fleet.node("n1", fleet.address(listings=(replace(fleet.listing(), zone=GONE),)))
    assert looked_at(quiet) is None


def test_a_new_hit_is_looked_at_every_minute_until_it_is_clear_what_it_is() -> None:
    for looks in ((), (fleet.look(),), (fleet.look(Verdict.CLEAR),)):
        assert looked_at(fleet.node("n1", fleet.address(zones=(LISTED,), looks=looks))) == MINUTE
