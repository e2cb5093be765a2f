"""Warm-up within a judgement: what is proposed for the addresses of a pass, and what follows.

Levels, not edges: a day that is over and was not judged, a LISTED pause that ended, an address of a
warming node without a plan. What was decided moves the plan; what was withheld, or only would have
been, is remembered as looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collector.core import lifecycle, warmup
from collector.core.judgement import LifecycleChange, WarmupChange
from collector.core.model import (
    AddressFacts,
    Decision,
    Fate,
    Kind,
    Lifecycle,
    NodeFacts,
    Pause,
    PoolFacts,
    Proposal,
    Reason,
    Snapshot,
    Subject,
)
from collector.core.policy import Policy
from collector.core.warmup import Step
from collector.core.warmup_plan import Plan, Warming
from deliverability import ladders

KINDS = frozenset((Kind.WARM, Kind.ADVANCE, Kind.HOLD, Kind.STEP_BACK))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one look made of one address's plan."""

    subject: Subject
    before: Warming | None
    step: Step


def turns(snapshot: Snapshot, policy: Policy, *, now: datetime) -> tuple[Turn, ...]:
    """Every address of which something is to be written; most of the time none."""
    return tuple(
        Turn(
            subject=Subject(node_id=node.id, address=address.ip, pool_id=node.pool_id),
            before=address.warmup,
            step=step,
        )
        for node in snapshot.nodes
        for address in node.addresses
        for step in _steps(
            node, address, snapshot.fleet.pools[node.pool_id], policy=policy, now=now
        )
    )


def propose(turns: Sequence[Turn]) -> Iterator[Proposal]:
    """One proposal a look that wants something decided."""
    for one in turns:
        if one.step.kind is not None:
            yield Proposal(
                kind=one.step.kind,
                subject=one.subject,
                reason=one.step.reason,
                rule=one.step.rule,
                evidence=one.step.evidence,
            )


def changes(turns: Sequence[Turn], decisions: Sequence[Decision]) -> Iterator[WarmupChange]:
    """What is to be written of the plans. A new plan that was not decided is not begun."""
    made = {
        (one.proposal.subject, one.proposal.kind): place
        for place, one in enumerate(decisions)
        if one.fate is Fate.MADE and one.proposal.kind in KINDS
    }
    would = {
        (one.proposal.subject, one.proposal.kind) for one in decisions if one.fate is Fate.WOULD
    }
    for one in turns:
        place = None if one.step.kind is None else made.get((one.subject, one.step.kind))
        plan = one.step.kept if place is None else one.step.plan
        if (one.subject, one.step.kind) in would:
            # Told once. A delisting that waited to be carried out would let no day be judged.
            plan = replace(plan, listed_since=None)
        if one.before is None and place is not None:
            yield WarmupChange(subject=one.subject, plan=plan, decision=place)
        elif one.before is not None and plan != one.before.plan:
            yield _changed(one, one.before, plan, place=place)


def _changed(one: Turn, before: Warming, plan: Plan, *, place: int | None) -> WarmupChange:
    is_judged = plan.judged != before.plan.judged
    cap = before.plan.cap
    return WarmupChange(
        subject=one.subject,
        plan=plan,
        decision=place,
        before=before.plan,
        day=before.day if is_judged else None,
        day_cap=cap.day if cap is not None else None,
        why=one.step.rule,
    )


def follow(
    nodes: Sequence[NodeFacts], changed: Sequence[WarmupChange]
) -> Iterator[LifecycleChange]:
    """Warming ⇄ active, after the plans as they will stand. An address nobody keeps a plan of says
    nothing: a node with such a one alone stays what it is."""
    after = {one.subject: one.plan for one in changed}
    for node in nodes:
        plans = [_plan_after(node, address, after) for address in node.addresses]
        if node.lifecycle is Lifecycle.ACTIVE and any(one and not one.is_warm for one in plans):
            yield _moved(node, Lifecycle.WARMING)
        is_done = bool(plans) and all(one is not None and one.is_warm for one in plans)
        if node.lifecycle is Lifecycle.WARMING and is_done:
            yield _moved(node, Lifecycle.ACTIVE)


def _moved(node: NodeFacts, after: Lifecycle) -> LifecycleChange:
    assert lifecycle.may_move(before=node.lifecycle, after=after), (node.lifecycle, after)
    return LifecycleChange(node_id=node.id, before=node.lifecycle, after=after)


def next_look(node: NodeFacts, policy: Policy) -> datetime | None:
    """When the windows of the next day of any of its plans are complete."""
    due = (warmup.due_at(a.warmup.plan, policy) for a in node.addresses if a.warmup is not None)
    return min(due, default=None)


def _plan_after(
    node: NodeFacts, address: AddressFacts, after: Mapping[Subject, Plan]
) -> Plan | None:
    subject = Subject(node_id=node.id, address=address.ip, pool_id=node.pool_id)
    return after.get(subject, address.warmup.plan if address.warmup else None)


def _steps(
    node: NodeFacts, address: AddressFacts, pool: PoolFacts, *, policy: Policy, now: datetime
) -> Iterator[Step]:
    """One or none: a delisting goes before a day, which waits for the next look."""
    if address.warmup is None:
        if node.lifecycle is Lifecycle.WARMING:
            yield _begun(address.ip, pool, now=now)
        return
    before, day = address.warmup.plan, address.warmup.day
    pause = _listed_pause(node, address.ip)
    plan = warmup.listing(
        before,
        paused_since=None if pause is None else pause.opened_at,
        is_listed=any(one.consequence == "pause" for one in address.listings),
    )
    if plan.listed_since is not None and pause is None:
        yield warmup.after_listing(plan, policy, now=now)
    elif day is not None:
        yield warmup.advance(plan, day, policy=policy, now=now)
    elif plan != before:
        yield Step(
            plan=plan, kept=plan, kind=None, reason=Reason.LISTED, rule="a LISTED pause stands"
        )


def _begun(ip: str, pool: PoolFacts, *, now: datetime) -> Step:
    ladder = ladders.default(pool.monthly)
    plan = warmup.start(ip, ladder, now=now)
    return Step(
        plan=plan,
        kept=plan,
        kind=Kind.WARM,
        reason=Reason.WARMUP,
        rule="a new address of a warming node begins on the first stage of its pool's band",
        evidence={"ladder": ladder.name, "monthly": pool.monthly, "cap": ladder.stages[0].day},
    )


def _listed_pause(node: NodeFacts, ip: str) -> Pause | None:
    held = (one for one in node.pauses if one.reason is Reason.LISTED and one.covers(ip))
    return min(held, key=lambda one: one.opened_at, default=None)
