"""Which listings pause: tiers, operators, what a major one needs beside it, and what keeps it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from collector.core import listed, rates, signals
from collector.core.judge import judge
from collector.core.judgement import Judgement
from collector.core.model import (
    AddressFacts,
    Brake,
    Fate,
    Kind,
    Listing,
    PoolFacts,
    Reason,
    Snapshot,
    StandingKey,
    ZoneBrake,
)
from collector.core.policy import PauseListed
from collector.core.rates import Window
from collector.core.readings import MailFacts, ReceiverFacts
from deliverability.catalogue import Catalogue, Override
from deliverability.zones import Verdict
from tests.core import fleet
from tests.core.fleet import BARRACUDA, MINOR, NOON, POLICY, SPAMCOP, ZEN, fates

IP = "198.51.100.1"
CALM = Window(first_sent=1000, first_bounced=10, first_deferred=10)
BOUNCING = Window(first_sent=900, first_bounced=100, first_deferred=10)
DEFERRING = Window(first_sent=900, first_bounced=10, first_deferred=100)


def listing(zone: str, *, at: datetime | None = None) -> Listing:
    return replace(fleet.listing(at=at), id=f"listing-{zone}", zone=zone)


def fresh(*zones: str) -> AddressFacts:
    """Confirmed in this very pass."""
    return fleet.address(
        zones=tuple(replace(fleet.fact(), zone=zone) for zone in zones),
        looks=tuple(replace(fleet.look(), zone=zone) for zone in zones),
    )


def known(*zones: str, at: datetime | None = None, **rest: object) -> AddressFacts:
    """Listed for a while, and still."""
    address = fleet.address(
        zones=tuple(replace(fleet.fact(rounds=9), zone=zone) for zone in zones),
        listings=tuple(listing(zone, at=at) for zone in zones),
    )
    return replace(address, **rest)  # type: ignore[arg-type]


def seen(
    address: AddressFacts,
    *,
    is_paused: bool = False,
    pools: PoolFacts | None = None,
    **rest: object,
) -> Snapshot:
    pauses = (fleet.pause(),) if is_paused else ()
    return fleet.snapshot(fleet.node("n1", address, pauses=pauses), pools=pools, **rest)


def judged(
    snapshot: Snapshot, *, may: PauseListed = PauseListed.MAJOR, now: datetime = NOON
) -> Judgement:
    return judge(snapshot, replace(POLICY, pause_listed=may), now=now)


PAUSED = [(Kind.PAUSE, Fate.MADE, None)]
RESUMED = [(Kind.RESUME, Fate.MADE, None)]
CRITICAL, MAJOR, ANY = PauseListed.CRITICAL, PauseListed.MAJOR, PauseListed.ANY


@pytest.mark.parametrize(
    ("zones", "pauses"),
    [
        ((ZEN,), {CRITICAL, MAJOR, ANY}),
        ((SPAMCOP,), {ANY}),
        ((MINOR,), {ANY}),
        ((SPAMCOP, BARRACUDA), {MAJOR, ANY}),
        ((SPAMCOP, MINOR), {ANY}),
    ],
)
@pytest.mark.parametrize("address", [fresh, known])
def test_whose_listings_pause(
    zones: tuple[str, ...], pauses: set[PauseListed], address: Callable[..., AddressFacts]
) -> None:
    for may in PauseListed:
        judgement = judged(seen(address(*zones)), may=may)
        assert fates(judgement) == (PAUSED if may in pauses else [])


def test_one_operators_zones_are_one_vote() -> None:
    both = Catalogue(overrides={ZEN: Override(tier=None)})
    assert both[ZEN].operator == both["pbl.spamhaus.org"].operator
    tiers = {name: Override(tier=both[SPAMCOP].tier) for name in (ZEN, "xbl.spamhaus.org")}
    snapshot = seen(known(ZEN, "xbl.spamhaus.org"), catalogue=Catalogue(overrides=tiers))
    assert fates(judged(snapshot)) == []


@pytest.mark.parametrize(
    ("since", "day", "week", "pauses"),
    [
        (fleet.ago(hours=25), BOUNCING, rates.total((BOUNCING, CALM)), True),
        (fleet.ago(hours=25), DEFERRING, rates.total((DEFERRING, CALM)), True),
        (fleet.ago(hours=23), BOUNCING, rates.total((BOUNCING, CALM)), False),
        (fleet.ago(hours=25), CALM, rates.total((CALM, CALM)), False),
        (fleet.ago(hours=25), BOUNCING, BOUNCING, False),
        (fleet.ago(hours=25), Window(first_bounced=9), rates.total((CALM, BOUNCING)), False),
    ],
    ids=["bounces", "deferrals", "too young", "calm", "nothing to compare with", "too few"],
)
def test_one_major_operator_needs_a_day_and_a_rise(
    since: datetime, day: Window, week: Window, *, pauses: bool
) -> None:
    address = known(SPAMCOP, at=since, mail=MailFacts(day=day, week=week))
    judgement = judged(seen(address))
    assert fates(judgement) == (PAUSED if pauses else [])
    if pauses:
        evidence = judgement.decisions[0].proposal.evidence
        assert evidence["operators"] == ["Cisco SpamCop"]
        assert isinstance(evidence["day"], dict)
        assert evidence["day"]["first_sent"] == day.first_sent


def test_a_day_alone_is_not_enough() -> None:
    assert fates(judged(seen(known(SPAMCOP, at=fleet.ago(days=9))))) == []


def test_the_evidence_names_every_operator() -> None:
    (decision,) = judged(seen(fresh(SPAMCOP, BARRACUDA))).decisions
    assert decision.proposal.evidence["operators"] == ["Barracuda Central", "Cisco SpamCop"]
    beside = decision.proposal.evidence["beside"]
    assert isinstance(beside, list)
    assert [one["zone"] for one in beside] == [SPAMCOP]
    assert not decision.proposal.is_critical


def test_lesser_listings_stop_at_the_floor_and_critical_ones_do_not() -> None:
    small = fleet.pool(in_rotation=6)
    assert fates(judged(seen(fresh(SPAMCOP, BARRACUDA), pools=small))) == [
        (Kind.PAUSE, Fate.WITHHELD, Brake.FLOOR)
    ]
    assert fates(judged(seen(fresh(ZEN), pools=small))) == PAUSED


@pytest.mark.parametrize(
    ("zones", "may", "ends"),
    [
        ((SPAMCOP,), MAJOR, False),
        ((SPAMCOP,), CRITICAL, True),
        ((MINOR,), MAJOR, True),
        ((MINOR,), ANY, False),
        ((), MAJOR, True),
    ],
    ids=["one of two operators", "policy narrowed", "a minor one", "any", "none"],
)
def test_what_keeps_the_pause(zones: tuple[str, ...], may: PauseListed, *, ends: bool) -> None:
    judgement = judged(seen(known(*zones, in_rotation=False), is_paused=True), may=may)
    assert fates(judgement) == (RESUMED if ends else [])


def test_a_zone_switched_off_by_the_fleet_has_no_vote() -> None:
    off = Catalogue(overrides={ZEN: Override(is_enabled=False)})
    assert fates(judged(seen(known(ZEN), catalogue=off))) == []
    judgement = judged(seen(known(ZEN), is_paused=True, catalogue=off))
    assert fates(judgement) == RESUMED
    assert judgement.listings_close == (listing(ZEN).id,)


def test_a_listing_of_a_zone_switched_off_ends_though_its_answers_are_gone() -> None:
    off = Catalogue(overrides={ZEN: Override(is_enabled=False)})
    silent = known(ZEN, zones=())
    judgement = judged(seen(silent, is_paused=True, catalogue=off))
    assert (judgement.listings_close, fates(judgement)) == ((listing(ZEN).id,), RESUMED)
    assert judged(seen(silent, is_paused=True)).listings_close == ()


def test_a_listing_of_a_zone_nobody_knows_has_no_vote() -> None:
    assert fates(judged(seen(known("gone.test")), may=ANY)) == []


def held(address: AddressFacts, *, since: datetime, is_paused: bool = False) -> Snapshot:
    """ZEN listed four other nodes at `since`, and its brake holds."""
    wave = tuple(
        replace(fleet.listing(f"198.51.100.{i}", node=f"m{i}", at=since)) for i in range(2, 6)
    )
    brakes = {ZEN: ZoneBrake(zone=ZEN, engaged_at=since)}
    return seen(
        address, is_paused=is_paused, brakes=brakes, open_listings={ZEN: (*address.listings, *wave)}
    )


def refused(number: int) -> MailFacts:
    lately = ReceiverFacts(receiver="gmail", attempts=20, blocked=number, until=NOON)
    return MailFacts(day=CALM, week=CALM, receivers=(lately,))


WITHHELD = [(Kind.PAUSE, Fate.WITHHELD, Brake.ZONE)]


@pytest.mark.parametrize(
    ("minutes", "replies", "by", "expected"),
    [
        (29, 5, "the collector's resolver", WITHHELD),
        (30, 5, "the collector's resolver", PAUSED),
        (30, 4, "the collector's resolver", WITHHELD),
        (30, 5, "the node's second sweep", WITHHELD),
        (90, 0, "the collector's resolver", WITHHELD),
    ],
)
def test_the_brake_holds_half_an_hour_whom_resolver_and_receivers_confirm(
    minutes: int, replies: int, by: str, expected: list[tuple[Kind, Fate, Brake | None]]
) -> None:
    since = fleet.ago(minutes=minutes)
    mine = replace(fleet.listing(at=since), confirmed_by=by)
    address = replace(known(ZEN, mail=refused(replies)), listings=(mine,))
    assert fates(judged(held(address, since=since))) == expected


@pytest.mark.parametrize(("replies", "ends"), [(4, True), (5, False)])
def test_what_the_zone_paused_in_the_round_is_put_back_unless_receivers_confirm(
    replies: int, *, ends: bool
) -> None:
    since = fleet.ago(minutes=2)
    address = known(ZEN, at=since, mail=refused(replies), in_rotation=False)
    assert fates(judged(held(address, since=since, is_paused=True))) == (RESUMED if ends else [])


def test_what_a_held_zone_says_does_not_hide_what_others_say() -> None:
    since = fleet.ago(minutes=2)
    address = known(ZEN, SPAMCOP, BARRACUDA, at=since)
    (decision,) = judged(held(address, since=since)).decisions
    assert (decision.fate, decision.proposal.zone) == (Fate.MADE, BARRACUDA)


def test_a_round_of_a_slower_zone_is_its_own_pace() -> None:
    """Four nodes listed within its hour are a wave; within five minutes they need not be."""
    wave = tuple(
        replace(listing(SPAMCOP, at=fleet.ago(minutes=50)), node_id=f"m{i}", id=f"m{i}")
        for i in range(4)
    )
    judgement = judged(seen(fleet.address(), open_listings={SPAMCOP: wave}))
    assert judgement.brakes_engage == (SPAMCOP,)
    older = {ZEN: tuple(replace(one, zone=ZEN) for one in wave)}
    assert judged(seen(fleet.address(), open_listings=older)).brakes_engage == ()


def test_an_override_outlives_the_zone_brake() -> None:
    since = fleet.ago(minutes=2)
    key = StandingKey("n1", IP, Kind.PAUSE, Reason.LISTED)
    no = fleet.denial(listing(ZEN).id)
    snapshot = replace(held(known(ZEN, at=since), since=since), denials={key: no})
    assert judged(snapshot).denials_end == ()


def test_a_vote_of_this_pass_has_no_date() -> None:
    address = replace(fresh(ZEN), zones=(fleet.fact(Verdict.LISTED),))
    node = signals.read(fleet.node("n1", address), POLICY, catalogue=Catalogue(), now=NOON)
    (vote,) = listed.votes(node.addresses[0])
    assert vote.opened_at is None
    assert vote.is_by_resolver
