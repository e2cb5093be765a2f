"""Who is known, in which pool, and since when silent: the counts a judgement cannot take from one
transaction, because liveness lives in memory.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from collector.core import liveness
from collector.core.model import Detector, Fleet, Liveness, NodeFacts, PoolFacts, Snapshot
from collector.core.policy import Policy
from collector.presence import Presence


class Census:
    """Pools by node, learned from every snapshot; `now` is monotonic seconds."""

    def __init__(self, presence: Presence, *, started_at: float) -> None:
        self._presence = presence
        self._started_at = started_at
        self._pools: dict[str, str] = {}

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

    def lost(self, policy: Policy, *, now: float) -> set[str]:
        return {
            node for node in self._pools if self.liveness(node, policy, now=now) is Liveness.LOST
        }

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
        nodes = Counter(self._pools.values())
        silent = Counter(self._pools[node] for node in self._newly_silent(policy, now=now))
        return {
            pool_id: replace(pool, nodes=nodes[pool_id], newly_silent=silent[pool_id])
            for pool_id, pool in fleet.pools.items()
        }

    def _newly_silent(self, policy: Policy, *, now: float) -> list[str]:
        """Fell silent within the last two intervals, or are not yet heard as the grace ends."""
        interval = policy.heartbeat_interval
        begins = interval * policy.late_after_intervals
        graced = self.grace(policy)
        found = []
        for node in self._pools:
            silence = self._presence.silence(node, now=now)
            edge = begins if self._presence.was_heard(node) else graced
            if edge < silence <= edge + interval * 2:
                found.append(node)
        return found
