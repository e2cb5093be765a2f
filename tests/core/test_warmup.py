"""One plan over its days: what counts, what holds, what steps back, and what no clock can do."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.core import warmup
from collector.core.model import Kind, Reason
from collector.core.warmup_plan import (
    ONE_DAY,
    Holder,
    Plan,
    SendingDay,
    WarmKind,
    midnight,
)
from deliverability.ladders import LADDERS
from tests.core.fleet import NOON, POLICY

LADDER = LADDERS["owners-10k"]
TODAY = midnight(NOON)
YESTERDAY = TODAY - ONE_DAY
MORNING = TODAY + timedelta(hours=1)


def plan(stage: int = 5, **rest: object) -> Plan:
    begun = warmup.start("198.51.100.1", LADDER, stage=stage, now=NOON - timedelta(days=9))
    begun = replace(begun, judged=YESTERDAY - ONE_DAY, sent_on=YESTERDAY - ONE_DAY, usual=20)
    return replace(begun, **rest)  # type: ignore[arg-type]


def day(volume: int = 20, **rest: object) -> SendingDay:
    whole = SendingDay(day=YESTERDAY, heard=True, volume=volume, firsts=volume)
    return replace(whole, **rest)  # type: ignore[arg-type]


def test_a_healthy_day_takes_it_one_stage_further() -> None:
    step = warmup.advance(plan(), day(), policy=POLICY, now=MORNING)
    assert (step.kind, step.reason) == (Kind.ADVANCE, Reason.WARMUP)
    assert step.plan.stage == 6
    assert (step.plan.since, step.plan.counted, step.plan.healthy_days) == (MORNING, YESTERDAY, 1)
    assert (step.kept.stage, step.kept.judged) == (5, YESTERDAY)
    assert step.evidence["cap"] == LADDER.stages[5].day == 24
    assert step.evidence["least"] == 12


def test_the_last_stage_done_lifts_the_cap() -> None:
    step = warmup.advance(plan(20), day(383), policy=POLICY, now=MORNING)
    assert step.plan.is_warm
    assert step.plan.cap is None
    assert "lifted" in step.rule
    after = warmup.advance(
        step.plan, replace(day(5_000), day=TODAY), policy=POLICY, now=MORNING + ONE_DAY
    )
    assert (after.kind, after.plan.usual) == (None, 5_000)


@pytest.mark.parametrize(
    "begun, seen, said",
    [
        (plan(), day(11), "12 of its cap of 24"),
        (plan(), day(27), "above its cap"),
        (plan(), day(0), "nothing was sent"),
        (plan(), day(0, heard=False), "nothing is known"),
        (plan(judged=YESTERDAY - 3 * ONE_DAY), day(0), "nothing is known"),
        (plan(counted=TODAY), day(20), "before the last day that counted"),
        (plan(judged=YESTERDAY), day(20), "clock went back"),
        (plan(judged=TODAY + 9 * ONE_DAY), day(20), "clock went back"),
        (plan(held_by=Holder.OPERATOR, held_why="audit"), day(20), "held by an operator: audit"),
        (
            plan(held_by=Holder.OPERATOR, held_why="audit"),
            day(20, bounced=3, firsts=50),
            "held, and not healthy",
        ),
        (
            plan(held_by=Holder.AUTOMATION, held_why="listed by a.zone"),
            day(20, listed=("a.zone",), pauses=("LISTED",)),
            "still not healthy",
        ),
    ],
)
def test_what_does_not_count_says_why_and_moves_nothing(
    begun: Plan, seen: SendingDay, said: str
) -> None:
    step = warmup.advance(begun, seen, policy=POLICY, now=MORNING)
    assert step.kind is None
    assert said in step.rule
    assert (step.plan.stage, step.plan.judged) == (begun.stage, YESTERDAY)
    assert (step.plan.held_by, step.plan.held_why) == (begun.held_by, begun.held_why)


@pytest.mark.parametrize(
    "seen, kind, stage",
    [
        (day(20, bounced=2), Kind.ADVANCE, 6),  # two bounces are no rate
        (day(20, bounced=3, firsts=50), Kind.HOLD, 5),
        (day(20, bounced=3), Kind.STEP_BACK, 4),
        (day(20, deferred=3), Kind.HOLD, 5),
        (day(20, deferred=5), Kind.STEP_BACK, 4),
        (day(20, complaints=3, firsts=2_000), Kind.HOLD, 5),
        (day(20, complaints=3), Kind.STEP_BACK, 4),
        (day(20, complaints=0), Kind.ADVANCE, 6),
        (day(20, listed=("a.zone",)), Kind.HOLD, 5),
        (day(20, pauses=("LISTED",)), Kind.HOLD, 5),
        (day(20, pauses=("BOUNCE_RATE",)), Kind.STEP_BACK, 4),
        (day(20, pauses=("OPERATOR", "SERVICE_DOWN")), Kind.ADVANCE, 6),
        (day(20, listed=("a.zone",), complaints=4), Kind.STEP_BACK, 4),
    ],
)
def test_trouble_holds_or_steps_back_by_its_weight(
    seen: SendingDay, kind: Kind, stage: int
) -> None:
    step = warmup.advance(plan(), seen, policy=POLICY, now=MORNING)
    assert (step.kind, step.plan.stage) == (kind, stage)
    assert step.kept.stage == 5
    if kind is Kind.HOLD:
        assert (step.plan.held_by, step.kept.held_by) == (Holder.AUTOMATION, None)
        assert step.plan.held_why


def test_a_hold_of_automation_ends_with_a_healthy_day_and_an_operators_never() -> None:
    held = plan(held_by=Holder.AUTOMATION, held_why="bounces")
    step = warmup.advance(held, day(), policy=POLICY, now=MORNING)
    assert (step.kind, step.plan.held_by, step.plan.stage) == (Kind.ADVANCE, None, 6)
    theirs = warmup.hold(plan(), by=Holder.OPERATOR, why="audit")
    back = warmup.advance(theirs, day(20, bounced=9), policy=POLICY, now=MORNING)
    assert (back.kind, back.plan.held_by, back.plan.stage) == (Kind.STEP_BACK, Holder.OPERATOR, 4)
    assert warmup.resume(theirs).held_by is None


def test_at_the_first_stage_trouble_can_only_hold() -> None:
    step = warmup.advance(plan(0), day(10, bounced=5), policy=POLICY, now=MORNING)
    assert (step.kind, step.plan.stage) == (Kind.HOLD, 0)


@pytest.mark.parametrize(
    "hours, stage, down, after",
    [(1, 5, "one stage", 4), (24, 5, "two stages", 3), (30, 1, "two stages", 0)],
)
def test_after_a_delisting_it_comes_back_lower(
    hours: int, stage: int, down: str, after: int
) -> None:
    paused = NOON - timedelta(hours=hours)
    held = plan(stage, listed_since=paused, held_by=Holder.AUTOMATION, held_why="listed")
    step = warmup.after_listing(held, POLICY, now=NOON)
    assert (step.kind, step.reason, step.plan.stage) == (Kind.STEP_BACK, Reason.LISTED, after)
    assert down in step.rule
    assert (step.plan.listed_since, step.plan.held_by) == (None, None)
    assert step.kept == held  # not carried out, it is asked again


@pytest.mark.parametrize(
    "usual, sent_on, ladder, stage",
    [
        (300, YESTERDAY, "owners-10k", 18),
        (5, YESTERDAY, "owners-10k", 0),
        (1_000, YESTERDAY, "owners-100k", 21),
        (5_000_000, YESTERDAY, "sendgrid", 27),
        (0, None, "owners-10k", 20),
        (10**9, YESTERDAY, "owners-10k", 20),
    ],
)
def test_a_warm_address_comes_back_below_its_usual_day(
    usual: int, sent_on: datetime | None, ladder: str, stage: int
) -> None:
    warm = plan(21, usual=usual, sent_on=sent_on, listed_since=NOON - timedelta(hours=1))
    step = warmup.after_listing(warm, POLICY, now=NOON)
    assert (step.plan.ladder, step.plan.stage) == (ladder, stage)
    assert step.plan.cap is not None


def test_a_listed_pause_is_remembered_until_it_ends_or_a_person_says_no() -> None:
    begun = NOON - timedelta(hours=3)
    noted = warmup.listing(plan(), paused_since=begun, is_listed=True)
    assert noted.listed_since == begun
    assert warmup.listing(noted, paused_since=NOON, is_listed=True) == noted
    assert warmup.listing(noted, paused_since=None, is_listed=True).listed_since is None
    assert warmup.listing(noted, paused_since=None, is_listed=False) == noted


@pytest.mark.parametrize(
    "begun, stage",
    [
        (plan(12, idle_days=29), 6),
        (plan(12, idle_days=59), 6),
        (plan(21, idle_days=29, usual=300), 9),
        (plan(21, idle_days=29, usual=0, sent_on=None), 0),
        (plan(1, idle_days=29), 0),
    ],
)
def test_thirty_idle_days_halve_its_stages(begun: Plan, stage: int) -> None:
    step = warmup.advance(begun, day(0), policy=POLICY, now=MORNING)
    assert (step.kind, step.reason, step.plan.stage) == (Kind.WARM, Reason.IDLE, stage)
    assert (step.kept.stage, step.kept.idle_days) == (begun.stage, begun.idle_days + 1)


def test_idle_at_the_first_stage_stays_there() -> None:
    step = warmup.advance(plan(0, idle_days=29), day(0), policy=POLICY, now=MORNING)
    assert (step.kind, step.plan.stage, step.plan.idle_days) == (None, 0, 30)


def test_what_it_usually_sends_rises_at_once_and_falls_slowly() -> None:
    warm = plan(21, usual=600)
    assert warmup.advance(warm, day(300), policy=POLICY, now=MORNING).plan.usual == 590
    assert warmup.advance(warm, day(900), policy=POLICY, now=MORNING).plan.usual == 900
    sick = day(900, listed=("a.zone",))
    assert warmup.advance(warm, sick, policy=POLICY, now=MORNING).plan.usual == 600


@pytest.mark.parametrize(
    "judged, now, expected",
    [
        (None, MORNING, YESTERDAY),
        (YESTERDAY, MORNING, None),
        (YESTERDAY - ONE_DAY, TODAY + timedelta(minutes=29), None),
        (YESTERDAY - ONE_DAY, TODAY + timedelta(minutes=30), YESTERDAY),
        (YESTERDAY - 9 * ONE_DAY, MORNING, YESTERDAY),
        (TODAY, MORNING, None),
        (TODAY + ONE_DAY, MORNING, YESTERDAY),
        (TODAY + 60 * ONE_DAY, MORNING, YESTERDAY),
    ],
)
def test_only_the_last_whole_day_is_judged(
    judged: datetime | None, now: datetime, expected: datetime | None
) -> None:
    assert warmup.day_to_judge(plan(judged=judged), POLICY, now=now) == expected


def test_the_day_it_starts_on_is_the_first_that_may_count() -> None:
    fresh = warmup.start("198.51.100.1", LADDER, now=NOON)
    assert warmup.due_at(fresh, POLICY) == TODAY + ONE_DAY + timedelta(minutes=30)
    assert warmup.day_to_judge(fresh, POLICY, now=NOON) is None
    assert warmup.day_to_judge(fresh, POLICY, now=NOON + ONE_DAY) == TODAY
    back = NOON - timedelta(days=60)  # the clock was wrong when it started
    assert warmup.day_to_judge(fresh, POLICY, now=back) == midnight(back) - ONE_DAY
    known = replace(fresh, judged=YESTERDAY)
    assert warmup.due_at(known, POLICY) == TODAY + ONE_DAY + timedelta(minutes=30)


def test_a_sending_domain_goes_by_the_same_rules_and_waits_for_facts() -> None:
    domain = warmup.start("news.example", LADDERS["owners-domain-10k"], now=NOON - 2 * ONE_DAY)
    assert domain.kind is WarmKind.DOMAIN
    unknown = warmup.advance(domain, SendingDay(day=YESTERDAY), policy=POLICY, now=MORNING)
    assert (unknown.kind, unknown.plan.stage) == (None, 0)
    known = warmup.advance(domain, day(10), policy=POLICY, now=MORNING)
    assert (known.kind, known.plan.stage) == (Kind.ADVANCE, 1)
