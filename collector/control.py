"""The control pass: judges what is dirty or due at our own pace, and commits what follows.

Woken by the doorbell, at most every 200 ms, at least every second. Decides nothing itself: the
core does, over one snapshot.
"""

import heapq
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import anyio
import structlog

from collector.census import Census
from collector.core import due, judge, liveness
from collector.core.judgement import Judgement
from collector.core.model import Detector, Snapshot
from collector.core.policy import Policy
from collector.ports import Clock, Doorbell, JudgementStore, StoreError
from collector.vitals import Vitals

PACE_MIN_SECONDS = 0.2
PACE_MAX_SECONDS = 1.0
# Everybody is judged anew this often whatever happened, for what only time makes true.
ROUND_SECONDS = 300.0

log = structlog.get_logger(__name__)


class Control:
    """Owns the timers and the detector; everything else is in the journal or in presence."""

    def __init__(
        self,
        store: JudgementStore,
        *,
        clock: Clock,
        census: Census,
        vitals: Vitals,
        policy: Callable[[], Policy],
    ) -> None:
        self._store = store
        self._clock = clock
        self._census = census
        self._vitals = vitals
        self._policy = policy
        self._due: list[tuple[datetime, str]] = []
        # The next of each node: a later one is not noted twice.
        self._next_look: dict[str, datetime] = {}
        self._lost: set[str] = set()
        self._detector = Detector(frozen=False, healthy_since=None)
        self._was_in_grace = True
        self._round_at = clock.monotonic()

    async def run(self, *, doorbell: Doorbell, dispatch: Doorbell) -> None:
        """For ever. The first pass judges everybody."""
        dirty: frozenset[str] | None = None
        while True:
            begun = self._clock.monotonic()
            try:
                judgement = await self.once(dirty)
            except StoreError as error:
                if not error.retryable:
                    raise
                log.warning("judgement not committed, trying again", problem=str(error))
                doorbell.ring()
            else:
                if judgement.effects:
                    dispatch.ring()
            dirty = await self._next(doorbell, begun)

    async def once(self, dirty: frozenset[str] | None) -> Judgement:
        """One pass over these nodes (None: all) and whatever is due."""
        policy = self._policy()
        ids = None if dirty is None else sorted(dirty | self._becoming_due(policy))
        snapshot = await self._load(ids, policy)
        judgement = judge.judge(snapshot, policy, now=self._clock.now())
        if not judgement.is_empty:
            await self._commit(judgement)
        self._schedule(snapshot, judgement, policy=policy)
        self._vitals.passes += 1
        return judgement

    async def _load(self, ids: list[str] | None, policy: Policy) -> Snapshot:
        read = await self._store.load(ids)
        now = self._clock.monotonic()
        self._census.learn(read.nodes, now=now)
        pools = self._census.pools(read.fleet, policy, now=now)
        read = replace(read, fleet=replace(read.fleet, pools=pools))
        before = self._detector
        self._detector = liveness.distrust(
            before, self._vitals.take(), pools=pools, policy=policy, now=self._clock.now()
        )
        if before.frozen != self._detector.frozen:
            log.warning("detector changed", frozen=self._detector.frozen, why=self._detector.why)
        return self._census.complete(read, detector=self._detector, policy=policy, now=now)

    async def _commit(self, judgement: Judgement) -> None:
        begun = self._clock.monotonic()
        await self._store.commit(judgement)
        self._vitals.committed(self._clock.monotonic() - begun)
        for decision in judgement.decisions:
            log.info(
                "decided",
                node=decision.proposal.subject.node_id,
                address=decision.proposal.subject.address,
                kind=decision.proposal.kind.value,
                reason=decision.proposal.reason.value,
                fate=decision.fate.value,
                brake=decision.brake.value if decision.brake else None,
            )

    def _becoming_due(self, policy: Policy) -> set[str]:
        """Timers that ran out, nodes just lost, and those a brake no longer holds."""
        wall, now = self._clock.now(), self._clock.monotonic()
        due: set[str] = set()
        while self._due and self._due[0][0] <= wall:
            node_id = heapq.heappop(self._due)[1]
            self._next_look.pop(node_id, None)
            due.add(node_id)
        lost = self._census.count(policy, now=now).lost
        in_grace = self._census.in_grace(policy, now=now)
        due |= lost if self._was_in_grace != in_grace else lost - self._lost
        self._was_in_grace, self._lost = in_grace, lost
        return due

    def _schedule(self, snapshot: Snapshot, judgement: Judgement, *, policy: Policy) -> None:
        now, held = self._clock.now(), due.held_back(snapshot, judgement)
        for node in snapshot.nodes:
            at = due.next_look(node, policy, catalogue=snapshot.fleet.catalogue, now=now)
            if node.id in held:
                at = min(now + policy.look_again_after, at or datetime.max.replace(tzinfo=UTC))
            noted = self._next_look.get(node.id)
            if at is not None and (noted is None or at < noted):
                self._next_look[node.id] = at
                heapq.heappush(self._due, (at, node.id))
        for zone in (*judgement.brakes_engage, *judgement.brakes_release):
            for listing in snapshot.fleet.open_listings.get(zone, ()):
                heapq.heappush(self._due, (now, listing.node_id))

    async def _next(self, doorbell: Doorbell, begun: float) -> frozenset[str] | None:
        """Sleeps at our own pace; what the next pass must judge."""
        spent = self._clock.monotonic() - begun
        await self._sleep(max(0.0, PACE_MIN_SECONDS - spent))
        started = self._clock.monotonic()
        await doorbell.wait(at_most=PACE_MAX_SECONDS)
        self._vitals.late(self._clock.monotonic() - started - PACE_MAX_SECONDS)
        if self._clock.monotonic() - self._round_at > ROUND_SECONDS:
            self._round_at = self._clock.monotonic()
            doorbell.ring()
        return doorbell.take()

    async def _sleep(self, seconds: float) -> None:
        started = self._clock.monotonic()
        await anyio.sleep(seconds)
        self._vitals.late(self._clock.monotonic() - started - seconds)
