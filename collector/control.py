"""The control pass: judges what is dirty or due at our own pace, and commits what follows.

Woken by the doorbell, at most every 200 ms, at least every second. Decides nothing itself: the
core does, over one snapshot.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio
import structlog

from collector.backlog import Backlog
from collector.census import Census
from collector.core import judge, liveness
from collector.core.judgement import Judgement
from collector.core.model import Detector, Snapshot
from collector.core.policy import Policy
from collector.core.settled import Settled
from collector.ports import Clock, Doorbell, JudgementStore, StoreError
from collector.vitals import Vitals
from deliverability.catalogue import Catalogue

PACE_MIN_SECONDS = 0.2
PACE_MAX_SECONDS = 1.0
# Everybody is judged anew this often whatever happened, for what only time makes true: a few in
# each pass, over most of that time.
ROUND_SECONDS = 300.0
ROUND_PASSES = int(0.8 * ROUND_SECONDS / PACE_MIN_SECONDS)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """What the pass is told by, and tells. `catalogue`: with the paces handed out; None: the
    journal's word on zones counts. `rotated`: after a commit that may have changed a pool's
    rotation; `told`: after one that has something to tell people."""

    policy: Callable[[], Policy]
    catalogue: Callable[[], Catalogue] | None
    rotated: Callable[[], None]
    told: Callable[[], None]


class Control:
    """Owns the timers and the detector; everything else is in the journal or in presence."""

    def __init__(
        self,
        store: JudgementStore,
        *,
        clock: Clock,
        census: Census,
        vitals: Vitals,
        ties: Ties,
    ) -> None:
        self._store = store
        self._clock = clock
        self._census = census
        self._vitals = vitals
        self._ties = ties
        self._backlog = Backlog()
        # Everybody as soon as may be; everybody in the course of time.
        self._wants_round = self._is_round_due = False
        self._lost: set[str] = set()
        self._settled: Settled | None = None
        self._detector = Detector(frozen=False, healthy_since=None)
        self._was_in_grace = True
        self._round_at = clock.monotonic()

    async def run(self, *, doorbell: Doorbell, dispatch: Doorbell) -> None:
        """For ever. The first passes judge everybody."""
        dirty: frozenset[str] | None = None
        while True:
            begun = self._clock.monotonic()
            try:
                judgement = await self.once(dirty)
            except StoreError as error:
                if not error.retryable:
                    raise
                log.warning("judgement not committed, trying again", problem=str(error))
            else:
                if judgement.effects:
                    dispatch.ring()
            dirty = await self._next(doorbell, begun)

    async def once(self, dirty: frozenset[str] | None) -> Judgement:
        """One pass over these nodes (None: all, a slice in each pass) and whatever is due. Who was
        not judged, of a large batch or for an error of the store, waits in the backlog."""
        policy = self._ties.policy()
        self._backlog.add(dirty or ())
        self._wants_round = self._wants_round or dirty is None
        if self._wants_round or self._is_round_due:
            await self._begin_round()
        self._backlog.add(sorted(self._newly_lost(policy)))
        batch = self._backlog.take(self._clock.now())
        try:
            snapshot = await self._load(batch, policy)
            judgement = judge.judge(snapshot, policy, now=self._clock.now(), settled=self._settled)
            if not judgement.is_empty:
                await self._commit(judgement)
        except StoreError:
            self._backlog.give_back(batch)
            raise
        self._settled = judgement.settled
        self._schedule(snapshot, judgement)
        self._vitals.passes += 1
        return judgement

    @property
    def waiting(self) -> int:
        """Nodes that are to be judged and were not yet."""
        return len(self._backlog)

    async def _begin_round(self) -> None:
        """Everybody is known before the first is judged: the brakes count the whole fleet."""
        members = await self._store.members()
        self._census.meet(members, now=self._clock.monotonic())
        self._backlog.add_round(sorted(members), passes=1 if self._wants_round else ROUND_PASSES)
        self._wants_round = self._is_round_due = False

    async def _load(self, ids: list[str], policy: Policy) -> Snapshot:
        read = await self._store.load(ids)
        catalogue = self._ties.catalogue
        if catalogue is not None:
            read = replace(read, fleet=replace(read.fleet, catalogue=catalogue()))
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
        try:
            await self._store.commit(judgement)
        except StoreError:
            self._vitals.failed()
            raise
        self._vitals.committed(self._clock.monotonic() - begun)
        if (
            judgement.rotation
            or judgement.warmups
            or judgement.pauses_open
            or judgement.pauses_close
        ):
            self._ties.rotated()
        if judgement.notices:
            self._ties.told()
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

    def _newly_lost(self, policy: Policy) -> set[str]:
        """Nodes just lost, and the lost ones when a brake of ours no longer holds them."""
        now = self._clock.monotonic()
        lost = self._census.count(policy, now=now).lost
        in_grace = self._census.in_grace(policy, now=now)
        found = lost if self._was_in_grace != in_grace else lost - self._lost
        self._was_in_grace, self._lost = in_grace, lost
        return found

    def _schedule(self, snapshot: Snapshot, judgement: Judgement) -> None:
        for node_id, at in judgement.due:
            self._backlog.wake(node_id, at)
        for zone in (*judgement.brakes_engage, *judgement.brakes_release):
            held = snapshot.fleet.open_listings.get(zone, ())
            self._backlog.add(sorted({listing.node_id for listing in held}))

    async def _next(self, doorbell: Doorbell, begun: float) -> frozenset[str] | None:
        """Sleeps at our own pace; what the next pass must judge."""
        spent = self._clock.monotonic() - begun
        await self._sleep(max(0.0, PACE_MIN_SECONDS - spent))
        started = self._clock.monotonic()
        await doorbell.wait(at_most=0.0 if self._backlog else PACE_MAX_SECONDS)
        self._vitals.late(self._clock.monotonic() - started - PACE_MAX_SECONDS)
        if self._clock.monotonic() - self._round_at > ROUND_SECONDS:
            self._round_at = self._clock.monotonic()
            self._is_round_due = True
        return doorbell.take()

    async def _sleep(self, seconds: float) -> None:
        started = self._clock.monotonic()
        await anyio.sleep(seconds)
        self._vitals.late(self._clock.monotonic() - started - seconds)


def nobody() -> None:
    """Watches nothing."""
