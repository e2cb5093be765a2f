"""Who is known, in which pool, and since when silent: the counts a judgement cannot take from one
transaction, because liveness lives in memory.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from collector.core import liveness
from collector.core.model import Detector, Fleet, Liveness, NodeFacts, PoolFacts, Snapshot
from collector.core.policy import Policy
from collector.presence import Presence

# Newly silent, in intervals: or not yet heard as the grace ends.
NEWLY_INTERVALS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Headcount:
    """Who is lost, and by pool how many are known, newly silent, and heard now."""

    lost: set[str]
    nodes: Counter[str]
    newly_silent: Counter[str]
    heard: Counter[str]


class Hush(NamedTuple):
    """One silent node; `beyond`: seconds past the moment from which it counts as silent."""

    beyond: float
    is_lost: bool
    is_heard: bool


class Census:
    """Pools by node, learned from every snapshot; `now` is monotonic seconds."""

    def __init__(
        self,
        presence: Presence,
        *,
        started_at: float,
        ears: Callable[[Policy], Policy] = lambda policy: policy,
    ) -> None:
        """`ears`: the policy by which silence is judged, of the one in force (`governor`)."""
        self._presence = presence
        self._ears = ears
        self._started_at = started_at
        self._pools: dict[str, str] = {}
        self._sizes: Counter[str] = Counter()

    def __len__(self) -> int:
        """Nodes known."""
        return len(self._pools)

    def learn(self, nodes: Iterable[NodeFacts], *, now: float) -> None:
        for node in nodes:
            self._meet(node.id, pool_id=node.pool_id, now=now)

    def meet(self, members: Mapping[str, str], *, now: float) -> None:
        """Node → pool, of everybody: counted before anything else is known of them."""
        for node_id, pool_id in members.items():
            self._meet(node_id, pool_id=pool_id, now=now)

    def _meet(self, node_id: str, *, pool_id: str, now: float) -> None:
        before = self._pools.get(node_id)
        if before != pool_id:
            self._pools[node_id] = pool_id
            self._sizes[pool_id] += 1
            if before is not None:
                self._sizes[before] -= 1
        self._presence.meet(node_id, now=now)

    def grace(self, policy: Policy) -> timedelta:
        return liveness.startup_grace(len(self._pools), self._ears(policy))

    def in_grace(self, policy: Policy, *, now: float) -> bool:
        return now - self._started_at < self.grace(policy).total_seconds()

    def liveness(self, node_id: str, policy: Policy, *, now: float) -> Liveness:
        return liveness.assess(
            self._presence.silence(node_id, now=now),
            self._ears(policy),
            was_heard=self._presence.was_heard(node_id),
            grace=self.grace(policy),
        )

    def count(self, policy: Policy, *, now: float) -> Headcount:
        """Looks at those who are silent, and nobody else."""
        interval = self._ears(policy).heartbeat_interval.total_seconds()
        late, lost = policy.late_after_intervals * interval, policy.lost_after_intervals * interval
        grace = self.grace(policy).total_seconds()
        found = Headcount(
            lost=set(),
            nodes=Counter(self._sizes),
            newly_silent=Counter(),
            heard=Counter(self._sizes),
        )
        for node, silence in self._presence.unheard(now=now).items():
            hush = Hush(silence - grace, is_lost=silence > grace, is_heard=False)
            self._note(node, hush, found=found, newly=interval * NEWLY_INTERVALS)
        for node, silence in self._presence.silent(over=late, now=now):
            hush = Hush(silence - late, is_lost=silence > lost, is_heard=silence <= lost)
            self._note(node, hush, found=found, newly=interval * NEWLY_INTERVALS)
        return found

    def complete(
        self, snapshot: Snapshot, *, detector: Detector, policy: Policy, now: float
    ) -> Snapshot:
        """The snapshot, its pools counted already, with everything only this process knows."""
        nodes = tuple(
            replace(
                node,
                liveness=self.liveness(node.id, policy, now=now),
                silence=self._presence.silence(node.id, now=now),
                heard_in_row=self._presence.in_row(node.id),
            )
            for node in snapshot.nodes
        )
        fleet = replace(
            snapshot.fleet,
            detector=detector,
            in_startup_grace=self.in_grace(policy, now=now),
            nodes=sum(pool.nodes for pool in snapshot.fleet.pools.values()),
            heard=sum(pool.heard for pool in snapshot.fleet.pools.values()),
        )
        return replace(snapshot, nodes=nodes, fleet=fleet)

    def pools(self, fleet: Fleet, policy: Policy, *, now: float) -> Mapping[str, PoolFacts]:
        counted = self.count(policy, now=now)
        return {
            pool_id: replace(
                pool,
                nodes=counted.nodes[pool_id],
                newly_silent=counted.newly_silent[pool_id],
                heard=counted.heard[pool_id],
            )
            for pool_id, pool in fleet.pools.items()
        }

    def _note(self, node: str, hush: Hush, *, found: Headcount, newly: float) -> None:
        pool = self._pools.get(node)
        if pool is None:
            return
        if hush.is_lost:
            found.lost.add(node)
        if not hush.is_heard:
            found.heard[pool] -= 1
        if 0 < hush.beyond <= newly:
            found.newly_silent[pool] += 1
