"""Heartbeats: gathers the readings, numbers them, knows which of them the collector has."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent import report
from agent.details import Details, UnknownNews
from agent.details_senders import SenderNews
from agent.host.machine import Machine
from agent.host.services import Services
from agent.model import (
    Ack,
    AgentReading,
    Heartbeat,
    Minute,
    NameserverReading,
    PostfixReading,
    QueueReading,
    ServiceReading,
    ServiceState,
)
from agent.report import Account, Readings
from agent.sent import Sent
from agent.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the readings come from."""

    machine: Machine
    services: Services
    queue: Callable[[], Awaitable[QueueReading]]
    postfix: Callable[[], PostfixReading]
    agent: Callable[[], AgentReading]
    nameservers: Callable[[], Sequence[NameserverReading]] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    rounds: report.Rounds
    full_state: bool
    history_to: datetime | None


class Pulse:
    def __init__(self, state: State, sources: Sources) -> None:
        self._state = state
        self._sources = sources
        self._acknowledged: dict[tuple[str, str], int] = {}
        self._sent = Sent[_Sent]()
        self._is_full_wanted = False
        self._begin_epoch(state.epoch)
        # Minutes between the two the collector lacks.
        self._lacking: tuple[datetime, datetime] | None = None

    async def gather(self) -> Readings:
        """The node as it is at this moment."""
        sources = self._sources
        queue = await sources.queue()
        services = await sources.services.read()
        postfix = sources.postfix()
        return Readings(
            host=sources.machine.read(),
            queue=queue,
            services=(_postfix_service(postfix), *services),
            postfix=postfix,
            agent=sources.agent(),
        )

    def number(self, readings: Readings, *, now: datetime) -> Heartbeat:
        """The readings as the next heartbeat. The number is taken first, then what goes with it."""
        state = self._state
        sequence = state.next_sequence()
        epoch = state.epoch
        if epoch != self._epoch:
            self.tell_all()
            self._begin_epoch(epoch)
        full, since = self._is_full_wanted, state.sequence_acknowledged
        changed = state.cells() if full else state.cells_changed_since(since)
        self._details.add(changed, state.replies_changed_since(-1 if full else since))
        cells, replies = self._details.choose(sequence, changed, whole=full)
        self._senders.add(state.senders_changed_since(-1 if full else since))
        history = self._history()
        position = state.position
        account = Account(
            epoch=epoch,
            sequence=sequence,
            cells=cells,
            zones=state.zone_readings(),
            events=state.events_unacknowledged(report.EVENTS_MAX),
            log_position=b"" if position is None else position.to_bytes(),
            counted_to=state.counted_to,
            full_state=full,
            replies=replies,
            intake=state.intake_changed_since(-1 if full else since),
            senders=self._senders.choose(sequence, whole=full),
            history=history,
            nameservers=self._sources.nameservers(),
            unknown_lines=self._unknown.choose(sequence, state.unknown_lines, whole=full, now=now),
        )
        beat = report.build(readings, account, acknowledged=self._acknowledged, now=now)
        sent = _Sent(
            rounds=report.rounds(beat.zones),
            full_state=full,
            history_to=history[-1].at if history else None,
        )
        self._sent.add(sequence, sent)
        return beat

    def acknowledged(self, ack: Ack) -> None:
        """One ack says that this heartbeat is committed, and nothing of those before it."""
        if ack.epoch != self._state.epoch or ack.sequence > self._state.sequence:
            return
        self._state.acknowledged(ack.sequence, events_upto=ack.events_upto)
        self._details.acknowledged(ack.sequence)
        self._senders.acknowledged(ack.sequence)
        self._unknown.acknowledged(ack.sequence)
        sent = self._sent.acknowledged(ack.sequence)
        if sent is not None:
            self._acknowledged.update(sent.rounds)
            self._is_full_wanted = self._is_full_wanted and not sent.full_state
            if self._lacking is not None and sent.history_to is not None:
                self._lacking = (max(sent.history_to, self._lacking[0]), self._lacking[1])

    def tell_all(self) -> None:
        """The next heartbeat carries everything, until one such is acknowledged."""
        self._is_full_wanted = True
        self._acknowledged.clear()
        self._sent.clear()

    def tell_minutes(self, *, after: datetime, before: datetime) -> None:
        """Of history, a few with each heartbeat."""
        self._lacking = (after, before)

    def _begin_epoch(self, epoch: str) -> None:
        """What waits was counted in this one, nothing in another."""
        self._epoch = epoch
        self._details = Details()
        self._senders = SenderNews()
        self._unknown = UnknownNews()
        self._details.add(self._state.cells(), self._state.replies_changed_since(-1))
        self._senders.add(self._state.senders_changed_since(-1))

    def _history(self) -> tuple[Minute, ...]:
        if self._lacking is None:
            return ()
        after, before = self._lacking
        found = self._state.minutes(after=after, before=before, limit=report.MINUTES_MAX)
        if not found:
            self._lacking = None
        return found


def _postfix_service(postfix: PostfixReading) -> ServiceReading:
    """Whether Postfix's master runs, as the helper saw it."""
    if postfix.observed is None:
        return ServiceReading(name="postfix", state=ServiceState.UNKNOWN)
    running = ServiceState.RUNNING if postfix.observed.running else ServiceState.STOPPED
    return ServiceReading(name="postfix", state=running)
