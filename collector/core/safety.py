"""The one gate: every proposal of a pass, with the whole fleet in view. Which brake may stop what
stands in BRAKES; a brake that withholds makes a decision too.

Counted in addresses in the rotation. Listings are judged first, so that the floor under silence
sees what they took.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from collector.core import zonebrake
from collector.core.model import (
    Automation,
    Brake,
    Decision,
    Evidence,
    Fate,
    Fleet,
    Kind,
    NodeFacts,
    PoolFacts,
    Proposal,
    Reason,
    Seen,
    Snapshot,
    Standing,
    StandingKey,
    Subject,
)
from collector.core.policy import Policy
from collector.core.zonebrake import ZoneBrakes

# Which brake may stop which automatic act, in the order they are asked.
BRAKES: Mapping[tuple[Kind, Reason], tuple[Brake, ...]] = {
    (Kind.PAUSE, Reason.LISTED): (Brake.ZONE,),
    (Kind.REMOVE, Reason.SILENCE): (Brake.STARTUP, Brake.DETECTOR, Brake.FLOOR),
}
ORDER = (
    *(Kind.PAUSE, Kind.RESUME, Kind.REMOVE, Kind.ADMIT),
    *(Kind.STEP_BACK, Kind.HOLD, Kind.WARM, Kind.ADVANCE),
)
assert set(ORDER) == set(Kind)


@dataclass(slots=True)
class _Gate:
    """What the brakes see: the fleet, the zones held, and what this pass has allowed so far."""

    snapshot: Snapshot
    brakes: ZoneBrakes
    policy: Policy
    removed: dict[str, int] = field(default_factory=dict)
    paused: set[Subject] = field(default_factory=set)

    @property
    def fleet(self) -> Fleet:
        return self.snapshot.fleet

    @property
    def seen(self) -> Seen:
        return Seen(zones=self.brakes.counts, removed=dict(self.removed))

    def allow(self, proposal: Proposal, *, was_in_rotation: bool) -> None:
        if proposal.kind is Kind.PAUSE:
            self.paused.add(proposal.subject)
        if proposal.kind in (Kind.PAUSE, Kind.REMOVE) and was_in_rotation:
            pool = proposal.subject.pool_id
            self.removed[pool] = self.removed.get(pool, 0) + 1


def gate(
    proposals: Iterable[Proposal],
    snapshot: Snapshot,
    *,
    brakes: ZoneBrakes,
    policy: Policy,
    now: datetime,
) -> tuple[Decision, ...]:
    """Decisions worth recording: all that is made, and what is withheld for the first time."""
    nodes = {node.id: node for node in snapshot.nodes}
    state = _Gate(snapshot=snapshot, brakes=brakes, policy=policy)
    decisions = []
    for proposal in sorted(proposals, key=lambda one: ORDER.index(one.kind)):
        if proposal.kind is Kind.ADMIT and proposal.subject in state.paused:
            continue
        decision = _judge(proposal, nodes[proposal.subject.node_id], state=state, now=now)
        if _is_news(decision, snapshot.standing):
            decisions.append(decision)
    return tuple(decisions)


def again(
    proposal: Proposal, snapshot: Snapshot, *, seen: Seen, policy: Policy, now: datetime
) -> Decision:
    """One proposal once more, the gate as it stood when it came to it."""
    brakes = zonebrake.held(seen.zones, snapshot.fleet, policy=policy, now=now)
    state = _Gate(snapshot=snapshot, brakes=brakes, policy=policy, removed=dict(seen.removed))
    nodes = {node.id: node for node in snapshot.nodes}
    return _judge(proposal, nodes[proposal.subject.node_id], state=state, now=now)


def standing_key(proposal: Proposal) -> StandingKey:
    """Under which key a proposal's newest fate is remembered while its cause stands."""
    subject = proposal.subject
    return (subject.node_id, subject.address, proposal.kind, proposal.reason)


def floor(pool: PoolFacts, policy: Policy) -> int:
    """The least number of addresses that must stay: 60 % of the healthy baseline, rounded up."""
    return math.ceil(policy.floor_ratio * pool.baseline)


def _judge(proposal: Proposal, node: NodeFacts, *, state: _Gate, now: datetime) -> Decision:
    brake = _brake(proposal, state)
    fate = _fate(proposal, brake, node=node, fleet=state.fleet)
    seen, aggregates = state.seen, _aggregates(proposal, state)
    if fate is Fate.MADE:
        state.allow(proposal, was_in_rotation=_in_rotation(node, proposal.subject))
    return Decision(
        proposal=proposal,
        fate=fate,
        brake=brake,
        aggregates=aggregates,
        policy_revision=state.policy.revision,
        at=now,
        seen=seen,
    )


def _brake(proposal: Proposal, state: _Gate) -> Brake | None:
    if state.fleet.automation_stopped:
        return Brake.STOPPED
    asked = BRAKES.get((proposal.kind, proposal.reason), ())
    return next((brake for brake in asked if HOLDS[brake](proposal, state)), None)


def _is_of_wave(proposal: Proposal, state: _Gate) -> bool:
    """The zone is held, and this listing is not older than the wave that tripped the brake."""
    since = state.brakes.held.get(proposal.zone or "")
    if since is None:
        return False
    opened = proposal.evidence.get("opened_at")
    if not isinstance(opened, str):
        return True
    return datetime.fromisoformat(opened) >= since - state.policy.sweep_critical


def _below_floor(proposal: Proposal, state: _Gate) -> bool:
    """The first removal in a pool is always permitted: a pool of one may lose its node."""
    pool = state.fleet.pools[proposal.subject.pool_id]
    present = pool.in_rotation - state.removed.get(pool.id, 0)
    return present < pool.baseline and present - 1 < floor(pool, state.policy)


def _fate(proposal: Proposal, brake: Brake | None, *, node: NodeFacts, fleet: Fleet) -> Fate:
    """Admission is never only observed: an observing pool must still know its members."""
    if brake is not None:
        return Fate.WITHHELD
    is_observing = Automation.OBSERVE in (
        node.automation,
        fleet.pools[proposal.subject.pool_id].automation,
    )
    return Fate.WOULD if is_observing and proposal.kind is not Kind.ADMIT else Fate.MADE


def _in_rotation(node: NodeFacts, subject: Subject) -> bool:
    return any(a.in_rotation for a in node.addresses if subject.address in (None, a.ip))


def _is_news(decision: Decision, standing: Mapping[StandingKey, Standing]) -> bool:
    if decision.fate is Fate.MADE:
        return True
    known = standing.get(standing_key(decision.proposal))
    return known is None or (known.fate, known.brake) != (decision.fate, decision.brake)


def _aggregates(proposal: Proposal, state: _Gate) -> Evidence:
    """What the gate looked at, so that `why` can show it and a replay repeat it."""
    fleet, pool = state.fleet, state.fleet.pools[proposal.subject.pool_id]
    seen: dict[str, object] = {
        "pool": pool.name,
        "pool_automation": pool.automation.value,
        "pool_addresses": pool.addresses,
        "pool_in_rotation": pool.in_rotation,
        "pool_baseline": pool.baseline,
        "pool_floor": floor(pool, state.policy),
        "removed_in_this_pass": state.removed.get(pool.id, 0),
        "fleet_addresses": fleet.addresses,
        "detector_frozen": fleet.detector.frozen,
        "detector_why": fleet.detector.why,
        "startup_grace": fleet.in_startup_grace,
        "automation_stopped": fleet.automation_stopped,
    }
    if proposal.zone is not None:
        seen["zone_newly_listed"] = state.brakes.counts.get(proposal.zone, 0)
        seen["zone_brake_above"] = state.brakes.limit
    return seen


HOLDS: Mapping[Brake, Callable[[Proposal, _Gate], bool]] = {
    Brake.ZONE: _is_of_wave,
    Brake.STARTUP: lambda _, state: state.fleet.in_startup_grace,
    Brake.DETECTOR: lambda _, state: state.fleet.detector.frozen,
    Brake.FLOOR: _below_floor,
}
assert set(HOLDS) == {brake for row in BRAKES.values() for brake in row}
