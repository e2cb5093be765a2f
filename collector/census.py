"""Who is known, in which pool, and since when silent: the counts a judgement cannot take from one
transaction, because liveness lives in memory.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from collector.core import liveness
from collector.core.model import Detector, Fleet, Liveness, NodeFacts, PoolFacts, Snapshot
from collector.core.policy import Policy
from collector.presence import Presence

# How old a count may be.
COUNTED_FOR_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Headcount:
    """Who is lost, and by pool how many are known, newly silent, and heard now."""

    lost: set[str]
    nodes: Counter[str]
    newly_silent: Counter[str]
    heard: Counter[str]


class Census:
    """Pools by node, learned from every snapshot; `now` is monotonic seconds."""

    def __init__(self, presence: Presence, *, started_at: float) -> None:
        self._presence = presence
        self._started_at = started_at
        self._pools: dict[str, str] = {}
        self._counted_at = -COUNTED_FOR_SECONDS
        self._counted = Headcount(
            lost=set(), nodes=Counter(), newly_silent=Counter(), heard=Counter()
        )

    def __len__(self) -> int:
        """Nodes known."""
        return len(self._pools)

    def learn(self, nodes: Iterable[NodeFacts], *, now: float) -> None:
        for node in nodes:
            self._pools[node.id] = node.pool_id
            self._presence.meet(node.id, now=now)

    def grace(self, policy: Policy) -> timedelta:
        return liveness.startup_grace(len(self._pools), policy)

    def in_grace(self, policy: Policy, *, now: float) -> bool:
        return now - self._started_at < self.grace(policy).total_seconds()

    def liveness(self, node_id: str, policy: Policy, *, now: float) -> Liveness:
        return liveness.assess(
            self._presence.silence(node_id, now=now),
            policy,
            was_heard=self._presence.was_heard(node_id),
            grace=self.grace(policy),
        )

    def count(self, policy: Policy, *, now: float) -> Headcount:
        """Everybody in one stride, at most every half second: 10,000 nodes take milliseconds."""
        if not 0 <= now - self._counted_at < COUNTED_FOR_SECONDS:
            self._counted, self._counted_at = self._count(policy, now=now), now
        return self._counted

    def complete(
        self, snapshot: Snapshot, *, detector: Detector, policy: Policy, now: float
    ) -> Snapshot:
        """The snapshot with everything only this process knows."""
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
            pools=self.pools(snapshot.fleet, policy, now=now),
            detector=detector,
            in_startup_grace=self.in_grace(policy, now=now),
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

    def _count(self, policy: Policy, *, now: float) -> Headcount:
        """In seconds, not timedeltas: this touches every node."""
        interval = policy.heartbeat_interval.total_seconds()
        late, lost = policy.late_after_intervals * interval, policy.lost_after_intervals * interval
        grace = self.grace(policy).total_seconds()
        found = Headcount(lost=set(), nodes=Counter(), newly_silent=Counter(), heard=Counter())
        for node, pool in self._pools.items():
            since, was_heard = self._presence.since(node, now=now)
            silence = now - since
            edge = late if was_heard else grace
            found.nodes[pool] += 1
            if was_heard and silence <= lost:
                found.heard[pool] += 1
            elif silence > (lost if was_heard else grace):
                found.lost.add(node)
            # Fell silent within the last two intervals, or is not yet heard as the grace ends.
            if edge < silence <= edge + interval * 2:
                found.newly_silent[pool] += 1
        return found
