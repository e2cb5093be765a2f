"""Records what nodes say and returns: Hellos, heartbeats, a second machine with one identity.

Decides nothing about sending; it rings for the control pass when a node said something new.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog

from collector.core import liveness, news, restored
from collector.core.heartbeat import Account, Heartbeat, Hello, NewEpoch, Welcome
from collector.core.judgement import Judgement
from collector.core.model import AlertFact, Order, Severity
from collector.core.policy import Policy
from collector.ports import Clock, Doorbell, IntakeStore, JudgementStore, Refused
from collector.presence import Presence
from deliverability.zones import ZONES

# An alert of a duplicate identity is resolved when the node was alone for so long.
ALONE_SECONDS = 600.0
# Longer than any commit takes.
SETTLING = timedelta(seconds=10)
DUPLICATE = "duplicate"

log = structlog.get_logger(__name__)


class FactStore(IntakeStore, JudgementStore, Protocol):
    """Intake records facts; a restored node's order is judged at once, with its Hello."""


class Terms(Protocol):
    """The collector's reign."""

    @property
    def term(self) -> int: ...

    async def see(self, node_id: str, term_highest: int) -> int:
        """The term to greet a node with that has seen this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What intake asks of its surroundings."""

    clock: Clock
    doorbell: Doorbell
    policy: Callable[[], Policy]
    # How many nodes may come back at once.
    fleet_size: Callable[[], int]
    # Told how many seconds each heartbeat's commit took: the detector distrusts a slow journal.
    committed: Callable[[float], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The answer to a Hello. With `new_epoch` nothing is counted until the next Hello."""

    welcome: Welcome
    new_epoch: NewEpoch | None
    order: Order | None


class Intake:
    def __init__(
        self, store: FactStore, *, presence: Presence, terms: Terms, around: Around
    ) -> None:
        self._store = store
        self._presence = presence
        self._terms = terms
        self._around = around
        self._said: dict[str, news.Said] = {}
        # What each node sends from, by its last Hello.
        self._addresses: dict[str, frozenset[str]] = {}
        self._duplicates: dict[str, float] = {}

    async def load(self) -> None:
        """The duplicates of before our start: their alerts are ours to resolve."""
        for alert in (await self._store.load(())).alerts:
            cause, _, node_id = alert.key.partition(":")
            if cause == DUPLICATE:
                self._duplicates[node_id] = self._around.clock.monotonic()

    async def hello(self, hello: Hello) -> Opening:
        """Records who is there, and finds out whose memory is older: the node's or ours.

        Refused: UNKNOWN_NODE, DECOMMISSIONED.
        """
        account = await self._store.account(hello.node_id)
        if account is None:
            raise Refused("UNKNOWN_NODE", "this collector's journal does not hold this node")
        if account.lifecycle == "decommissioned":
            raise Refused("DECOMMISSIONED", "this node was taken out of service for good")
        applied_term = hello.applied.term if hello.applied else 0
        term = await self._terms.see(hello.node_id, max(hello.term_highest, applied_term))
        was_restored = await self._import_restored(account, hello)
        new_epoch = await self._epoch(account, hello)
        await self._store.record_hello(hello)
        self._own(hello.node_id, frozenset(hello.addresses or account.addresses))
        if was_restored or account.order is None or hello.applied != account.order:
            self._around.doorbell.ring(hello.node_id)
        committed = account.sequence if hello.epoch == account.epoch else 0
        behind = hello.sequence - committed
        return Opening(
            welcome=self._welcome(hello, term=term, behind=behind, was_restored=was_restored),
            new_epoch=new_epoch,
            # Also one the node holds already: it resumes only on our word in its present run.
            order=hello.applied if was_restored else account.order,
        )

    async def heartbeat(self, beat: Heartbeat) -> None:
        """Returns once the heartbeat is committed; then it may be acknowledged."""
        policy = self._around.policy()
        in_row = self._presence.heard(
            beat.node_id, now=self._around.clock.monotonic(), interval=policy.heartbeat_interval
        )
        beat = self._of_its_own(beat)
        begun = self._around.clock.monotonic()
        with self._presence.recording(beat.node_id, monotonic=self._around.clock.monotonic):
            await self._store.record(beat)
        self._around.committed(self._around.clock.monotonic() - begun)
        said, is_news = news.compare(self._said.get(beat.node_id), beat, policy=policy)
        self._said[beat.node_id] = said
        if is_news or in_row <= policy.back_after_heartbeats:
            self._around.doorbell.ring(beat.node_id)
        if beat.node_id in self._duplicates:
            await self._perhaps_alone(beat.node_id)

    def _own(self, node_id: str, addresses: frozenset[str]) -> None:
        if addresses != self._addresses.get(node_id):
            self._addresses[node_id] = addresses
            self._said.pop(node_id, None)

    def _of_its_own(self, beat: Heartbeat) -> Heartbeat:
        """Without answers of zones we do not know, and about addresses it does not send from: no
        judgement could use them, and their number would have no bound."""
        mine = self._addresses.get(beat.node_id)
        kept = tuple(
            one for one in beat.zones if one.zone in ZONES and (mine is None or one.address in mine)
        )
        return beat if len(kept) == len(beat.zones) else replace(beat, zones=kept)

    async def settle(self, node_id: str) -> None:
        """Returns when every heartbeat handed in before is committed: an account read earlier would
        let a newer process count once more what the older one's last heartbeat brings. Only a node
        heard lately can have one under way."""
        now = self._around.clock.monotonic()
        if not self._presence.was_heard(node_id):
            return
        if self._presence.silence(node_id, now=now) > SETTLING:
            return
        account = await self._store.account(node_id)
        if account is not None and account.epoch:
            # In its turn behind them, and without effect: the epoch is the present one.
            await self._store.begin_epoch(node_id, epoch=account.epoch)

    async def new_epoch(self, node_id: str, *, epoch: str) -> None:
        """The node counts anew on the stream it has. Refused EPOCH_USED."""
        await self._store.begin_epoch(node_id, epoch=epoch)

    async def duplicate(self, node_id: str, *, text: str) -> None:
        """Two processes speak as this node: a High alert, once while it lasts."""
        is_new = node_id not in self._duplicates
        self._duplicates[node_id] = self._around.clock.monotonic()
        if is_new:
            now = self._around.clock.now()
            alert = AlertFact(
                key=f"{DUPLICATE}:{node_id}",
                severity=Severity.HIGH,
                text=text,
                opened_at=now,
                node_id=node_id,
            )
            await self._store.commit(Judgement(at=now, term=self._terms.term, alerts_open=(alert,)))

    async def _perhaps_alone(self, node_id: str) -> None:
        if self._around.clock.monotonic() - self._duplicates[node_id] < ALONE_SECONDS:
            return
        del self._duplicates[node_id]
        now, key = self._around.clock.now(), f"{DUPLICATE}:{node_id}"
        await self._store.commit(Judgement(at=now, term=self._terms.term, alerts_resolve=(key,)))

    async def _import_restored(self, account: Account, hello: Hello) -> bool:
        """The node holds an order we do not know: it was given by a later self of ours."""
        if hello.applied is None or not restored.is_ahead(hello.applied, known=account.order):
            return False
        (node,) = (await self._store.load((hello.node_id,))).nodes
        judgement = restored.judge(
            node,
            hello.applied,
            term=self._terms.term,
            policy_revision=self._around.policy().revision,
            now=hello.received_at,
        )
        log.warning(
            "restored",
            node=hello.node_id,
            applied=hello.applied.order,
            known=account.order.order if account.order else None,
            pauses=len(judgement.pauses_open),
        )
        await self._store.import_restored(hello.node_id, hello.applied, judgement=judgement)
        return True

    async def _epoch(self, account: Account, hello: Hello) -> NewEpoch | None:
        """None when the node may go on counting; else where our account of it ends."""
        is_snapshot = hello.epoch == account.epoch and hello.sequence < account.sequence
        if hello.epoch != account.epoch:
            try:
                await self._store.begin_epoch(hello.node_id, epoch=hello.epoch)
            except Refused as refused:
                if refused.code != "EPOCH_USED":
                    raise
                is_snapshot = True
        if not is_snapshot:
            return None
        log.warning(
            "state of the node is older than our account of it",
            node=hello.node_id,
            sequence=hello.sequence,
            committed=account.sequence,
        )
        return NewEpoch(log_position=account.log_position, counted_to=account.counted_to)

    def _welcome(self, hello: Hello, *, term: int, behind: int, was_restored: bool) -> Welcome:
        """`behind`: heartbeats the node made and we do not hold. One may have been under way; of
        more, some were acknowledged by a later self of ours and are asked for once more."""
        policy = self._around.policy()
        return Welcome(
            term=term,
            node_id=hello.node_id,
            heartbeat_interval=policy.heartbeat_interval,
            heartbeat_jitter=policy.heartbeat_jitter,
            reconnect_spread=self.reconnect_spread(),
            sweep_critical=policy.sweep_critical,
            collector_time=self._around.clock.now(),
            full_state=was_restored or behind > 0,
            replay_events=was_restored or behind > 1,
        )

    def reconnect_spread(self) -> timedelta:
        """Over which time the fleet may come back: as fast as one core greets it."""
        return liveness.reconnect_spread(self._around.fleet_size(), self._around.policy())
