"""Records what nodes say and returns: Hellos, heartbeats, a second machine with one identity.

Decides nothing about sending; it rings for the control pass when a node said something new.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from collector.continuity import Continuity
from collector.core import liveness, news, restored
from collector.core.allowance import Allowance
from collector.core.heartbeat import Account, HandedOut, Heartbeat, Hello, NewEpoch, Welcome
from collector.core.model import Order, Severity
from collector.core.policy import Policy
from collector.nuisances import DUPLICATE, TALKATIVE, Nuisance, Nuisances
from collector.ports import Clock, Doorbell, IntakeStore, JudgementStore, Refused, StoreError
from collector.presence import Presence
from deliverability.catalogue import CATALOGUE, Catalogue
from deliverability.zones import ZEN

# Events of one node: what a long outage saves up, and a rate no honest node comes near.
EVENTS_AT_ONCE = 1_000
EVENTS_PER_SECOND = 1 / 6
# Charts have a hole after so long; a node keeps a day of minutes.
HISTORY_AFTER = timedelta(minutes=2)
MOMENT = timedelta(0)
HISTORY_KEPT = timedelta(days=1)
# Longer than any commit takes.
SETTLING = timedelta(seconds=10)

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
    # The same, by which silence is judged: for a while at the pace before (`governor`).
    ears: Callable[[Policy], Policy] = lambda policy: policy
    # How many nodes may come back at once.
    fleet_size: Callable[[], int]
    catalogue: Callable[[], Catalogue] = lambda: CATALOGUE
    # What nodes are to look at; None: each at its own zones.
    handed_out: Callable[[], HandedOut | None] = lambda: None
    # Told how many seconds each heartbeat's commit took: the detector distrusts a slow journal.
    committed: Callable[[float], None] = lambda _: None
    # Told when one could not be committed at all.
    failed: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The answer to a Hello. With `new_epoch` nothing is counted until the next Hello."""

    welcome: Welcome
    new_epoch: NewEpoch | None
    order: Order | None
    handed_out: HandedOut | None = None


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
        self._events: dict[str, Allowance] = {}
        self._nuisances = Nuisances(store, clock=around.clock)
        self._continuity = Continuity(store)

    async def load(self) -> None:
        """What a former run of ours was annoyed at."""
        await self._nuisances.load()

    async def hello(self, hello: Hello, *, is_other: bool = False) -> Opening:
        """Records who is there, and finds out whose memory is older: the node's or ours.

        `is_other`: it took the node from another process that was still there.

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
        with self._writing():
            new_epoch = await self._continuity.judge(account, hello, is_other=is_other)
            await self._store.record_hello(hello)
        self._own(hello.node_id, frozenset(hello.addresses or account.addresses))
        if was_restored or account.order is None or hello.applied != account.order:
            self._around.doorbell.ring(hello.node_id)
        committed = account.sequence if hello.epoch == account.epoch else 0
        behind = hello.sequence - committed
        return Opening(
            welcome=replace(
                self._welcome(hello, term=term, behind=behind, was_restored=was_restored),
                history_after=self._lacking(account, hello),
            ),
            new_epoch=new_epoch,
            # Also one the node holds already: it resumes only on our word in its present run.
            order=hello.applied if was_restored else account.order,
            handed_out=self._around.handed_out(),
        )

    async def heartbeat(self, beat: Heartbeat) -> Heartbeat:
        """What of it is committed; that may be acknowledged."""
        policy = self._around.policy()
        ears = self._around.ears(policy)
        in_row = self._presence.heard(
            beat.node_id, now=self._around.clock.monotonic(), interval=ears.heartbeat_interval
        )
        beat = self._of_its_own(beat)
        if beat.events:
            beat = await self._allowed(beat)
        begun = self._around.clock.monotonic()
        monotonic = self._around.clock.monotonic
        with self._presence.recording(beat.node_id, monotonic=monotonic), self._writing():
            await self._store.record(beat)
        self._around.committed(self._around.clock.monotonic() - begun)
        said, is_news = news.compare(self._said.get(beat.node_id), beat, policy=policy)
        self._said[beat.node_id] = said
        if is_news or in_row <= policy.back_after_heartbeats:
            self._around.doorbell.ring(beat.node_id)
        return beat

    def _own(self, node_id: str, addresses: frozenset[str]) -> None:
        if addresses != self._addresses.get(node_id):
            self._addresses[node_id] = addresses
            self._said.pop(node_id, None)

    def _of_its_own(self, beat: Heartbeat) -> Heartbeat:
        """Without answers of zones we do not know, and about addresses it does not send from: no
        judgement could use them, and their number would have no bound."""
        mine, known = self._addresses.get(beat.node_id), self._around.catalogue()
        kept = tuple(
            one for one in beat.zones if one.zone in known and (mine is None or one.address in mine)
        )
        return beat if len(kept) == len(beat.zones) else replace(beat, zones=kept)

    async def _allowed(self, beat: Heartbeat) -> Heartbeat:
        """With no more events than a node may bring: the oldest. The rest it tells again, because
        nobody acknowledges them."""
        now = self._around.clock.monotonic()
        purse = self._events.setdefault(beat.node_id, Allowance(left=EVENTS_AT_ONCE, at=now))
        granted = purse.take(
            len(beat.events), most=EVENTS_AT_ONCE, per_second=EVENTS_PER_SECOND, now=now
        )
        if granted == len(beat.events):
            return beat
        text = f"it tells more events than {EVENTS_AT_ONCE} at once and 10 a minute: they wait"
        nuisance = Nuisance(cause=TALKATIVE, severity=Severity.MEDIUM, text=text)
        await self._nuisances.saw(beat.node_id, nuisance, term=self._terms.term)
        oldest = sorted(beat.events, key=lambda event: event.id)[:granted]
        return replace(beat, events=tuple(oldest))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What cannot be written was not listened to: the detector is told."""
        try:
            yield
        except StoreError:
            self._around.failed()
            raise

    async def settle(self, node_id: str) -> None:
        """Returns when every heartbeat handed in before is committed: an account read earlier would
        let a newer process count once more what the older one's last heartbeat brings. Only a node
        heard lately can have one under way."""
        now = self._around.clock.monotonic()
        if not self._presence.was_heard(node_id):
            return
        if self._presence.silence(node_id, now=now) > SETTLING:
            return
        await self._store.settle()

    async def new_epoch(self, node_id: str, *, epoch: str) -> None:
        """The node counts anew on the stream it has. Refused EPOCH_USED."""
        await self._store.begin_epoch(node_id, epoch=epoch)

    async def duplicate(self, node_id: str, *, text: str) -> None:
        """Two processes speak as this node: a High alert, once while it lasts."""
        nuisance = Nuisance(cause=DUPLICATE, severity=Severity.HIGH, text=text)
        await self._nuisances.saw(node_id, nuisance, term=self._terms.term)

    async def resolve_nuisances(self) -> None:
        """To be called now and then: the alerts of intake's own that are over."""
        await self._nuisances.resolve(term=self._terms.term)

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

    def _lacking(self, account: Account, hello: Hello) -> datetime | None:
        """Since when nobody heard the node, if that is long: it tells the minutes it kept."""
        heard = account.last_heartbeat
        if heard is None or hello.received_at - heard < HISTORY_AFTER:
            return None
        return max(heard, hello.received_at - HISTORY_KEPT)

    def _welcome(self, hello: Hello, *, term: int, behind: int, was_restored: bool) -> Welcome:
        """`behind`: heartbeats the node made and we do not hold. One may have been under way; of
        more, some were acknowledged by a later self of ours and are asked for once more."""
        return replace(
            self.pace(hello.node_id),
            term=term,
            full_state=was_restored or behind > 0,
            replay_events=was_restored or behind > 1,
        )

    def pace(self, node_id: str) -> Welcome:
        """How often a node is to report and to sweep, at its Hello and whenever that changes."""
        policy, zones = self._around.policy(), self._around.handed_out()
        zen = self._around.catalogue().get(ZEN.name)
        return Welcome(
            term=self._terms.term,
            node_id=node_id,
            heartbeat_interval=policy.heartbeat_interval,
            heartbeat_jitter=policy.heartbeat_jitter,
            reconnect_spread=self.reconnect_spread(),
            # An agent that takes no catalogue looks at this one zone alone.
            sweep_critical=max(policy.sweep_critical, zen.pace if zones and zen else MOMENT),
            catalogue_revision=zones.revision if zones else 0,
            collector_time=self._around.clock.now(),
            full_state=False,
            replay_events=False,
        )

    def reconnect_spread(self) -> timedelta:
        """Over which time the fleet may come back: as fast as one core greets it."""
        return liveness.reconnect_spread(self._around.fleet_size(), self._around.policy())
