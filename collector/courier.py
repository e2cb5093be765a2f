"""Brings notices to people: hands them to channels, tries again, folds, gives up and says so.

Everything stands in the journal: what a crash interrupts is done again with the same key. Each
channel has its own lane; a dead one keeps nobody waiting, least of all control.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import anyio
import structlog
from anyio.abc import TaskGroup

from collector.core import channels as ways
from collector.core import incidents, mailbag, vigil
from collector.core.channels import ChannelState, Route
from collector.core.judgement import Judgement
from collector.core.mailbag import Parcel
from collector.core.model import AlertFact
from collector.ports import Clock, Doorbell, StoreError
from collector.ports_notify import Channel, ChannelError, Delivery, NotifyStore

NOTICES_AT_ONCE = 200
PACE_MAX_SECONDS = 1.0
SEND_SECONDS_MAX = 30.0
REST_SECONDS_MIN, REST_SECONDS_MAX = 2.0, 300.0
DOUBLINGS_MAX = 8
# Nobody wants to read a day later that a node was unhealthy.
GIVE_UP_AFTER = timedelta(hours=24)
TEND_SECONDS = 15.0
# What stands is repeated so often to channels that forget (a fifth of Alertmanager's end).
REFRESH_SECONDS = 180.0

log = structlog.get_logger(__name__)


class AlertStore(NotifyStore, Protocol):
    async def standing_alerts(self, causes: Collection[str]) -> Sequence[AlertFact]: ...

    async def commit(self, judgement: Judgement) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Every channel by its name, in the order of the configuration, and who is told of what."""

    channels: Mapping[str, Channel]
    routes: tuple[Route, ...] = ()


@dataclass(slots=True)
class _Lane:
    """`rests_until` is of the monotonic clock."""

    busy: bool = False
    failures: int = 0
    rests_until: float = 0.0
    refresh_at: float = 0.0
    # Of a level channel that could not be told what still stands: since when, and why.
    stale_since: datetime | None = None
    stale_why: str = ""


class Courier:
    def __init__(
        self,
        store: AlertStore,
        *,
        ways: Ways,
        clock: Clock,
        term: Callable[[], int],
        bell: Doorbell,
    ) -> None:
        self._store = store
        self._ways = ways
        self._clock = clock
        self._term = term
        self._bell = bell
        self._lanes = {name: _Lane() for name in ways.channels}
        self._tend_at = clock.monotonic()

    def ring(self) -> None:
        """Something was committed that is to be told."""
        self._bell.ring()

    async def run(self) -> None:
        """For ever. What an earlier process left is sent first."""
        async with anyio.create_task_group() as tasks:
            while True:
                self._bell.take()
                try:
                    await self.once(tasks)
                except StoreError as error:
                    if not error.retryable:
                        raise
                    log.warning("notices wait for the journal", problem=str(error))
                await self._bell.wait(at_most=PACE_MAX_SECONDS)

    async def once(self, tasks: TaskGroup) -> None:
        """Hands out what is new, and starts every lane that has something and does not rest."""
        await self._hand_out()
        now = self._clock.monotonic()
        for name, lane in self._lanes.items():
            if lane.busy or lane.rests_until > now:
                continue
            waiting = await self._store.waiting(name)
            if waiting or self._is_level_due(name, now=now):
                lane.busy = True
                tasks.start_soon(self._serve, name, waiting)
        if now >= self._tend_at:
            self._tend_at = now + TEND_SECONDS
            await self.tend()

    async def tend(self) -> None:
        """Gives up what is too old, or for a channel nobody configures any more; opens and ends
        the alerts about the channels themselves, by level."""
        at = self._clock.now()
        given_up = await self._store.abandon(list(self._lanes), before=at - GIVE_UP_AFTER, at=at)
        if given_up:
            log.warning("notices given up", notices=given_up)
        known = await self._store.channel_states()
        changes = vigil.of_channels(
            {name: _state(lane, known.get(name)) for name, lane in self._lanes.items()},
            standing=await self._store.standing_alerts((vigil.CHANNEL,)),
            now=at,
        )
        judgement = Judgement(
            at=at,
            term=self._term(),
            alerts_open=changes.opened,
            alerts_resolve=changes.resolved,
        )
        if not judgement.is_empty:
            await self._store.commit(judgement)

    async def _hand_out(self) -> None:
        known = tuple(self._ways.channels)
        for notice in await self._store.untold(limit=NOTICES_AT_ONCE):
            before = await self._store.told_channels(notice.thread)
            chosen = ways.wanting(notice, self._ways.routes, known=known, before=before)
            await self._store.queue(notice, chosen, at=self._clock.now())

    async def _serve(self, name: str, deliveries: Sequence[Delivery]) -> None:
        """One lane's turn: until all is sent, or the channel fails."""
        lane, channel = self._lanes[name], self._ways.channels[name]
        try:
            notices = [one.notice for one in deliveries]
            begun = {one.notice.key: one.parcel for one in deliveries if one.parcel}
            for parcel in mailbag.fold(notices, digests=not channel.is_level, begun=begun):
                if not await self._send(name, parcel):
                    return
            if channel.is_level:
                await self._refresh(name, channel)
        except StoreError as error:
            # What was sent is sent again, under the same key.
            log.warning("deliveries not written down", channel=name, problem=str(error))
        finally:
            lane.busy = False

    async def _send(self, name: str, parcel: Parcel) -> bool:
        """Whether the lane may go on. What goes under which key is kept before it goes."""
        await self._store.begun(name, parcel.keys, parcel=parcel.notice.key)
        try:
            with anyio.fail_after(SEND_SECONDS_MAX):
                said = await self._ways.channels[name].send(parcel.notice)
        except TimeoutError:
            return await self._failed(
                name, parcel, problem=f"no answer within {SEND_SECONDS_MAX:g} s"
            )
        except ChannelError as error:
            if error.retryable:
                return await self._failed(name, parcel, problem=str(error))
            outcomes = dict.fromkeys(parcel.keys, "refused")
            await self._store.delivered(name, outcomes, said=str(error), at=self._clock.now())
            log.warning("notice refused", channel=name, key=parcel.notice.key, problem=str(error))
            return True
        lane = self._lanes[name]
        lane.failures, lane.rests_until = 0, 0.0
        outcomes = dict.fromkeys(parcel.keys, "folded")
        outcomes[parcel.notice.key if parcel.notice.key in outcomes else parcel.keys[-1]] = "sent"
        await self._store.delivered(name, outcomes, said=said, at=self._clock.now())
        log.info("notice sent", channel=name, key=parcel.notice.key, said=said)
        return True

    async def _failed(self, name: str, parcel: Parcel, *, problem: str) -> bool:
        """The lane rests, longer each time."""
        lane = self._lanes[name]
        self._rest(lane)
        log.warning("channel failed", channel=name, failures=lane.failures, problem=problem)
        await self._store.attempted(name, parcel.keys, problem=problem, at=self._clock.now())
        return False

    def _rest(self, lane: _Lane) -> None:
        doubled = REST_SECONDS_MIN * (1 << min(lane.failures, DOUBLINGS_MAX))
        lane.failures += 1
        lane.rests_until = self._clock.monotonic() + min(doubled, REST_SECONDS_MAX)

    def _is_level_due(self, name: str, *, now: float) -> bool:
        return self._ways.channels[name].is_level and now >= self._lanes[name].refresh_at

    async def _refresh(self, name: str, channel: Channel) -> None:
        lane, troubles = self._lanes[name], await self._store.troubles()
        standing = incidents.reworded(
            await self._store.standing(name), troubles.alerts, docket=troubles.docket
        )
        try:
            with anyio.fail_after(SEND_SECONDS_MAX):
                await channel.refresh(tuple(standing))
        except (ChannelError, TimeoutError) as error:
            self._rest(lane)
            lane.stale_since = lane.stale_since or self._clock.now()
            lane.stale_why = str(error) or f"no answer within {SEND_SECONDS_MAX:g} s"
            log.warning("channel not refreshed", channel=name, problem=lane.stale_why)
        else:
            lane.refresh_at = self._clock.monotonic() + REFRESH_SECONDS
            lane.failures, lane.rests_until, lane.stale_since = 0, 0.0, None


def _state(lane: _Lane, known: ChannelState | None) -> ChannelState:
    """What the journal knows of a channel, and what its lane does."""
    known = known or ChannelState()
    if lane.stale_since is None:
        return known
    since = min(filter(None, (known.failing_since, lane.stale_since)))
    return replace(known, failing_since=since, problem=lane.stale_why)
