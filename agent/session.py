"""What the agent says and does when the collector speaks. Sends nothing, touches no Postfix."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from agent import refusal
from agent.bell import Bell
from agent.dnsbl.watch import ZoneWatch
from agent.enforcement import Enforcement
from agent.health import Health
from agent.model import (
    Ack,
    Directive,
    FromCollector,
    HandedOut,
    Hello,
    NewEpoch,
    ReconnectAfter,
    RecountRequest,
    Welcome,
)
from agent.pulse import Pulse
from agent.state import State

CAPABILITIES = ("pause", "recount", "catalogue")

log = structlog.get_logger()


@dataclass(slots=True)
class Pace:
    """How often, as the collector last said; these defaults until it does."""

    interval: timedelta = timedelta(seconds=30)
    jitter: timedelta = timedelta(seconds=3)
    sweep: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Bells:
    """Who may be woken before his time."""

    beat: Bell
    obey: Bell
    sweep: Bell


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """Who we are, for this run."""

    version: str
    machine_id: str
    boot_id: str
    run_id: str
    hostname: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the collector's words concern."""

    state: State
    enforcement: Enforcement
    pulse: Pulse
    health: Health
    restart_log: Callable[[NewEpoch], None]
    """Begins the epoch there; OSError: the log could not be read, nothing has changed."""
    recount: Callable[[RecountRequest], None] = lambda _: None
    """Answers later, by the stream there is then."""
    zones: ZoneWatch
    heard: Callable[[], None] = lambda: None
    """Called with every word of the collector."""


class Session:
    """The uplink's listener."""

    def __init__(
        self,
        me: Self,
        parts: Parts,
        *,
        pace: Pace,
        bells: Bells,
        now: Callable[[], datetime],
    ) -> None:
        self._me = me
        self._parts = parts
        self._pace = pace
        self._bells = bells
        self._now = now
        self._epoch_due: NewEpoch | None = None

    @property
    def reconnect_spread(self) -> timedelta | None:
        return self._parts.state.reconnect_spread

    def hello(self) -> Hello:
        state, me, zones = self._parts.state, self._me, self._parts.zones
        return Hello(
            agent_version=me.version,
            machine_id=me.machine_id,
            boot_id=me.boot_id,
            run_id=me.run_id,
            epoch=state.epoch,
            sequence=state.sequence,
            counted_from=state.counted_from,
            applied=self._parts.enforcement.wanted,
            term_highest=state.term_highest,
            capabilities=(*CAPABILITIES, *zones.held_keys),
            sent_at=self._now(),
            hostname=me.hostname,
            addresses=me.addresses,
            catalogue_revision=zones.revision,
        )

    def received(self, message: FromCollector) -> None:
        self._parts.heard()
        match message:
            case Welcome():
                self._welcome(message)
            case Ack():
                with self._parts.health.coping("noting an acknowledgement"):
                    self._parts.pulse.acknowledged(message)
            case Directive():
                self._directive(message)
            case NewEpoch():
                self._new_epoch(message)
            case HandedOut():
                self._handed_out(message)
            case RecountRequest():
                self._parts.recount(message)
            case ReconnectAfter():
                raise AssertionError("the uplink's own affair")

    def stream_lost(self) -> None:
        """A pass of the heartbeat loop sends nothing then, and tells `status`."""
        self._bells.beat.ring()

    def _welcome(self, welcome: Welcome) -> None:
        pace, state = self._pace, self._parts.state
        pace.interval, pace.jitter = welcome.heartbeat_interval, welcome.heartbeat_jitter
        if welcome.sweep_critical != pace.sweep:
            self._parts.zones.pace(welcome.sweep_critical)
            self._bells.sweep.ring()
        pace.sweep = welcome.sweep_critical
        self._parts.health.say(
            "clock",
            problem=refusal.skew_problem(collector_time=welcome.collector_time, now=self._now()),
        )
        with self._parts.health.coping("noting the collector's term"):
            state.see_term(welcome.term)
            state.remember_reconnect_spread(welcome.reconnect_spread)
            if welcome.replay_events:
                state.replay_events()
        if welcome.full_state:
            self._parts.pulse.tell_all()
        if welcome.history_after is not None:
            self._parts.pulse.tell_minutes(after=welcome.history_after, before=self._now())
        self._bells.beat.ring()

    def _handed_out(self, handed: HandedOut) -> None:
        """Looked at from now on; stored, if they can be. Unreadable ones change nothing."""
        parts = self._parts
        try:
            parts.zones.take(handed)
        except ValueError as error:
            parts.health.say("catalogue", problem=f"what the collector handed out: {error}")
            return
        parts.health.say("catalogue", problem="")
        with parts.health.coping("storing the catalogue"):
            parts.state.hold_handed_out(handed)
            parts.state.keep_readings(
                zones={one.name for one in parts.zones.zones}, addresses=self._me.addresses
            )
        self._bells.sweep.ring()

    def _directive(self, directive: Directive) -> None:
        """In force at once; stored, if it can be. The answer is the next heartbeat."""
        if not self._parts.enforcement.order(directive):
            return
        self._bells.obey.ring()
        with self._parts.health.coping("storing the directive"):
            self._parts.state.hold_directive(directive)

    def _new_epoch(self, new_epoch: NewEpoch) -> None:
        log.warning("new epoch asked for", counted_to=new_epoch.counted_to)
        self._epoch_due = new_epoch
        self.begin_epoch_due()

    def begin_epoch_due(self) -> None:
        """The epoch that was asked for and could not begin yet, if there is one."""
        if self._epoch_due is None:
            return
        health = self._parts.health
        errors = health.state_errors
        try:
            with health.coping("beginning a new epoch"):
                self._parts.restart_log(self._epoch_due)
        except OSError as error:
            health.say("epoch", problem=f"a new one cannot begin: {error}")
            return
        if health.state_errors > errors:
            return
        health.say("epoch", problem="")
        self._epoch_due = None
        self._parts.pulse.tell_all()
        self._bells.beat.ring()
