"""Sending domains within a judgement: their days move their plans, decided and replayed."""

from dataclasses import replace
from datetime import timedelta

from collector.core import inputs_text, replay, warmup
from collector.core.judge import judge
from collector.core.model import Decision, Fate, Kind, Snapshot, Subject
from collector.core.warmup_plan import ONE_DAY, Plan, SendingDay, Warming, midnight
from deliverability.ladders import LADDERS
from tests.core import fleet
from tests.core.fleet import NOON, POLICY

YESTERDAY = midnight(NOON) - ONE_DAY
SUBJECT = Subject(node_id="", address="news.example", pool_id="")


def plan(stage: int = 0) -> Plan:
    ladder = LADDERS["owners-domain-10k"]
    return warmup.start("news.example", ladder, stage=stage, now=YESTERDAY)


def seen(day: SendingDay | None, *, stage: int = 0, is_stopped: bool = False) -> Snapshot:
    """Beside a node of which there is nothing to decide."""
    calm = fleet.snapshot(fleet.node("n1", fleet.address()))
    calm = replace(calm, fleet=replace(calm.fleet, automation_stopped=is_stopped))
    return replace(calm, domains=(Warming(plan=plan(stage), day=day),))


def day(volume: int, *, bounced: int = 0) -> SendingDay:
    return SendingDay(day=YESTERDAY, heard=True, volume=volume, firsts=volume, bounced=bounced)


def about_domain(found: tuple[Decision, ...]) -> list[tuple[Kind, Fate]]:
    return [(one.proposal.kind, one.fate) for one in found if one.proposal.subject.node_id == ""]


def test_a_healthy_day_is_one_stage_and_replays() -> None:
    made = judge(seen(day(10)), POLICY, now=NOON)
    assert about_domain(made.decisions) == [(Kind.ADVANCE, Fate.MADE)]
    (change,) = (one for one in made.warmups if one.subject == SUBJECT)
    assert change.decision is not None
    assert made.decisions[change.decision].proposal.subject == SUBJECT
    assert (change.plan.stage, change.day_cap, change.before) == (1, 10, plan())
    inputs = made.inputs[change.decision]
    text = inputs_text.to_text(inputs)
    strange: set[str] = set()
    again = replay.judge_again(inputs_text.from_text(text, strange=strange), POLICY)
    assert (again, strange) == (made.decisions[change.decision], set())


def test_what_is_decided_of_a_node_beside_it_replays_too() -> None:
    listed = fleet.node("n1", fleet.address(zones=(fleet.fact(),), looks=(fleet.look(),)))
    snapshot = replace(fleet.snapshot(listed), domains=seen(day(10)).domains)
    made = judge(snapshot, POLICY, now=NOON)
    assert len({one.proposal.subject.node_id for one in made.decisions}) == 2
    for decision, inputs in zip(made.decisions, made.inputs, strict=True):
        again = replay.judge_again(inputs, POLICY)
        assert again is not None
        assert again.proposal == decision.proposal
        assert bool(inputs.snapshot.domains) is not bool(inputs.snapshot.nodes)


def test_another_policy_may_decide_nothing() -> None:
    made = judge(seen(day(10)), POLICY, now=NOON)
    (inputs,) = (one for one in made.inputs if one.subject == SUBJECT)
    stricter = replace(POLICY, warmup_bounce_hold=0.0, warmup_trouble_min=0)
    other = replay.judge_again(inputs, stricter)
    assert other is None or other.proposal.kind is not Kind.ADVANCE


def test_a_day_with_bounces_holds() -> None:
    made = judge(seen(day(30, bounced=3), stage=9), POLICY, now=NOON)
    ((kind, fate),) = about_domain(made.decisions)
    assert (kind in (Kind.HOLD, Kind.STEP_BACK), fate) == (True, Fate.MADE)


def test_too_little_is_kept_for_the_record_without_a_decision() -> None:
    made = judge(seen(day(2)), POLICY, now=NOON)
    assert about_domain(made.decisions) == []
    (change,) = (one for one in made.warmups if one.subject == SUBJECT)
    assert (change.decision, change.plan.judged, change.plan.stage) == (None, YESTERDAY, 0)


def test_nothing_waits_or_automation_is_stopped() -> None:
    for snapshot in (seen(None), seen(day(10), is_stopped=True)):
        made = judge(snapshot, POLICY, now=NOON + timedelta(minutes=1))
        assert about_domain(made.decisions) == []
        assert all(one.subject != SUBJECT for one in made.warmups)
