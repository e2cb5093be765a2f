"""The agent's loops, each at its own pace. One pass of each is one function.

They share nothing but what they are given; none waits for another, none stops for the collector.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import anyio
import structlog

from agent import backoff
from agent.dnsbl.watch import ZoneWatch
from agent.enforcement import Enforcement
from agent.filewatch import FileWatch
from agent.health import Health
from agent.maillog import pace
from agent.maillog.news import News
from agent.maillog.silence import Silence
from agent.model import (
    Convergence,
    EventDraft,
    EventKind,
    NameserverReading,
    NameserverState,
    PostfixReading,
    SelfSilence,
)
from agent.pulse import Pulse
from agent.session import Bells, Pace, Session
from agent.standing_orders import StandingWatch
from agent.state import State
from agent.uplink import Uplink

BEAT_APART = timedelta(seconds=1)  # early heartbeats, at most this often
UPLINK_READY_SECONDS = 2

log = structlog.get_logger()


class Log(Protocol):
    """The account of the mail log."""

    def step(self, now: datetime) -> News:
        """One bounded pass."""

    def commit(self, now: datetime) -> None:
        """All that was counted is on the disk when this returns."""

    @property
    def owes_commit(self) -> bool:
        """Something was counted that is not on the disk yet."""

    @property
    def silence(self) -> Silence: ...

    @property
    def problems(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Clock and chance."""

    now: Callable[[], datetime]
    luck: Callable[[], float]
    mark: Callable[[str, timedelta], None]
    """Called with a loop's name and its wait when it has finished a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loops:
    state: State
    log_watch: FileWatch
    maillog: Log
    enforcement: Enforcement
    pulse: Pulse
    uplink: Uplink
    session: Session
    zones: ZoneWatch
    standing: StandingWatch
    addresses: tuple[str, ...]
    pace: Pace
    bells: Bells
    health: Health
    edges: Edges
    beaten: Callable[[], None]
    """Called after each heartbeat pass: the daemon says how it is."""

    async def follow(self) -> None:
        await pace.follow(self.follow_once, self.log_watch)

    def follow_once(self) -> News:
        """What the log has; a reload line wakes the loop that waits for it."""
        before = self.maillog.silence.reload_at
        found = News.NOTHING
        with self.health.coping(
            "counting the log", is_written=lambda: not self.maillog.owes_commit
        ):
            found = self.maillog.step(self.edges.now())
        if self.maillog.silence.reload_at != before:
            self.bells.obey.ring()
        self.health.say("log", problem="; ".join(self.maillog.problems))
        self.edges.mark("follow", pace.REST_EVERY)
        return found

    async def obey(self) -> None:
        while True:
            wait = await self.obey_once() or self.pace.interval
            self.edges.mark("obey", wait)
            await self.bells.obey.wait(wait)

    async def obey_once(self) -> timedelta | None:
        """Postfix as the directive says; a change of how far that is is news."""
        self._stand()
        before = self.enforcement.reading
        again = await self.enforcement.once()
        now = self.enforcement.reading
        if _is_news(before=before, now=now):
            with self.health.coping("noting a convergence"):
                self.state.add_events([_converged(now, self.edges.now())])
            self.bells.beat.ring()
        self.health.say(
            "postfix", problem=now.problem if now.convergence is Convergence.FAILED else ""
        )
        return again

    async def watch_zones(self) -> None:
        while True:
            wait = self.zones.wait(self.edges.now())
            self.edges.mark("sweep", wait)
            await self.bells.sweep.wait(wait)
            await self.sweep_once()

    async def sweep_once(self) -> None:
        """A round over the zones that are due, recorded; what changed is news."""
        readings = await self.zones.once(number=self.state.round + 1, now=self.edges.now())
        if not readings:
            return
        self.standing.saw(readings)
        if self._stand():
            self.bells.obey.ring()
        with self.health.coping("recording a round"):
            if self.state.record_round(readings):
                self.bells.beat.ring()
        self.health.say("zones", problem=self.zones.problem)
        self.health.say("nameservers", problem=_doubts(self.zones.nameservers))

    def _stand(self) -> bool:
        """Silence by standing orders, when nobody else commands it. Whether it was just begun."""
        wanted = self.enforcement.wanted
        why = self.standing.reason(wanted.standing if wanted else None)
        if not why or self.enforcement.self_silence is not None:
            return False
        # To the millisecond, as it travels: the collector lifts it by this name.
        now = self.edges.now()
        since = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self.enforcement.silence_itself(SelfSilence(since=since, why=why))
        return True

    async def beat(self) -> None:
        while True:
            await self.beat_once()
            pace = self.pace
            wait = backoff.jittered(pace.interval, jitter=pace.jitter, fraction=self.edges.luck())
            apart = min(BEAT_APART, wait)
            self.edges.mark("beat", wait)
            await anyio.sleep(apart.total_seconds())
            await self.bells.beat.wait(wait - apart)

    async def beat_once(self) -> None:
        """Gather, and send when there is a stream; readings are taken in any case."""
        self.session.begin_epoch_due()
        readings = await self.pulse.gather()
        if await self._is_uplink_ready():
            if self.maillog.owes_commit:
                with self.health.coping("counting the log"):
                    self.maillog.commit(self.edges.now())
            with self.health.coping("numbering a heartbeat"):
                self.uplink.send(self.pulse.number(readings, now=self.edges.now()))
        self.beaten()

    async def _is_uplink_ready(self) -> bool:
        """A stream just welcomed, or with a heartbeat still leaving, is given a moment."""
        with anyio.move_on_after(UPLINK_READY_SECONDS):
            while self.uplink.is_connected and not self.uplink.is_ready:  # noqa: ASYNC110
                await anyio.sleep(0.05)
        return self.uplink.is_ready


def _is_news(*, before: PostfixReading, now: PostfixReading) -> bool:
    return (before.convergence, before.directive_order, before.is_silent) != (
        now.convergence,
        now.directive_order,
        now.is_silent,
    )


def _converged(reading: PostfixReading, at: datetime) -> EventDraft:
    order = ".".join(map(str, reading.directive_order or ("none",)))
    silent = ", silent" if reading.is_silent else ""
    problem = f": {reading.problem}" if reading.problem else ""
    text = f"directive {order} {reading.convergence.value}{silent}{problem}"
    return EventDraft(kind=EventKind.CONVERGED, at=at, text=text)


def _doubts(nameservers: Sequence[NameserverReading]) -> str:
    doubted = (one for one in nameservers if one.state is not NameserverState.GOOD)
    return "; ".join(f"{one.nameserver} {one.state.value}: {one.why}" for one in doubted)
