"""The one gate: every proposal of a pass, with the whole fleet in view. Which brake may stop what
stands in `brake_table`; a brake that withholds makes a decision too.

Counted in addresses in the rotation. Listings are judged first, so that the floor under silence
sees what they took.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from collector.core import zonebrake
from collector.core.brake_table import BRAKES, CAPACITY, Row, is_return, is_so_already, row_of
from collector.core.model import (
    AddressFacts,
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
    Seen,
    Snapshot,
    Standing,
    StandingKey,
    Subject,
)
from collector.core.policy import Policy
from collector.core.zonebrake import ZoneBrakes

ORDER = (
    *(Kind.PAUSE, Kind.RESUME, Kind.REMOVE, Kind.ADMIT),
    *(Kind.STEP_BACK, Kind.HOLD, Kind.WARM, Kind.ADVANCE),
)
assert set(ORDER) == set(Kind)
# What may change who is in the rotation.
MOVES = frozenset({Kind.PAUSE, Kind.REMOVE, Kind.ADMIT})
# What no floor may stop comes first, so that the floor under the others sees what it took.
URGENT = (Row.CERTAIN, Row.CRITICAL)


@dataclass(slots=True)
class _Gate:
    """What the brakes see: the fleet, the zones held, and what this pass has allowed so far."""

    snapshot: Snapshot
    brakes: ZoneBrakes
    policy: Policy
    nodes: Mapping[str, NodeFacts]
    now: datetime
    # Addresses that left or came back in this pass, by pool, and which they were.
    removed: dict[str, int] = field(default_factory=dict)
    admitted: dict[str, int] = field(default_factory=dict)
    moved: set[tuple[str, str, str | None]] = field(default_factory=set)
    paused: set[tuple[str, str]] = field(default_factory=set)

    @property
    def fleet(self) -> Fleet:
        return self.snapshot.fleet

    @property
    def seen(self) -> Seen:
        return Seen(
            zones=self.brakes.counts, removed=dict(self.removed), admitted=dict(self.admitted)
        )

    def node(self, proposal: Proposal) -> NodeFacts:
        return self.nodes[proposal.subject.node_id]

    def left(self, subject: Subject) -> int:
        """Of the pool, and at the subject's receiver when it has one."""
        places = {subject.pool_id, place(subject)}
        return sum(self.removed.get(one, 0) for one in places)

    def back(self, subject: Subject) -> int:
        return self.admitted.get(subject.pool_id, 0)

    def allow(self, proposal: Proposal, node: NodeFacts) -> None:
        subject = proposal.subject
        if proposal.kind not in MOVES:
            return
        is_admission = proposal.kind is Kind.ADMIT
        moves = self.admitted if is_admission else self.removed
        for address in covered(node, subject):
            key = (node.id, address.ip, subject.receiver)
            is_counted = not is_admission or is_return(address)
            if is_counted and address.in_rotation is not is_admission and key not in self.moved:
                self.moved.add(key)
                moves[place(subject)] = moves.get(place(subject), 0) + 1
            if proposal.kind is Kind.PAUSE and subject.receiver is None:
                self.paused.add((node.id, address.ip))


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
    state = _Gate(snapshot=snapshot, brakes=brakes, policy=policy, nodes=nodes, now=now)
    decisions = []
    for proposal in sorted(proposals, key=_turn):
        subject = proposal.subject
        is_paused = (subject.node_id, subject.address) in state.paused
        if proposal.kind is Kind.ADMIT and is_paused:
            continue
        decision = _judge(proposal, state)
        if _is_news(decision, snapshot.standing):
            decisions.append(decision)
    return tuple(decisions)


def again(
    proposal: Proposal, snapshot: Snapshot, *, seen: Seen, policy: Policy, now: datetime
) -> Decision:
    """One proposal once more, the gate as it stood when it came to it."""
    state = _Gate(
        snapshot=snapshot,
        brakes=zonebrake.held(seen.zones, snapshot.fleet, policy=policy, now=now),
        policy=policy,
        nodes={node.id: node for node in snapshot.nodes},
        now=now,
        removed=dict(seen.removed),
        admitted=dict(seen.admitted),
    )
    return _judge(proposal, state)


def _turn(proposal: Proposal) -> tuple[int, bool]:
    return ORDER.index(proposal.kind), row_of(proposal) not in URGENT


def covered(node: NodeFacts, subject: Subject) -> tuple[AddressFacts, ...]:
    """The addresses a subject means."""
    return tuple(one for one in node.addresses if subject.address in (None, one.ip))


def place(subject: Subject) -> str:
    """What a brake counts in: a pool, or a pool's way to one receiver."""
    return f"{subject.pool_id} {subject.receiver}" if subject.receiver else subject.pool_id


def standing_key(proposal: Proposal) -> StandingKey:
    """Under which key a proposal's newest fate is remembered while its cause stands."""
    subject = proposal.subject
    return StandingKey(
        subject.node_id, subject.address, proposal.kind, proposal.reason, subject.receiver
    )


def floor(pool: PoolFacts, policy: Policy) -> int:
    """The least number of addresses that must stay: 60 % of the healthy baseline, rounded up."""
    return math.ceil(policy.floor_ratio * pool.baseline)


def _judge(proposal: Proposal, state: _Gate) -> Decision:
    node = state.node(proposal)
    brake = _brake(proposal, state)
    fate = _fate(proposal, brake, node=node, fleet=state.fleet)
    seen, aggregates = state.seen, _aggregates(proposal, state)
    if fate is Fate.MADE:
        state.allow(proposal, node)
    return Decision(
        proposal=proposal,
        fate=fate,
        brake=brake,
        aggregates=aggregates,
        policy_revision=state.policy.revision,
        at=state.now,
        seen=seen,
    )


def _brake(proposal: Proposal, state: _Gate) -> Brake | None:
    if is_so_already(proposal):
        return None
    if state.fleet.automation_stopped:
        return Brake.STOPPED
    asked = BRAKES[row_of(proposal)]
    if not any(a.in_rotation for a in covered(state.node(proposal), proposal.subject)):
        asked = tuple(brake for brake in asked if brake not in CAPACITY)
    return next((brake for brake in asked if HOLDS[brake](proposal, state)), None)


def _is_of_wave(proposal: Proposal, state: _Gate) -> bool:
    """The zone is held, and this listing is not older than the wave that tripped the brake."""
    return state.brakes.holds(
        proposal.zone or "",
        listed_at=proposal.listed_at,
        is_corroborated=proposal.is_corroborated,
        now=state.now,
    )


def _below_floor(proposal: Proposal, state: _Gate) -> bool:
    """The first removal in a pool is always permitted: a pool of one may lose its node."""
    pool, receiver = state.fleet.pools[proposal.subject.pool_id], proposal.subject.receiver
    gone = pool.blocked.get(receiver, 0) if receiver else 0
    present = pool.in_rotation - gone - state.left(proposal.subject)
    return present < pool.baseline and present - 1 < floor(pool, state.policy)


def _is_too_fast(proposal: Proposal, state: _Gate) -> bool:
    """No more than max(1, 5 %) of a pool leave within five minutes, of whatever cause."""
    pool, receiver = state.fleet.pools[proposal.subject.pool_id], proposal.subject.receiver
    gone = pool.blocked_lately.get(receiver, 0) if receiver else 0
    left = pool.removed_lately + gone + state.left(proposal.subject)
    return left >= max(1, int(state.policy.velocity_ratio * pool.baseline))


def _is_crowding(proposal: Proposal, state: _Gate) -> bool:
    """No more than max(1, 10 %) of a pool come back within five minutes; a newcomer is free to."""
    if not any(map(is_return, covered(state.node(proposal), proposal.subject))):
        return False
    pool = state.fleet.pools[proposal.subject.pool_id]
    back = pool.admitted_lately + state.back(proposal.subject)
    return back >= max(1, int(state.policy.readmission_ratio * pool.baseline))


def _hears_nobody(_: Proposal, state: _Gate) -> bool:
    """All of several nodes are silent together: rather our ears than all of them. Pools of one
    have no floor that would stop it."""
    return state.fleet.nodes > 1 and not state.fleet.heard


def _fate(proposal: Proposal, brake: Brake | None, *, node: NodeFacts, fleet: Fleet) -> Fate:
    """Admission is never only observed: an observing pool must still know its members. Nor is the
    end of a pause: one that automation made before would be nobody's to lift."""
    if brake is not None:
        return Fate.WITHHELD
    if proposal.kind in (Kind.ADMIT, Kind.RESUME) or is_so_already(proposal):
        return Fate.MADE
    is_observing = Automation.OBSERVE in (
        node.automation,
        fleet.pools[proposal.subject.pool_id].automation,
    )
    return Fate.WOULD if is_observing else Fate.MADE


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
        "fleet_nodes": fleet.nodes,
        "fleet_heard": fleet.heard,
        "removed_in_this_pass": state.left(proposal.subject),
        "removed_lately": pool.removed_lately,
        "admitted_in_this_pass": state.back(proposal.subject),
        "admitted_lately": pool.admitted_lately,
        "fleet_addresses": fleet.addresses,
        "detector_frozen": fleet.detector.frozen,
        "detector_why": fleet.detector.why,
        "startup_grace": fleet.in_startup_grace,
        "automation_stopped": fleet.automation_stopped,
    }
    receiver = proposal.subject.receiver
    if receiver is not None:
        seen["pool_blocked_at_receiver"] = pool.blocked.get(receiver, 0)
        seen["pool_blocked_lately"] = pool.blocked_lately.get(receiver, 0)
    if proposal.zone is not None:
        seen["zone_newly_listed"] = state.brakes.counts.get(proposal.zone, 0)
        seen["zone_brake_above"] = state.brakes.limit
    return seen


HOLDS: Mapping[Brake, Callable[[Proposal, _Gate], bool]] = {
    Brake.ZONE: _is_of_wave,
    Brake.STARTUP: lambda _, state: state.fleet.in_startup_grace,
    Brake.DETECTOR: lambda _, state: state.fleet.detector.frozen,
    Brake.EMPTY: _hears_nobody,
    Brake.FLOOR: _below_floor,
    Brake.VELOCITY: _is_too_fast,
    Brake.READMISSION: _is_crowding,
}
assert set(HOLDS) == {brake for row in BRAKES.values() for brake in row}
