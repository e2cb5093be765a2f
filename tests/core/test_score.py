"""The score: every point lost has a cause; unknown costs nothing; an alert against its own week."""

from dataclasses import replace

import pytest

from collector.core.judge import judge
from collector.core.model import AddressFacts, Pause, Reason
from collector.core.rates import Window
from collector.core.readings import DnsFact, DnsState, MailFacts, ReceiverFacts, ScoreFacts
from collector.core.score import Score
from collector.core.signals import read
from deliverability.catalogue import Catalogue
from deliverability.zones import Verdict
from tests.core import fleet
from tests.core.fleet import MINOR, NOON, POLICY, SPAMCOP, ZEN

IP = "198.51.100.1"
TAKEN = Window(sent=1000, first_sent=1000)
PBL = "pbl.spamhaus.org"


def scored(address: AddressFacts, *pauses: Pause) -> Score:
    facts = fleet.node("n1", address, pauses=pauses)
    return read(facts, POLICY, catalogue=Catalogue(), now=NOON).addresses[0].score


def listed(*zones: str, consequence: str = "pause") -> AddressFacts:
    return fleet.address(
        listings=tuple(
            replace(fleet.listing(), id=zone, zone=zone, consequence=consequence) for zone in zones
        )
    )


def mailed(day: Window, **rest: int) -> AddressFacts:
    complaints = rest.get("complaints_day")
    return fleet.address(mail=MailFacts(day=day, week=day, complaints_day=complaints))


def record(state: DnsState, *, essential: bool) -> DnsFact:
    return DnsFact(
        record="PTR", name="mx1", state=state, since=NOON, is_essential=essential, why="none"
    )


@pytest.mark.parametrize(
    ("address", "lost"),
    [
        (fleet.address(), []),
        (listed(ZEN), [(40, f"listed by {ZEN}")]),
        (listed(SPAMCOP), [(15, f"listed by {SPAMCOP}")]),
        (listed(MINOR), [(5, f"listed by {MINOR}")]),
        (listed(ZEN, consequence="policy"), [(3, f"listed by {ZEN}")]),
        (listed(ZEN, PBL), [(40, f"listed by {ZEN}")]),
        (listed("gone.test"), []),
        (mailed(Window(first_sent=990, first_bounced=10)), []),
        (mailed(Window(first_sent=945, first_bounced=55)), [(10, "bounces at 5.50%")]),
        (mailed(Window(first_sent=500, first_bounced=500)), [(20, "bounces at 50.00%")]),
        (mailed(Window(first_sent=9, first_bounced=9)), []),
        (mailed(Window(first_sent=760, first_deferred=240)), [(5, "deferrals at 24.00%")]),
        (
            mailed(Window(sent=1000, first_sent=1000), complaints_day=3),
            [(20, "complaints at 0.30%")],
        ),
        (mailed(Window(sent=1000, first_sent=1000), complaints_day=0), []),
        (
            fleet.address(dns=(record(DnsState.BROKEN, essential=True),)),
            [(15, "PTR of mx1 is wrong")],
        ),
        (
            fleet.address(dns=(record(DnsState.BROKEN, essential=False),)),
            [(5, "PTR of mx1 is wrong")],
        ),
        (fleet.address(dns=(record(DnsState.UNKNOWN, essential=True),)), []),
    ],
)
def test_what_each_cause_takes(address: AddressFacts, lost: list[tuple[int, str]]) -> None:
    said = scored(address)
    assert [(one.points, one.cause) for one in said.lost] == lost
    assert said.value == 100 - sum(points for points, _ in lost)


def test_a_new_listing_and_a_doubt_count_at_once() -> None:
    fresh = fleet.address(zones=(fleet.fact(),), looks=(fleet.look(),))
    assert scored(fresh).value == 60
    policy = fleet.address(zones=(fleet.fact(answers=("127.0.0.10",)),), looks=(fleet.look(),))
    assert scored(policy).value == 97
    doubt = fleet.address(zones=(fleet.fact(),), looks=(fleet.look(Verdict.CLEAR),))
    assert [one.points for one in scored(doubt).lost] == [5]
    strange = fleet.address(
        zones=(replace(fleet.fact(rounds=3), zone="new.test"),),
        looks=(replace(fleet.look(), zone="new.test"),),
    )
    assert scored(strange).value == 100


def test_listings_take_no_more_than_seventy() -> None:
    many = listed(ZEN, SPAMCOP, "b.barracudacentral.org", MINOR)
    assert [one.points for one in scored(many).lost] == [40, 15, 15]
    assert scored(many).value == 30


def blocked(receiver: str, *, ip: str = IP) -> Pause:
    return replace(fleet.pause(Reason.BLOCKED, ip=ip), receiver=receiver)


def test_receivers_that_refuse() -> None:
    refused = [blocked(name) for name in ("gmail", "gmx", "web", "yahoo")]
    assert [one.points for one in scored(fleet.address(), *refused).lost] == [5, 5, 5]
    other = (blocked("gmail", ip="198.51.100.9"), fleet.pause(Reason.LISTED))
    assert scored(fleet.address(), *other).lost == ()


def test_no_score_is_below_nothing() -> None:
    bad = replace(
        listed(ZEN, SPAMCOP, "b.barracudacentral.org"),
        mail=MailFacts(
            day=Window(sent=500, first_sent=500, first_bounced=500, first_deferred=900),
            week=Window(),
            complaints_day=99,
            receivers=(ReceiverFacts(receiver="gmail", attempts=1, blocked=1, until=NOON),),
        ),
        dns=(record(DnsState.BROKEN, essential=True),),
    )
    assert scored(bad).value == 0


@pytest.mark.parametrize(
    ("known", "changes"),
    [
        (None, True),
        (ScoreFacts(score=100, median=100), True),
        (ScoreFacts(score=60, median=90), False),
    ],
)
def test_a_score_is_written_when_it_changes(known: ScoreFacts | None, *, changes: bool) -> None:
    address = replace(listed(ZEN), score=known)
    judgement = judge(fleet.snapshot(fleet.node("n1", address)), POLICY, now=NOON)
    assert [(one.address, one.score, one.lost) for one in judgement.scores] == (
        [(IP, 60, ((40, f"listed by {ZEN}"),))] if changes else []
    )


def test_an_address_that_never_lost_a_point_has_no_score_kept() -> None:
    assert judge(fleet.snapshot(fleet.node()), POLICY, now=NOON).scores == ()


@pytest.mark.parametrize(
    ("zones", "median", "falls"),
    [
        ((SPAMCOP,), 100, True),
        ((SPAMCOP,), 94, False),
        ((MINOR,), 100, False),
        ((MINOR,), 96, False),
        ((SPAMCOP,), None, False),
        ((), 100, False),
    ],
    ids=["15 %", "9.6 %", "5 points are too little of 100", "1 point", "unknown", "nothing lost"],
)
def test_a_score_that_falls_is_told(
    zones: tuple[str, ...], median: int | None, *, falls: bool
) -> None:
    address = replace(listed(*zones), score=ScoreFacts(score=100, median=median))
    judgement = judge(fleet.snapshot(fleet.node("n1", address)), POLICY, now=NOON)
    texts = [one.text for one in judgement.alerts_open if one.key == f"score:{IP}"]
    said = f"{IP}: its score fell from 100 to 85: listed by {SPAMCOP} (15)"
    assert texts == ([said] if falls else [])
