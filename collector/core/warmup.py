"""Warm-up of one subject, an address or a sending domain: where it goes next.

A ladder (`deliverability.ladders`) has one stage for each day that counts. A day counts when it is
over, its windows are known, enough was sent under its cap and it stayed healthy. Only the last
whole day is ever judged, once: days without evidence do not count, whatever the clock did
meanwhile, so no stage is ever skipped. What an operator holds stays held.

A sending domain's day is what all nodes sent for it and the domains below it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from collector.core import warmup_health
from collector.core.model import Kind, Reason
from collector.core.policy import Policy
from collector.core.warmup_health import Gravity, Trouble
from collector.core.warmup_plan import ONE_DAY, Holder, Plan, SendingDay, WarmKind, midnight
from deliverability.ladders import LADDERS, Ladder

# What a subject usually sends follows its days this slowly downwards.
USUAL_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one look made of a plan. `kind` None: kept for the record, nothing was decided.

    `kept`: the plan when the decision is not carried out: looked at, and not moved.
    """

    plan: Plan
    kept: Plan
    kind: Kind | None
    reason: Reason
    rule: str
    evidence: Mapping[str, object] = field(default_factory=dict)


class _Why(NamedTuple):
    reason: Reason
    rule: str
    evidence: Mapping[str, object]


def start(
    subject: str,
    ladder: Ladder,
    *,
    stage: int = 0,
    now: datetime,
) -> Plan:
    """A new plan. The day it starts on is the first that may count."""
    assert 0 <= stage <= len(ladder.stages), (ladder.name, stage)
    return Plan(
        subject=subject,
        kind=WarmKind(ladder.subject),
        ladder=ladder.name,
        stage=stage,
        started_at=now,
        since=now,
    )


def due_at(plan: Plan, policy: Policy) -> datetime:
    """When the windows of the day to be judged next are complete."""
    begun = midnight(plan.started_at) if plan.judged is None else plan.judged + ONE_DAY
    return begun + ONE_DAY + policy.warmup_day_lag


def day_to_judge(plan: Plan, policy: Policy, *, now: datetime) -> datetime | None:
    """The last whole day; None when it was judged already.

    A clock set back by days is not waited out: what stands as judged moves back with it, and the
    days it repeats do not count again.
    """
    last = midnight(now - policy.warmup_day_lag) - ONE_DAY
    if plan.judged is None:
        return last if last >= midnight(plan.started_at) or plan.started_at > now else None
    is_news = last > plan.judged or last < plan.judged - ONE_DAY
    return last if is_news else None


def advance(plan: Plan, day: SendingDay, *, policy: Policy, now: datetime) -> Step:
    """What a day that is over makes of a plan: one stage up, none, or down."""
    before = plan.judged
    plan = replace(plan, judged=day.day)
    if before is not None and day.day <= before:
        return _nothing(plan, day, "the clock went back: a day that was judged does not count anew")
    if not day.volume:
        return _idle(plan, day, policy=policy, was_here=before == day.day - ONE_DAY, now=now)
    plan = replace(plan, sent_on=day.day, idle_days=0)
    trouble = warmup_health.trouble(day, policy)
    if plan.is_warm:
        return _nothing(_used(plan, day, trouble), day, "warm: it has no cap")
    if trouble is not None:
        return _troubled(plan, day, trouble, now=now)
    return _healthy(_used(plan, day, None), day, policy=policy, now=now)


def listing(plan: Plan, *, paused_since: datetime | None, is_listed: bool) -> Plan:
    """Remembers a LISTED pause that stands, and forgets one that ended while the address is still
    listed: a person, or the zone brake, said no to it."""
    if paused_since is not None:
        return plan if plan.listed_since is not None else replace(plan, listed_since=paused_since)
    return replace(plan, listed_since=None) if is_listed else plan


def after_listing(plan: Plan, policy: Policy, *, now: datetime) -> Step:
    """A LISTED pause ended with its listing: back one stage lower, two when it lasted long.

    One that was warm comes back on the ladder its usual day stands on.
    """
    assert plan.listed_since is not None, plan
    paused_for = now - plan.listed_since
    down = 2 if paused_for >= policy.warmup_listed_long else 1
    stages = "one stage" if down == 1 else "two stages"
    why = _Why(
        Reason.LISTED,
        f"after a delisting an address comes back {stages} lower",
        {"paused_hours": round(paused_for.total_seconds() / 3600, 1)},
    )
    return _step_back(plan, why, down=down, now=now)


def hold(plan: Plan, *, by: Holder, why: str) -> Plan:
    return replace(plan, held_by=by, held_why=why)


def resume(plan: Plan) -> Plan:
    """An operator's word: whoever held it holds it no longer."""
    return replace(plan, held_by=None, held_why="")


def _idle(plan: Plan, day: SendingDay, *, policy: Policy, was_here: bool, now: datetime) -> Step:
    """Idle only if we were there to see it: the day before was judged in its time, and the node
    was heard."""
    if not (day.heard and was_here):
        return _nothing(plan, day, "nothing is known of the day: it does not count")
    idle = plan.idle_days + 1
    plan = replace(plan, idle_days=idle)
    if idle % policy.warmup_idle_days or not plan.stage:
        return _nothing(plan, day, "nothing was sent: the day does not count")
    begun = _capped(plan)
    stage = 0 if plan.sent_on is None else begun.stage // 2
    after = _at(begun, stage=stage, now=now)
    evidence = {"idle_days": idle, **_shown(plan), **warmup_health.shown(day)}
    return Step(
        plan=after,
        kept=plan,
        kind=Kind.WARM,
        reason=Reason.IDLE,
        rule=(
            f"{policy.warmup_idle_days} idle days: it warms again from half its stages,"
            " and each as long again halves them once more"
        ),
        evidence=evidence | {"to": _shown(after)},
    )


def _troubled(plan: Plan, day: SendingDay, trouble: Trouble, *, now: datetime) -> Step:
    evidence: dict[str, object] = {
        **_shown(plan),
        **warmup_health.shown(day),
        "trouble": trouble.why,
    }
    if trouble.gravity is Gravity.BACK and plan.stage:
        why = _Why(Reason.WARMUP, "a day with much trouble takes a stage back", evidence)
        return _step_back(plan, why, down=1, now=now)
    if plan.held_by is Holder.OPERATOR:
        return _nothing(plan, day, f"held, and not healthy: {trouble.why}")
    if plan.held_by is Holder.AUTOMATION and plan.held_why == trouble.why:
        return _nothing(plan, day, f"still not healthy: {trouble.why}")
    return Step(
        plan=hold(plan, by=Holder.AUTOMATION, why=trouble.why),
        kept=plan,
        kind=Kind.HOLD,
        reason=Reason.WARMUP,
        rule="a day with trouble does not count: the stage stands until a healthy day",
        evidence=evidence,
    )


def _healthy(plan: Plan, day: SendingDay, *, policy: Policy, now: datetime) -> Step:
    cap = plan.cap
    assert cap is not None, plan
    least = least_of(cap.day, policy)
    most = int(cap.day * policy.warmup_over_ratio)
    if day.volume < least:
        why = f"{day.volume} sent, {least} of its cap of {cap.day} make a day count"
        return _nothing(plan, day, why)
    if day.volume > most:
        return _nothing(plan, day, f"{day.volume} sent, above its cap of {cap.day}: not warm-up")
    if plan.counted is not None and day.day <= plan.counted:
        why = f"the clock stands before the last day that counted, {plan.counted:%Y-%m-%d}"
        return _nothing(plan, day, why)
    if plan.held_by is Holder.OPERATOR:
        return _nothing(plan, day, f"held by an operator: {plan.held_why}")
    after = _at(resume(plan), stage=plan.stage + 1, now=now)
    after = replace(after, healthy_days=plan.healthy_days + 1, counted=day.day)
    rule = (
        "the last stage is done: the cap is lifted"
        if after.is_warm
        else "a healthy day with enough sent: one stage further"
    )
    return Step(
        plan=after,
        kept=plan,
        kind=Kind.ADVANCE,
        reason=Reason.WARMUP,
        rule=rule,
        evidence={**_shown(plan), **warmup_health.shown(day), "least": least},
    )


def least_of(cap: int, policy: Policy) -> int:
    """How many make a day count under such a cap."""
    return max(1, -int(-cap * policy.warmup_sent_ratio_min // 1))


def _step_back(plan: Plan, why: _Why, *, down: int, now: datetime) -> Step:
    begun = _capped(plan)
    after = _at(begun, stage=max(0, begun.stage - down), now=now)
    after = replace(after, listed_since=None)
    if after.held_by is Holder.AUTOMATION:
        after = resume(after)
    return Step(
        plan=after,
        kept=plan,
        kind=Kind.STEP_BACK,
        reason=why.reason,
        rule=why.rule,
        evidence={**_shown(plan), **why.evidence, "to": _shown(after)},
    )


def _capped(plan: Plan) -> Plan:
    """A warm plan as if it stood on the stage of its usual day, on the first ladder that is high
    enough; at the top of its own when nothing is known of its days."""
    if not plan.is_warm or plan.sent_on is None:
        return plan
    own = plan.steps
    others = (one for one in LADDERS.values() if one.subject == own.subject)
    by_height = sorted(others, key=lambda one: one.stages[-1].day)
    ladder = next((one for one in (own, *by_height) if one.reaches(plan.usual) is not None), own)
    stage = ladder.reaches(plan.usual)
    return replace(plan, ladder=ladder.name, stage=len(ladder.stages) if stage is None else stage)


def _used(plan: Plan, day: SendingDay, trouble: Trouble | None) -> Plan:
    """Rises at once with a healthy day, falls slowly."""
    if day.volume >= plan.usual:
        return plan if trouble is not None else replace(plan, usual=day.volume)
    return replace(plan, usual=plan.usual - (plan.usual - day.volume) // USUAL_DAYS)


def _at(plan: Plan, *, stage: int, now: datetime) -> Plan:
    return replace(plan, stage=stage, since=now)


def _nothing(plan: Plan, day: SendingDay, why: str) -> Step:
    evidence = {**_shown(plan), **warmup_health.shown(day)}
    return Step(plan=plan, kept=plan, kind=None, reason=Reason.WARMUP, rule=why, evidence=evidence)


def _shown(plan: Plan) -> dict[str, object]:
    cap = plan.cap
    return {
        "subject": plan.subject,
        "ladder": plan.ladder,
        "stage": min(plan.stage + 1, len(plan.steps.stages)),
        "stages": len(plan.steps.stages),
        "cap": None if cap is None else cap.day,
        "held_by": None if plan.held_by is None else plan.held_by.value,
    }
