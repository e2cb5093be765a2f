"""Pauses on rates: how much of how many, what is too little to say, when they end; receivers."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.core import due
from collector.core.judge import judge
from collector.core.judgement import Judgement
from collector.core.model import (
    Brake,
    Fate,
    Kind,
    NodeFacts,
    Pause,
    Reason,
    Snapshot,
    Standing,
    StandingKey,
)
from collector.core.rates import Window
from collector.core.readings import MailFacts, ReceiverFacts
from deliverability.catalogue import Catalogue
from tests.core import fleet, looked
from tests.core.fleet import NOON, POLICY

IP = "198.51.100.1"
NOTHING = Window()


def tried(sent: int, bounced: int, **others: int) -> Window:
    return Window(first_sent=sent, first_bounced=bounced, sent=sent, bounced=bounced, **others)


def counted(day: Window, week: Window = NOTHING, **rest: int) -> MailFacts:
    return MailFacts(
        day=day,
        week=week,
        complaints_day=rest.get("complaints_day"),
        complaints_week=rest.get("complaints_week"),
    )


def node(mail: MailFacts | None, *pauses: Pause, in_rotation: bool = True) -> NodeFacts:
    return fleet.node("n1", fleet.address(in_rotation=in_rotation, mail=mail), pauses=pauses)


def judged(*nodes: NodeFacts, now: datetime = NOON) -> Judgement:
    return judge(fleet.snapshot(*nodes), POLICY, now=now)


def said(judgement: Judgement) -> list[tuple[Kind, Reason, Fate]]:
    return [(d.proposal.kind, d.proposal.reason, d.fate) for d in judgement.decisions]


def held(
    reason: Reason, *, receiver: str | None = None, ip: str | None = IP, **times: datetime
) -> Pause:
    return replace(
        fleet.pause(reason, ip=ip),
        receiver=receiver,
        expires_at=times.get("expires_at"),
        probe_at=times.get("probe_at"),
    )


@pytest.mark.parametrize(
    ("day", "week", "pauses"),
    [
        (tried(180, 20), NOTHING, True),
        (tried(181, 19), NOTHING, False),
        (tried(100, 99), NOTHING, False),
        (tried(100, 99), tried(900, 100), True),
        (tried(199, 0), tried(45, 5), True),
        (tried(40, 9), tried(40, 9), False),
        (tried(1000, 0), tried(1000, 900), False),
        (tried(1000, 0, deferred=0, ours=5000), NOTHING, False),
        (Window(sent=180, bounced=20), NOTHING, True),
    ],
    ids=[
        "a tenth",
        "less than a tenth",
        "too few in a day, none in the week",
        "the week tells where the day cannot",
        "the week has a smaller minimum",
        "too few in both",
        "the day tells, not the week before it",
        "what we deferred ourselves",
        "attempts where no node tells firsts",
    ],
)
def test_bounces(day: Window, week: Window, *, pauses: bool) -> None:
    judgement = judged(node(counted(day, week)))
    expected = [(Kind.PAUSE, Reason.BOUNCE_RATE, Fate.MADE)] if pauses else []
    assert said(judgement) == expected
    for draft in judgement.pauses_open:
        assert draft.expires_at == NOON + timedelta(hours=24)
        assert draft.subject.address == IP
    assert [change.reason for change in judgement.rotation] == [
        Reason.BOUNCE_RATE for _ in expected
    ]


@pytest.mark.parametrize(
    ("day", "ends"),
    [(tried(970, 30), True), (tried(969, 31), False), (tried(90, 0), False)],
    ids=["at 3 %", "above it", "too few to tell"],
)
def test_what_ends_a_bounce_pause(day: Window, *, ends: bool) -> None:
    judgement = judged(node(counted(day), held(Reason.BOUNCE_RATE), in_rotation=False))
    assert judgement.pauses_close == (("pause-n1-BOUNCE_RATE",) if ends else ())


@pytest.mark.parametrize(("minutes", "ends"), [(-1, False), (0, True), (5, True)])
def test_a_rates_pause_ends_when_its_time_is_over(minutes: int, *, ends: bool) -> None:
    pause = held(Reason.BOUNCE_RATE, expires_at=fleet.ago(minutes=minutes))
    judgement = judged(node(counted(tried(500, 500)), pause, in_rotation=False))
    assert bool(judgement.pauses_close) is ends


@pytest.mark.parametrize(
    ("sent", "complaints", "pauses"),
    [(1000, 3, True), (1000, 2, False), (1001, 3, False), (199, 3, False), (1000, None, False)],
    ids=["0.3 %", "fewer than three", "less than 0.3 %", "too few sent", "nobody tells"],
)
def test_complaints(sent: int, complaints: int | None, *, pauses: bool) -> None:
    mail = replace(counted(tried(sent, 0)), complaints_day=complaints)
    expected = [(Kind.PAUSE, Reason.COMPLAINT_RATE, Fate.MADE)] if pauses else []
    assert said(judged(node(mail))) == expected


def test_complaints_of_a_week_where_a_day_is_too_little() -> None:
    mail = replace(counted(tried(10, 0), tried(60, 0)), complaints_day=0, complaints_week=3)
    assert said(judged(node(mail))) == [(Kind.PAUSE, Reason.COMPLAINT_RATE, Fate.MADE)]


@pytest.mark.parametrize(("sent", "ends"), [(2000, True), (1999, False), (20, False)])
def test_what_ends_a_complaint_pause(sent: int, *, ends: bool) -> None:
    mail = replace(counted(tried(sent, 0)), complaints_day=1)
    judgement = judged(node(mail, held(Reason.COMPLAINT_RATE), in_rotation=False))
    assert bool(judgement.pauses_close) is ends


def at(attempts: int, blocked: int, *, minutes: float = 1, name: str = "gmail") -> MailFacts:
    lately = ReceiverFacts(
        receiver=name, attempts=attempts, blocked=blocked, until=fleet.ago(minutes=minutes)
    )
    return replace(counted(tried(attempts, 0)), receivers=(lately,))


@pytest.mark.parametrize(
    ("mail", "pauses"),
    [
        (at(20, 18), True),
        (at(19, 19), False),
        (at(20, 17), False),
        (at(20, 20, minutes=31), False),
        (None, False),
    ],
    ids=["nine tenths of twenty", "too few", "less than nine tenths", "long ago", "unknown"],
)
def test_a_receiver_that_refuses(mail: MailFacts | None, *, pauses: bool) -> None:
    judgement = judged(node(mail))
    assert said(judgement) == ([(Kind.PAUSE, Reason.BLOCKED, Fate.MADE)] if pauses else [])
    for draft in judgement.pauses_open:
        assert draft.subject.receiver == "gmail"
        assert draft.probe_at == NOON + timedelta(hours=2)
    # Nobody is told to be silent for one receiver, and nobody leaves the rotation.
    assert judgement.rotation == ()
    assert not any(order.is_silent for _, order in judgement.orders)


@pytest.mark.parametrize(
    ("mail", "ends"),
    [(at(5, 2), True), (at(4, 0), False), (at(6, 3), False), (at(5, 0, name="yahoo"), False)],
    ids=["it takes half", "too few tried", "it refuses half", "another receiver"],
)
def test_what_ends_a_receivers_pause(mail: MailFacts, *, ends: bool) -> None:
    paused = node(mail, held(Reason.BLOCKED, receiver="gmail"))
    assert bool(judged(paused).pauses_close) is ends


@pytest.mark.parametrize(("minutes", "again"), [(1, True), (0, True), (-1, False)])
def test_a_probe_has_its_next_turn(minutes: int, *, again: bool) -> None:
    pause = held(Reason.BLOCKED, receiver="gmail", probe_at=fleet.ago(minutes=minutes))
    judgement = judged(node(at(3, 3), pause))
    turns = ((pause.id, NOON + timedelta(hours=2)),) if again else ()
    assert judgement.pauses_probe == turns
    ended = judged(node(at(9, 0), pause))
    assert (ended.pauses_close, ended.pauses_probe) == ((pause.id,), ())


def test_one_receiver_is_paused_beside_another() -> None:
    both = replace(at(20, 20), receivers=(*at(20, 20).receivers, *at(30, 30, name="web").receivers))
    judgement = judged(node(both, held(Reason.BLOCKED, receiver="gmail")))
    assert [draft.subject.receiver for draft in judgement.pauses_open] == ["web"]


def test_floor_and_velocity_count_at_the_receiver() -> None:
    many = [
        fleet.node(f"n{i}", fleet.address(f"198.51.100.{i}", mail=at(20, 20))) for i in range(1, 4)
    ]
    pool = replace(fleet.pool(addresses=40), blocked={"gmail": 3}, blocked_lately={"web": 2})
    judgement = judge(fleet.snapshot(*many, pools=pool), POLICY, now=NOON)
    assert [d.brake for d in judgement.decisions] == [None, None, Brake.VELOCITY]
    assert judgement.decisions[1].aggregates["pool_blocked_at_receiver"] == 3
    late = replace(pool, blocked_lately={"gmail": 2})
    (one, *_) = judge(fleet.snapshot(*many, pools=late), POLICY, now=NOON).decisions
    assert one.brake is Brake.VELOCITY
    low = replace(pool, blocked={"gmail": 16})
    (one, *_) = judge(fleet.snapshot(*many, pools=low), POLICY, now=NOON).decisions
    assert one.brake is Brake.FLOOR


def overridden(mail: MailFacts, reason: Reason, receiver: str | None) -> Snapshot:
    key = StandingKey("n1", IP, Kind.PAUSE, reason, receiver)
    return replace(fleet.snapshot(node(mail)), denials={key: fleet.denial()})


def test_a_persons_no_lasts_as_long_as_the_cause() -> None:
    still = judge(overridden(at(20, 20), Reason.BLOCKED, "gmail"), POLICY, now=NOON)
    assert (still.decisions, still.denials_end) == ((), ())
    over = judge(overridden(at(20, 0), Reason.BLOCKED, "gmail"), POLICY, now=NOON)
    assert len(over.denials_end) == 1


def complained(count: int) -> MailFacts:
    return replace(counted(tried(1000, 0)), complaints_day=count)


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        (counted(tried(1000, 200)), Reason.BOUNCE_RATE),
        (complained(20), Reason.COMPLAINT_RATE),
    ],
)
def test_a_no_to_a_rate_is_about_what_was_counted_then(mail: MailFacts, reason: Reason) -> None:
    """Counts begin anew with it; where they do not, it lasts as long as the pause would have."""
    seen = overridden(mail, reason, None)
    assert judge(seen, POLICY, now=NOON).decisions == ()
    anew = overridden(replace(mail, since=fleet.ago(minutes=10)), reason, None)
    judgement = judge(anew, POLICY, now=NOON)
    assert [d.proposal.reason for d in judgement.decisions] == [reason]
    assert len(judgement.denials_end) == 1
    ends = fleet.ago(minutes=10) + POLICY.rate_pause_lasts
    (waits,) = (at for _, at in judge(seen, POLICY, now=NOON).due)
    assert waits == ends
    (decision,) = judge(seen, POLICY, now=ends).decisions
    assert decision.proposal.reason is reason


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        (counted(tried(1000, 10)), Reason.BOUNCE_RATE),
        (complained(0), Reason.COMPLAINT_RATE),
    ],
)
def test_a_no_to_a_rate_ends_with_the_rate(mail: MailFacts, reason: Reason) -> None:
    assert len(judge(overridden(mail, reason, None), POLICY, now=NOON).denials_end) == 1


def test_a_no_to_a_block_is_a_longer_probe() -> None:
    seen = overridden(at(20, 20), Reason.BLOCKED, "gmail")
    ends = fleet.ago(minutes=10) + POLICY.probe_after
    assert dict(judge(seen, POLICY, now=NOON).due) == {"n1": ends}
    fresh = replace(at(20, 20).receivers[0], until=ends)
    refused = replace(at(20, 20), receivers=(fresh,))
    late = overridden(refused, Reason.BLOCKED, "gmail")
    (decision,) = judge(late, POLICY, now=ends).decisions
    assert decision.proposal.reason is Reason.BLOCKED


def test_pauses_are_looked_at_when_their_time_comes() -> None:
    hour = NOON + timedelta(hours=1)
    probed = held(Reason.BLOCKED, receiver="gmail", probe_at=hour)
    for pause in (probed, held(Reason.BOUNCE_RATE, expires_at=hour)):
        waiting = node(None, pause)
        assert looked.next_look(waiting, POLICY, catalogue=Catalogue(), now=NOON) == hour
        later = NOON + timedelta(hours=2)
        assert looked.next_look(waiting, POLICY, catalogue=Catalogue(), now=later) is None


def test_what_a_brake_withheld_is_looked_at_again() -> None:
    many = [
        fleet.node(f"n{i}", fleet.address(f"198.51.100.{i}", mail=counted(tried(100, 100))))
        for i in range(1, 3)
    ]
    seen = fleet.snapshot(*many)
    judgement = judge(seen, POLICY, now=NOON)
    assert [d.fate for d in judgement.decisions] == [Fate.MADE, Fate.WITHHELD]
    assert due.held_back(seen, judgement.decisions) == {"n2"}
    key = StandingKey("n1", IP, Kind.PAUSE, Reason.BOUNCE_RATE)
    brake = Standing(decision_id="d", fate=Fate.WITHHELD, brake=Brake.FLOOR)
    known = replace(seen, standing={key: brake})
    assert due.held_back(known, ()) == {"n1"}
