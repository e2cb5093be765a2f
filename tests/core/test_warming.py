"""Warm-up as a judgement carries it: proposed, gated, decided, remembered; and the node's life."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core import replay, warmup
from collector.core.judge import judge
from collector.core.judgement import Judgement
from collector.core.model import (
    Automation,
    Brake,
    Fate,
    Kind,
    Lifecycle,
    NodeFacts,
    Order,
    Reason,
)
from collector.core.warmup_plan import ONE_DAY, Plan, SendingDay, Warming, midnight
from deliverability.catalogue import Catalogue
from deliverability.ladders import LADDERS
from tests.core import looked
from tests.core.fleet import (
    NOON,
    POLICY,
    STANDING,
    address,
    ago,
    in_step,
    listing,
    node,
    pause,
    pool,
    snapshot,
)

IP = "198.51.100.1"
YESTERDAY = midnight(NOON) - ONE_DAY


def plan(stage: int = 5, **rest: object) -> Plan:
    begun = warmup.start(IP, LADDERS["owners-10k"], stage=stage, now=ago(days=9))
    known = replace(begun, judged=YESTERDAY, sent_on=YESTERDAY)
    return replace(known, **rest)  # type: ignore[arg-type]


def warming(
    stage: int = 5, *, volume: int | None = None, lifecycle: Lifecycle = Lifecycle.WARMING
) -> NodeFacts:
    """A node of one address; with `volume` a day of it waits to be judged."""
    if volume is None:
        return node("n1", address(IP, warmup=Warming(plan=plan(stage))), lifecycle=lifecycle)
    seen = SendingDay(day=YESTERDAY, heard=True, volume=volume, firsts=volume)
    kept = Warming(plan=plan(stage, judged=YESTERDAY - ONE_DAY), day=seen)
    return node("n1", address(IP, warmup=kept), lifecycle=lifecycle)


def quiet(facts: NodeFacts) -> NodeFacts:
    """In step with its directive: nothing else is to be said of it."""
    ips = tuple((one.ip, ()) for one in facts.addresses)
    order = Order(term=3, revision=1, addresses=ips, standing=STANDING)
    return replace(facts, **in_step(order))  # type: ignore[arg-type]


def test_a_day_that_counts_is_a_decision_with_its_evidence() -> None:
    judgement = judge(snapshot(warming(volume=20)), POLICY, now=NOON)
    (decision,) = judgement.decisions
    assert (decision.proposal.kind, decision.fate) == (Kind.ADVANCE, Fate.MADE)
    assert decision.proposal.evidence["sent"] == 20
    (change,) = judgement.warmups
    assert (change.plan.stage, change.decision) == (6, 0)
    assert judgement.lifecycles == ()
    (inputs,) = judgement.inputs
    again = replay.judge_again(inputs, POLICY)
    assert again is not None
    assert (again.proposal, again.fate) == (decision.proposal, decision.fate)


def test_an_idle_plan_costs_nothing_until_its_day_ends() -> None:
    idle = quiet(warming())
    assert judge(snapshot(idle), POLICY, now=NOON).is_empty
    at = looked.next_look(idle, POLICY, catalogue=Catalogue(), now=NOON)
    assert at == midnight(NOON) + ONE_DAY + POLICY.warmup_day_lag


@pytest.mark.parametrize(
    "fleet, fate, brake",
    [
        ({"pools": pool(automation=Automation.OBSERVE)}, Fate.WOULD, None),
        ({"automation_stopped": True}, Fate.WITHHELD, Brake.STOPPED),
    ],
)
def test_what_is_not_carried_out_is_remembered_as_looked_at(
    fleet: dict[str, object], fate: Fate, brake: Brake | None
) -> None:
    known = fleet.pop("pools", None)
    seen = snapshot(warming(volume=20), pools=known, **fleet)  # type: ignore[arg-type]
    judgement = judge(seen, POLICY, now=NOON)
    (decision,) = judgement.decisions
    assert (decision.fate, decision.brake) == (fate, brake)
    (change,) = judgement.warmups
    assert (change.plan.stage, change.plan.judged, change.decision) == (5, YESTERDAY, None)


def test_the_last_stage_makes_the_node_active() -> None:
    judgement = judge(snapshot(warming(20, volume=383)), POLICY, now=NOON)
    (change,) = judgement.warmups
    assert change.plan.is_warm
    (move,) = judgement.lifecycles
    assert (move.node_id, move.after) == ("n1", Lifecycle.ACTIVE)


def test_one_capped_address_keeps_a_node_warming() -> None:
    warm = address("198.51.100.2", warmup=Warming(plan=plan(21, subject="198.51.100.2")))
    two = quiet(replace(warming(), addresses=(warming().addresses[0], warm)))
    assert judge(snapshot(two), POLICY, now=NOON).is_empty
    moved = judge(snapshot(replace(two, lifecycle=Lifecycle.ACTIVE)), POLICY, now=NOON)
    assert [move.after for move in moved.lifecycles] == [Lifecycle.WARMING]


def test_what_nobody_keeps_a_plan_of_says_nothing() -> None:
    unknown = quiet(node("n1", address(IP)))
    assert judge(snapshot(unknown), POLICY, now=NOON).is_empty
    assert looked.next_look(unknown, POLICY, catalogue=Catalogue(), now=NOON) is None
    empty = quiet(replace(warming(), addresses=()))
    assert judge(snapshot(empty), POLICY, now=NOON).is_empty


@pytest.mark.parametrize(
    "monthly, ladder", [(0, "owners-10k"), (50_000, "owners-100k"), (10**6, "owners-1m")]
)
def test_a_new_address_of_a_warming_node_begins_by_its_pools_band(
    monthly: int, ladder: str
) -> None:
    new = node("n1", address(IP, in_rotation=True), lifecycle=Lifecycle.WARMING)
    home = replace(pool(), monthly=monthly)
    judgement = judge(snapshot(new, pools=home), POLICY, now=NOON)
    (decision,) = judgement.decisions
    assert (decision.proposal.kind, decision.proposal.reason) == (Kind.WARM, Reason.WARMUP)
    (change,) = judgement.warmups
    assert (change.plan.ladder, change.plan.stage, change.plan.subject) == (ladder, 0, IP)
    assert judgement.lifecycles == ()


def test_an_observing_pool_begins_no_plan() -> None:
    new = node("n1", address(IP), lifecycle=Lifecycle.WARMING)
    home = pool(automation=Automation.OBSERVE)
    judgement = judge(snapshot(new, pools=home), POLICY, now=NOON)
    assert [one.fate for one in judgement.decisions] == [Fate.WOULD]
    assert judgement.warmups == ()


def _listed(judgement_of: NodeFacts, **rest: object) -> Judgement:
    return judge(snapshot(replace(judgement_of, **rest)), POLICY, now=NOON)  # type: ignore[arg-type]


def test_a_listed_pause_is_noted_and_its_end_steps_back() -> None:
    paused = address(IP, in_rotation=False, warmup=Warming(plan=plan(9)), listings=(listing(),))
    facts = node("n1", paused, lifecycle=Lifecycle.WARMING, pauses=(pause(),))
    (noted,) = judge(snapshot(facts), POLICY, now=NOON).warmups
    assert (noted.plan.listed_since, noted.decision) == (ago(minutes=20), None)
    over = replace(paused, listings=(), warmup=Warming(plan=noted.plan))
    judgement = _listed(facts, addresses=(over,), pauses=())
    decision = next(d for d in judgement.decisions if d.proposal.kind is Kind.STEP_BACK)
    assert (decision.proposal.reason, decision.fate) == (Reason.LISTED, Fate.MADE)
    (change,) = judgement.warmups
    assert (change.plan.stage, change.plan.listed_since) == (8, None)


def test_put_back_by_a_person_or_the_zone_brake_it_keeps_its_stage() -> None:
    noted = plan(9, listed_since=ago(hours=1))
    listed = address(IP, warmup=Warming(plan=noted), listings=(listing(),))
    (change,) = judge(snapshot(node("n1", listed)), POLICY, now=NOON).warmups
    assert (change.plan.stage, change.plan.listed_since) == (9, None)


def test_a_delisting_that_is_only_observed_lets_the_next_day_be_judged() -> None:
    kept = plan(9, listed_since=ago(hours=1), judged=YESTERDAY - ONE_DAY)
    day = SendingDay(day=YESTERDAY, heard=True, volume=20, firsts=20)
    facts = node("n1", address(IP, warmup=Warming(plan=kept, day=day)), lifecycle=Lifecycle.WARMING)
    watched = snapshot(facts, pools=pool(automation=Automation.OBSERVE))
    judgement = judge(watched, POLICY, now=NOON)
    assert [one.fate for one in judgement.decisions] == [Fate.WOULD]
    (change,) = judgement.warmups
    assert (change.plan.stage, change.plan.listed_since) == (9, None)
    after = replace(facts, addresses=(address(IP, warmup=Warming(plan=change.plan, day=day)),))
    (judged,) = judge(replace(watched, nodes=(after,)), POLICY, now=NOON).warmups
    assert judged.plan.judged == YESTERDAY


def test_a_day_that_cannot_be_judged_yet_is_not_tried_at_once() -> None:
    late = replace(warming(), addresses=(address(IP, warmup=Warming(plan=plan(judged=None))),))
    at = looked.next_look(quiet(late), POLICY, catalogue=Catalogue(), now=NOON)
    assert at == NOON + POLICY.look_again_after


def test_a_step_back_that_is_withheld_is_asked_again() -> None:
    over = address(IP, warmup=Warming(plan=plan(9, listed_since=ago(hours=1))))
    facts = node("n1", over, lifecycle=Lifecycle.WARMING)
    judgement = judge(snapshot(facts, automation_stopped=True), POLICY, now=NOON)
    assert [one.fate for one in judgement.decisions] == [Fate.WITHHELD]
    assert judgement.warmups == ()
    later = judge(snapshot(facts), POLICY, now=NOON + timedelta(minutes=1))
    assert [one.plan.stage for one in later.warmups] == [8]
