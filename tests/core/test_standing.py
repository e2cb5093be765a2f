"""Standing orders: who is given them, what a node's own silence becomes, and how it ends."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.core import replay
from collector.core.judgement import Judgement
from collector.core.model import (
    AddressFacts,
    Automation,
    Fate,
    Kind,
    NodeFacts,
    Order,
    Pause,
    Reason,
    Snapshot,
    StandingKey,
    ZoneBrake,
    ZoneFact,
)
from collector.core.rates import Window
from collector.core.readings import MailFacts, ReceiverFacts, StandingReport
from deliverability.catalogue import Catalogue, Override
from deliverability.zones import Sentinels, Verdict
from tests.core import fleet
from tests.core.fleet import NOON, POLICY, STANDING, ZEN, judged
from tests.core.snapshots import as_decided

IP = "198.51.100.1"
SINCE = fleet.ago(minutes=20)
REPORT = StandingReport(since=SINCE, text="zen lists it, no collector for 15 minutes")
KEY = StandingKey("n1", None, Kind.PAUSE, Reason.STANDING_ORDER)
NO = fleet.denial(SINCE.isoformat())
MINE = replace(fleet.pause(Reason.STANDING_ORDER, ip=None), opened_at=fleet.ago(minutes=12))


def order(**rest: object) -> Order:
    plain = Order(term=3, revision=4, addresses=((IP, ()),), standing=STANDING)
    return replace(plain, **rest)  # type: ignore[arg-type]


def node(*pauses: Pause, address: AddressFacts | None = None, **rest: object) -> NodeFacts:
    facts = fleet.node("n1", address or fleet.address(), pauses=pauses, order=order())
    return replace(facts, **rest)  # type: ignore[arg-type]


def said(judgement: Judgement) -> list[tuple[Kind, Reason, Fate]]:
    return [(d.proposal.kind, d.proposal.reason, d.fate) for d in judgement.decisions]


def ordered(seen: Snapshot) -> Order:
    """What the node is told; what it was told when nothing changes."""
    orders = dict(judged(seen).orders)
    known = seen.nodes[0].order
    assert known is not None
    return orders.get("n1", known)


OBSERVING = fleet.pool(automation=Automation.OBSERVE)


@pytest.mark.parametrize(
    "seen",
    [
        fleet.snapshot(node(), pools=OBSERVING),
        fleet.snapshot(node(automation=Automation.OBSERVE)),
        fleet.snapshot(node(), automation_stopped=True),
        fleet.snapshot(
            node(address=fleet.address(zones=(fleet.fact(),), looks=(fleet.look(Verdict.CLEAR),)))
        ),
        fleet.snapshot(
            node(address=fleet.address(zones=(fleet.fact(),), listings=(fleet.listing(),))),
            open_listings={
                ZEN: tuple(
                    replace(fleet.listing(node=f"m{i}", at=NOON), id=f"{i}") for i in range(9)
                )
            },
            brakes={ZEN: ZoneBrake(zone=ZEN, engaged_at=NOON)},
        ),
        replace(
            fleet.snapshot(
                node(address=fleet.address(zones=(fleet.fact(),), listings=(fleet.listing(),)))
            ),
            denials={
                StandingKey("n1", IP, Kind.PAUSE, Reason.LISTED): fleet.denial(fleet.listing().id)
            },
        ),
    ],
    ids=["pool observes", "node observes", "stopped", "disagreement", "zone held", "a person's no"],
)
def test_who_is_given_none(seen: Snapshot) -> None:
    assert ordered(seen).standing is None


def test_the_others_are_given_them_with_the_policys_numbers() -> None:
    assert ordered(fleet.snapshot(node())).standing == STANDING
    assert judged(fleet.snapshot(node())).orders == ()
    bare = fleet.snapshot(node(order=None))
    ((_, given),) = judged(bare).orders
    assert given.standing == STANDING


@pytest.mark.parametrize("fleet_wide", [{}, {"automation_stopped": True}, {"pools": OBSERVING}])
def test_a_nodes_own_silence_becomes_a_pause_whatever_automation_may(
    fleet_wide: dict[str, object],
) -> None:
    seen = fleet.snapshot(node(standing=REPORT), **fleet_wide)  # type: ignore[arg-type]
    judgement = judged(seen)
    assert said(judgement) == [(Kind.PAUSE, Reason.STANDING_ORDER, Fate.MADE)]
    (draft,) = judgement.pauses_open
    assert draft.subject.address is None
    ((_, told),) = judgement.orders
    assert (told.node_pauses, told.standing_lifted) == (("STANDING_ORDER",), None)
    assert "standing-order:n1" in {alert.key for alert in judgement.alerts_open}


def test_what_was_lifted_is_no_news() -> None:
    freed = node(standing=REPORT, order=order(standing_lifted=SINCE))
    assert judged(fleet.snapshot(freed)).decisions == ()
    again = replace(REPORT, since=SINCE + timedelta(hours=1))
    once_more = judged(fleet.snapshot(replace(freed, standing=again)))
    assert said(once_more) == [(Kind.PAUSE, Reason.STANDING_ORDER, Fate.MADE)]


def clear(*, rounds: int = 2, minutes: float = 1) -> ZoneFact:
    fact = fleet.fact(Verdict.CLEAR, rounds=rounds)
    return replace(fact, received_at=fleet.ago(minutes=minutes))


LISTED = fleet.pause(Reason.LISTED)


@pytest.mark.parametrize(
    ("zones", "pauses", "ends"),
    [
        ((clear(),), (), True),
        ((clear(rounds=1),), (), False),
        ((clear(minutes=13),), (), False),
        ((), (), False),
        ((fleet.fact(rounds=4),), (), False),
        ((fleet.fact(rounds=4),), (LISTED,), True),
        ((replace(clear(), sentinels=Sentinels.WRONG),), (), False),
        ((fleet.fact(Verdict.UNKNOWN),), (), False),
    ],
    ids=[
        "two clean rounds",
        "one",
        "no news since",
        "no zone",
        "still listed, not yet a pause",
        "a LISTED pause by now",
        "wrong sentinels",
        "unknown",
    ],
)
def test_what_ends_it(
    zones: tuple[ZoneFact, ...], pauses: tuple[Pause, ...], *, ends: bool
) -> None:
    address = fleet.address(zones=zones, in_rotation=False)
    seen = fleet.snapshot(node(MINE, *pauses, address=address, standing=REPORT))
    judgement = judged(seen)
    assert (MINE.id in judgement.pauses_close) is ends
    assert ordered(seen).standing_lifted == (SINCE if ends else None)


def refused(number: int) -> MailFacts:
    lately = ReceiverFacts(receiver="gmail", attempts=40, blocked=number, until=NOON)
    return MailFacts(day=Window(), week=Window(), since=fleet.ago(days=9), receivers=(lately,))


@pytest.mark.parametrize(
    ("rest", "at", "ends"),
    [
        ({}, fleet.ago(minutes=1), True),
        ({"mail": refused(1)}, fleet.ago(minutes=1), True),
        ({"mail": refused(40)}, fleet.ago(minutes=1), False),
        ({}, fleet.ago(hours=2), False),
    ],
    ids=["part of a wave", "hardly refused", "receivers refuse it too", "listed long before"],
)
def test_a_wave_of_listings_keeps_no_silence(
    rest: dict[str, object], at: datetime, *, ends: bool
) -> None:
    """What the node would not have been paused for had we been there."""
    mine = fleet.listing(at=at)
    others = (replace(fleet.listing(node=f"m{i}", at=NOON), id=f"{i}") for i in range(9))
    address = fleet.address(zones=(fleet.fact(rounds=4),), listings=(mine,), in_rotation=False)
    seen = fleet.snapshot(
        node(MINE, address=replace(address, **rest), standing=REPORT),  # type: ignore[arg-type]
        open_listings={ZEN: (mine, *others)},
        brakes={ZEN: ZoneBrake(zone=ZEN, engaged_at=NOON)},
    )
    assert (MINE.id in judged(seen).pauses_close) is ends


def test_a_zone_switched_off_keeps_no_silence() -> None:
    """It is asked no more: what it said last is said for ever."""
    off = replace(fleet.fact(rounds=4), zone="sbl.spamhaus.org")
    address = fleet.address(zones=(clear(), off), in_rotation=False)
    seen = fleet.snapshot(node(MINE, address=address, standing=REPORT))
    assert MINE.id not in judged(seen).pauses_close
    dismissed = Catalogue(overrides={off.zone: Override(is_enabled=False)})
    without = replace(seen, fleet=replace(seen.fleet, catalogue=dismissed))
    assert MINE.id in judged(without).pauses_close


def test_the_end_of_a_silence_replays() -> None:
    """By clear answers: they are kept beside the decision, though they list nothing."""
    minor = replace(clear(), zone="psbl.surriel.com")
    address = fleet.address(zones=(clear(), minor), in_rotation=False)
    judgement = judged(fleet.snapshot(node(MINE, address=address, standing=REPORT)))
    (decision,), (inputs,) = judgement.decisions, judgement.inputs
    again = replay.judge_again(inputs, POLICY)
    assert again is not None
    assert as_decided(again) == as_decided(decision)
    assert inputs.snapshot.nodes[0].addresses[0].zones == (clear(),)
    assert inputs.unlisted == {"clear": 1}


def test_a_lifted_silence_stays_lifted_and_a_later_one_is_named_anew() -> None:
    told = order(standing_lifted=fleet.ago(days=1))
    assert ordered(fleet.snapshot(node(order=told))).standing_lifted == fleet.ago(days=1)
    address = fleet.address(zones=(clear(),), in_rotation=False)
    later = fleet.snapshot(node(MINE, address=address, standing=REPORT, order=told))
    assert ordered(later).standing_lifted == SINCE


def test_a_person_lifts_it_too() -> None:
    seen = replace(fleet.snapshot(node(standing=REPORT)), denials={KEY: NO})
    judgement = judged(seen)
    assert (judgement.decisions, judgement.denials_end) == ((), ())
    assert ordered(seen).standing_lifted == SINCE


def test_a_persons_no_is_about_the_silence_that_was_known_then() -> None:
    """A later one is none of it: it is paused, not lifted, and the no is over."""
    later = StandingReport(since=SINCE + timedelta(hours=1), text="listed anew")
    told = order(standing_lifted=SINCE)
    seen = replace(fleet.snapshot(node(standing=later, order=told)), denials={KEY: NO})
    judgement = judged(seen)
    assert said(judgement) == [(Kind.PAUSE, Reason.STANDING_ORDER, Fate.MADE)]
    assert (judgement.denials_end, ordered(seen).standing_lifted) == ((KEY,), SINCE)
    heard = replace(fleet.snapshot(node(order=told)), denials={KEY: NO})
    assert judged(heard).denials_end == (KEY,)
    assert ordered(heard).standing_lifted == SINCE
