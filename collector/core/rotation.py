"""A pool's rotation: its members, what stands against each, and the share each should have.

Shares are weights: what an address may still send in an hour, times its reputation. They move by
bounded steps, so that they do not flap. Who is a member is decided by `decide` and `safety`; what
is granted to whom by `ledger`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from collector.core import capacity
from collector.core.policy import Policy
from deliverability.ladders import Stage

EVEN_WEIGHT = 1000  # each address's in a round robin


class Strategy(Enum):
    ROUND_ROBIN = "round-robin"
    WEIGHTED = "weighted"
    # As weighted, nodes of the asked region before all others.
    REGION = "region"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Messages that left, in the present day (UTC) and hour."""

    day: int = 0
    hour: int = 0


NONE_USED = Used()


class Block(NamedTuple):
    """A receiver's block of one address: since when, and the end of its present turn. A turn after
    the first begins with a probe; the first has none."""

    since: datetime
    next_probe: datetime

    def probed_since(self, policy: Policy) -> datetime | None:
        """When the turn began that a probe belongs to."""
        begun = self.next_probe - policy.probe_after
        return begun if begun > self.since else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One present address of a pool.

    `against`: why it may not send at all now, in words; empty: it may. `blocked`: receivers it may
    not send to, but for the probes of `blocks`. `cap` None: no cap; then `best_hour`, its highest
    healthy hour of 30 days, is what it can do. `share`: its weight in the rotation as last set.
    """

    node_id: str
    node: str
    ip: str
    region: str = ""
    against: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    blocks: Mapping[str, Block] = field(default_factory=dict)
    score: int = 100
    cap: Stage | None = None
    best_hour: int = 0
    used: Used = NONE_USED
    receivers: Mapping[str, Used] = field(default_factory=dict)
    share: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return (self.node_id, self.ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A pool's numbered answer. `revision` grows with any change of members or shares."""

    pool_id: str
    pool: str
    revision: int
    strategy: Strategy
    region: str
    members: tuple[Member, ...]
    is_stopped: bool = False


def towards(rotation: Rotation, receiver: str) -> Rotation:
    """The same for mail to one receiver: whoever it blocks may not send."""
    why = f"blocked by {receiver}"
    return replace(
        rotation,
        members=tuple(
            replace(one, against=(*one.against, why)) if receiver in one.blocked else one
            for one in rotation.members
        ),
    )


def is_held(rotation: Rotation) -> bool:
    """No address may send: mail waits, it never goes by the least bad one."""
    return rotation.is_stopped or all(one.against for one in rotation.members)


def weight(member: Member, strategy: Strategy) -> int:
    """The share it should have: even ones, or what it may still send times its reputation."""
    if strategy is Strategy.ROUND_ROBIN:
        return EVEN_WEIGHT
    # In hundredths, so that a score of 99 weighs less than one of 100 even under a cap of 5.
    return max(1, remaining(member) * member.score)


def remaining(member: Member) -> int:
    """Messages it may still send within the hour, by its caps alone."""
    if member.cap is None:
        return capacity.per_hour(hour_cap=None, best_hour=member.best_hour)
    left = min(member.cap.hour, member.cap.day - member.used.day)
    return max(0, left)


def shares(rotation: Rotation, policy: Policy) -> dict[tuple[str, str], int]:
    """The next share of each address whose share changes.

    One that may not send keeps the share it had: it counts for nothing until it may again. Even
    shares are even at once; where they are weighed, a newcomer begins with one step.
    """
    present = [one for one in rotation.members if not one.against]
    begins = not any(one.share for one in rotation.members)
    found = {}
    for member in present:
        target = weight(member, rotation.strategy)
        at_once = begins or rotation.strategy is Strategy.ROUND_ROBIN
        share = target if at_once else step(member.share, target=target, policy=policy)
        if share != member.share:
            found[member.key] = share
    return found


def step(share: int, *, target: int, policy: Policy) -> int:
    """One bounded step towards the target; a small difference is none."""
    gap, larger = target - share, max(share, target)
    if share and abs(gap) <= policy.share_still * larger:
        return share
    most = max(1, int(policy.share_step * larger))
    return share + max(-most, min(most, gap))


def ratios(members: Sequence[Member]) -> Iterator[float]:
    """Each member's part of the whole, in order."""
    total = sum(one.share for one in members if not one.against)
    for one in members:
        yield one.share / total if total and not one.against else 0.0
