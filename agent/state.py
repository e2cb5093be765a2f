# long: what one transaction may span stands on one page
"""What the node must not forget: log position and totals, events, the wanted directive.

What was counted and how far the log was read are one synced transaction. Only what is on the disk
is ever returned. Parses no log and decides nothing. One process at a time; a call that changes
something blocks for one sync and raises StateError when it did not happen.
"""

import os
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from agent import state_counts, state_events, state_senders, state_zones
from agent.maillog import position as positions
from agent.maillog.position import Position
from agent.maillog.silence import Silence
from agent.maillog.tally import Known
from agent.maillog.unknown import UnknownLines
from agent.model import (
    Cell,
    Counted,
    Directive,
    Event,
    EventDraft,
    EventKind,
    HandedOut,
    Intake,
    Minute,
    Reply,
    SelfSilence,
    SenderCount,
    ZoneReading,
)
from agent.state_file import StateError, StateFile, to_datetime, to_microseconds

__all__ = ["State", "StateError"]

_MICROSECOND = timedelta(microseconds=1)


class State:
    """Open with `State.open`; close before the process ends."""

    def __init__(self, file: StateFile) -> None:
        self._file = file

    @classmethod
    def open(cls, path: Path, *, now: datetime) -> "State":
        """Opens or makes the file (mode 0600). A corrupt one is moved aside; an event tells of it.

        StateError: another process has it, a newer version wrote it, or the disk failed.
        """
        file = StateFile(path, now=now)
        state = cls(file)
        try:
            if not file.is_fresh and (reason := state._unreadable()):
                file.start_anew(reason, now)
            if file.is_fresh:
                state._begin(file.note or "a new state file", now)
            with file.transaction():
                state_events.raise_numbers(file, now)
            file.reserve()
        except BaseException:
            file.close()
            raise
        return state

    def close(self) -> None:
        self._file.close()

    # The log and what was counted of it.

    @property
    def epoch(self) -> str:
        return str(self._file.node("epoch"))

    @property
    def position(self) -> Position | None:
        """None: counting has not started."""
        packed = self._file.node("position")
        return None if packed is None else positions.from_bytes(packed)

    @property
    def counted_from(self) -> datetime | None:
        return to_datetime(self._file.node("counted_from"))

    @property
    def counted_to(self) -> datetime | None:
        """Log time of the last line counted; None before the first."""
        return to_datetime(self._file.node("counted_to"))

    @property
    def silence(self) -> Silence:
        ((reload_at, in_flight, begun),) = self._file.rows(
            "SELECT reload_at, in_flight, begun FROM node"
        )
        return Silence(reload_at=to_datetime(reload_at), in_flight=in_flight, begun=begun)

    @property
    def unknown_lines(self) -> UnknownLines:
        body = self._file.node("unknown_lines")
        return UnknownLines() if body is None else msgspec.json.decode(body, type=UnknownLines)

    def start_counting(self, *, position: Position, counted_from: datetime) -> None:
        """Once, before the first `count`: where and when the very first reading begins."""
        packed, since = position.to_bytes(), to_microseconds(counted_from)
        with self._file.transaction() as database:
            database.execute(
                "UPDATE node SET position = ?, began_at = ?, counted_from = ?, blind_until = ?",
                (packed, packed, since, since),
            )

    def known(self) -> Known:
        """What a tally goes on from."""
        return Known(
            cells=self.cells(),
            intake=state_counts.intake(self._file, since=-1),
            senders=state_senders.counts(self._file, since=-1),
            underway=state_senders.underway(self._file),
            open_recipients=state_counts.open_recipients(self._file),
            blind_until=to_datetime(self._file.node("blind_until")),
        )

    def count(
        self,
        *,
        position: Position,
        counted_to: datetime,
        counted: Counted,
        events: Sequence[EventDraft] = (),
        silence: Silence | None = None,
    ) -> tuple[Event, ...]:
        """All of it in one transaction.

        StateError: nothing of it is counted; read the same lines again from `position`.
        """
        self._file.make_room()
        with self._file.transaction() as database:
            values = (position.to_bytes(), to_microseconds(counted_to))
            database.execute("UPDATE node SET position = ?, counted_to = ?", values)
            if silence is not None:
                self._keep_silence(silence)
            state_counts.put(self._file, counted)
            return state_events.insert(self._file, events)

    def begin_epoch(
        self,
        epoch: str,
        *,
        counted_from: datetime,
        position: Position | None,
        gap: tuple[datetime, datetime] | None,
        now: datetime,
    ) -> tuple[Event, ...]:
        """All totals and the sequence from zero; event numbers go on growing."""
        text = "the collector asked for it: it knew a later state of this node"
        drafts = [EventDraft(kind=EventKind.EPOCH_BEGUN, at=now, text=text)]
        if gap is not None:
            text = "between two epochs: not counted, or counted twice"
            drafts.append(EventDraft(kind=EventKind.LOG_GAP, at=now, window=gap, text=text))
        since = to_microseconds(counted_from)
        packed = None if position is None else position.to_bytes()
        with self._file.transaction() as database:
            state_counts.forget(self._file)
            database.execute(
                "UPDATE node SET epoch = ?, sequence = 0, acknowledged = 0, counted_from = ?,"
                " counted_to = ?, position = ?, began_at = ?, blind_until = ?,"
                " unknown_lines = NULL",
                (epoch, since, since, packed, packed, to_microseconds(now)),
            )
            state_events.raise_numbers(self._file, now)
            return state_events.insert(self._file, drafts)

    # Heartbeats.

    @property
    def sequence(self) -> int:
        """Of the last heartbeat; 0 before the first of this epoch."""
        return int(self._file.node("sequence"))

    @property
    def sequence_acknowledged(self) -> int:
        return int(self._file.node("acknowledged"))

    def next_sequence(self) -> int:
        """Durable before it is returned. Take it first, then the cells that go with it."""
        with self._file.transaction() as database:
            database.execute("UPDATE node SET sequence = sequence + 1")
            return self.sequence

    def cells(self) -> tuple[Cell, ...]:
        return self.cells_changed_since(-1)

    def cells_changed_since(self, sequence: int) -> tuple[Cell, ...]:
        """Whole cells of which anything changed after that heartbeat was numbered."""
        return state_counts.cells(self._file, since=sequence)

    def intake_changed_since(self, sequence: int) -> tuple[Intake, ...]:
        return state_counts.intake(self._file, since=sequence)

    def senders_changed_since(self, sequence: int) -> tuple[SenderCount, ...]:
        return state_senders.counts(self._file, since=sequence)

    def replies_changed_since(self, sequence: int) -> tuple[Reply, ...]:
        return state_counts.replies(self._file, since=sequence)

    def minutes(self, *, after: datetime, before: datetime, limit: int) -> tuple[Minute, ...]:
        """Of the oldest minutes of history between the two, at most so many."""
        return state_counts.minutes(self._file, after=after, before=before, limit=limit)

    @property
    def began_at(self) -> Position | None:
        """Where in the log this epoch began; None: it is not known."""
        packed = self._file.node("began_at")
        return None if packed is None else positions.from_bytes(packed)

    def acknowledged(self, sequence: int, *, events_upto: int) -> None:
        """The collector has this heartbeat of the present epoch, and these events."""
        with self._file.transaction() as database:
            database.execute("UPDATE node SET acknowledged = max(acknowledged, ?)", (sequence,))
            state_events.acknowledge(self._file, events_upto)

    # Events.

    @property
    def events_lost(self) -> int:
        """Dropped, too old or too many, before they were acknowledged."""
        return int(self._file.node("events_lost"))

    def add_events(self, drafts: Sequence[EventDraft]) -> tuple[Event, ...]:
        with self._file.transaction():
            return state_events.insert(self._file, drafts)

    def events_unacknowledged(self, limit: int) -> tuple[Event, ...]:
        """Oldest first."""
        return state_events.unacknowledged(self._file, limit)

    def replay_events(self) -> None:
        """All events still kept (seven days) are to be sent once more."""
        with self._file.transaction():
            state_events.replay(self._file)

    # Zones, the directive, the collector.

    @property
    def round(self) -> int:
        return int(self._file.node("round"))

    def zone_readings(self) -> tuple[ZoneReading, ...]:
        return state_zones.latest(self._file)

    def record_round(self, readings: Sequence[ZoneReading]) -> tuple[Event, ...]:
        """One sweep, numbered by us whatever number it carries; an event for all that changed."""
        with self._file.transaction():
            return state_zones.record(self._file, readings)

    def keep_readings(self, *, zones: Collection[str], addresses: Collection[str]) -> None:
        """Of other zones and addresses nothing is known any more."""
        with self._file.transaction():
            state_zones.keep(self._file, zones=zones, addresses=addresses)

    @property
    def handed_out(self) -> HandedOut | None:
        """None: the collector has not said yet which zones to look at."""
        body = self._file.node("catalogue")
        return None if body is None else msgspec.json.decode(body, type=HandedOut)

    def hold_handed_out(self, zones: HandedOut) -> None:
        with self._file.transaction() as database:
            body = msgspec.json.encode(zones).decode()
            database.execute("UPDATE node SET catalogue = ?", (body,))

    @property
    def directive(self) -> Directive | None:
        body = self._file.node("directive")
        return None if body is None else msgspec.json.decode(body, type=Directive)

    @property
    def term_highest(self) -> int:
        return int(self._file.node("term_highest"))

    def hold_directive(self, directive: Directive) -> bool:
        """False, and nothing changed, when the one held is newer."""
        held = self.directive
        if held is not None and directive.order < held.order:
            return False
        if directive != held:
            body = msgspec.json.encode(directive).decode()
            with self._file.transaction() as database:
                database.execute("UPDATE node SET directive = ?", (body,))
                self._raise_term(directive.term)
        return True

    @property
    def self_silence(self) -> SelfSilence | None:
        """By its standing orders; only the collector ends it, not a restart."""
        body = self._file.node("standing")
        return None if body is None else msgspec.json.decode(body, type=SelfSilence)

    def note_self_silence(self, silence: SelfSilence | None) -> None:
        with self._file.transaction() as database:
            body = None if silence is None else msgspec.json.encode(silence).decode()
            database.execute("UPDATE node SET standing = ?", (body,))

    def see_term(self, term: int) -> None:
        if term > self.term_highest:
            with self._file.transaction():
                self._raise_term(term)

    @property
    def reconnect_spread(self) -> timedelta | None:
        microseconds = self._file.node("reconnect_spread")
        return None if microseconds is None else microseconds * _MICROSECOND

    def remember_reconnect_spread(self, spread: timedelta) -> None:
        if spread != self.reconnect_spread:
            with self._file.transaction() as database:
                microseconds = spread // _MICROSECOND
                database.execute("UPDATE node SET reconnect_spread = ?", (microseconds,))

    @property
    def is_resuming(self) -> bool:
        """A resume was begun and not seen to its end: its reload may be missing."""
        return bool(self._file.node("is_resuming"))

    def note_resuming(self, is_resuming: bool) -> None:
        if is_resuming != self.is_resuming:
            with self._file.transaction() as database:
                database.execute("UPDATE node SET is_resuming = ?", (int(is_resuming),))

    def _unreadable(self) -> str:
        """Why the values held are not ours, though the file is whole; empty when they are."""
        try:
            _ = (self.position, self.directive, self.zone_readings(), self.known())
            _ = (self.handed_out, self.began_at, self.replies_changed_since(-1), self.unknown_lines)
            _ = (self.self_silence, self.silence, self.counted_from, self.counted_to)
            _ = (self.reconnect_spread, state_events.kept(self._file))
        except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
            return str(error)
        return ""

    def _begin(self, text: str, now: datetime) -> None:
        with self._file.transaction() as database:
            database.execute(
                "INSERT INTO node (id, epoch, event_next) VALUES (1, ?, 1)", (new_epoch_id(),)
            )
            state_events.raise_numbers(self._file, now)
            draft = EventDraft(kind=EventKind.EPOCH_BEGUN, at=now, text=text)
            state_events.insert(self._file, [draft])

    def _keep_silence(self, silence: Silence) -> None:
        values = (to_microseconds(silence.reload_at), silence.in_flight, silence.begun)
        self._file.rows("UPDATE node SET reload_at = ?, in_flight = ?, begun = ?", values)

    def _raise_term(self, term: int) -> None:
        self._file.rows("UPDATE node SET term_highest = max(term_highest, ?)", (term,))


def new_epoch_id() -> str:
    return os.urandom(16).hex()
