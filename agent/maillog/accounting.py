"""The log's account: what was read is counted, and both are committed together.

One pass is one function; the pace is the caller's. A line is counted at once and committed within
a minute. Keeps nothing itself: what could not be committed is read again. A line is counted once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from agent.maillog import position as positions
from agent.maillog import unknown
from agent.maillog.follow import Batch
from agent.maillog.hosts import Sieve, Sifted
from agent.maillog.logs import Logs
from agent.maillog.news import News
from agent.maillog.position import LogPosition, Position
from agent.maillog.silence import Silence, SilenceWatch
from agent.maillog.source import Source
from agent.maillog.tally import Known, Tally
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock, first_time, stamped_before
from agent.model import Counted, Event, EventDraft, EventKind, NewEpoch
from agent.watched import Watched

# A heartbeat tells of what is committed, so one is made before each. Each waits for the disk: else
# they keep further apart than heartbeats do, and catching up one covers many bytes.
COMMITS_APART = timedelta(seconds=40)
UNCOMMITTED_BYTES_MAX = 8 << 20


class Ledger(Protocol):
    """What an account needs of the state file. A method that raises has changed nothing."""

    @property
    def position(self) -> Position | None: ...
    @property
    def counted_from(self) -> datetime | None: ...
    @property
    def counted_to(self) -> datetime | None: ...
    @property
    def silence(self) -> Silence: ...
    @property
    def unknown_lines(self) -> unknown.UnknownLines: ...

    def known(self) -> Known: ...

    def start_counting(self, *, position: Position, counted_from: datetime) -> None: ...

    def count(
        self,
        *,
        position: Position,
        counted_to: datetime,
        counted: Counted,
        events: Sequence[EventDraft] = (),
        silence: Silence | None = None,
    ) -> tuple[Event, ...]: ...

    def begin_epoch(
        self,
        epoch: str,
        *,
        counted_from: datetime,
        position: Position | None,
        gap: tuple[datetime, datetime] | None,
        now: datetime,
    ) -> tuple[Event, ...]: ...


@dataclass(slots=True)
class _Reading:
    """What stands between the ledger and the log; made anew from the ledger when in doubt."""

    source: Source
    sieve: Sieve
    tally: Tally
    watch: SilenceWatch
    clock: LineClock
    strange: unknown.UnknownLines  # but for the `usual_lines` since then
    is_started: bool
    committed_at: datetime
    uncommitted: Batch | None = None  # the last one read
    bytes_uncommitted: int = 0
    usual_lines: int = 0


class Accounting:
    """Counts the logs of one node."""

    def __init__(self, logs: Logs, ledger: Ledger, *, whose: Whose) -> None:
        self.lines_read = 0
        self.lines_unparsed = 0
        self._logs = logs
        self._ledger = ledger
        self._whose = whose
        self._reading: _Reading | None = None
        self._problems: tuple[str, ...] = ()
        self._watched = Watched()

    @property
    def problems(self) -> tuple[str, ...]:
        """What a person must mend, one sentence each."""
        return self._problems

    @property
    def silence(self) -> Silence:
        """As far as the log was read; no earlier than what is committed."""
        return self._ledger.silence if self._reading is None else self._reading.watch.silence

    @property
    def watched(self) -> Watched:
        """What is to be watched for news; as it was at the last step."""
        return self._watched

    def step(self, now: datetime) -> News:
        """Reads and counts some lines, and commits when it is time.

        StateError when it could not be committed: what was not is counted again, call later.
        """
        reading, self._reading = self._reading or self._resume(now), None
        try:
            batch = reading.source.read(now)
        except OSError:
            self._problems = reading.source.problems
            reading.source.close()
            return News.NOTHING
        if batch is None or batch.moved:
            self._problems = reading.source.problems
            self._watched = reading.source.watched
        try:
            if reading.is_started:
                self._account(reading, batch, now)
            else:
                self._start(reading, batch, now)
        except BaseException:
            reading.source.close()
            raise
        self._reading = reading
        if batch is not None and batch.has_more:
            return News.MORE
        return News.NOTHING if batch is None else News.SOME

    @property
    def owes_commit(self) -> bool:
        return self._reading is not None and self._reading.uncommitted is not None

    def commit(self, now: datetime) -> None:
        """All that was counted is on the disk when this returns. StateError as for `step`."""
        reading = self._reading
        if reading is None or reading.uncommitted is None:
            return
        try:
            self._commit(reading, reading.uncommitted, now)
        except BaseException:
            self.close()
            raise

    def restart_at(self, wanted: NewEpoch, *, epoch: str, now: datetime) -> tuple[Event, ...]:
        """Begins an epoch where the collector's account ends: at its position of the log, else
        after its log time, else where we stand. What lies between is reported as a gap.

        StateError, OSError: nothing changed.
        """
        self.commit(now)  # and with it which reload was seen
        self.close()
        counted_from = (
            wanted.counted_to or self._ledger.counted_to or self._ledger.counted_from or now
        )
        position = positions.understood(wanted.log_position)
        is_by_time = position is None and wanted.counted_to is not None
        if position is None:
            position = _NOWHERE if is_by_time else self._ledger.position
        source = self._logs.open(position, counted_to=counted_from)
        try:
            found = source.read(now)
            following = source.read(now) if is_by_time else None
        finally:
            source.close()
        window = None
        if found is not None and found.gap is not None:
            window = _window(found.gap.start, end=found.gap.end)
        elif is_by_time:
            resumed_at = first_time(following.data, LineClock(now)) if following else None
            window = _window(counted_from, end=resumed_at or now)
        return self._ledger.begin_epoch(
            epoch,
            counted_from=counted_from,
            position=found.position if found else position,
            gap=window,
            now=now,
        )

    def close(self) -> None:
        """Lets go of the log. What was not committed is read again when counting goes on."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.source.close()

    def _resume(self, now: datetime) -> _Reading:
        ledger = self._ledger
        since = ledger.counted_from or now
        position, clock = ledger.position, LineClock(now)
        return _Reading(
            source=self._logs.open(
                position,
                counted_to=ledger.counted_to or stamped_before(since),
            ),
            sieve=Sieve(self._whose.own, ledger.unknown_lines.foreign),
            tally=Tally(self._whose, ledger.known(), clock=clock),
            watch=SilenceWatch(ledger.silence, clock, pipes_out=self._whose.pipes_out),
            clock=clock,
            strange=ledger.unknown_lines,
            is_started=position is not None,
            committed_at=now,
        )

    def _start(self, reading: _Reading, batch: Batch | None, now: datetime) -> None:
        """The first reading begins at the log's end, or with whatever log there will be."""
        position = _NOWHERE if batch is None else batch.position
        reading.sieve.learn(b"" if batch is None else batch.behind)
        self._ledger.start_counting(position=position, counted_from=now)
        reading.is_started = True
        if batch is None:
            reading.source.expect_new()

    def _account(self, reading: _Reading, batch: Batch | None, now: datetime) -> None:
        reading.clock.now = now
        sifted = reading.sieve.take(batch, now)
        if sifted is not None:
            self._fold(reading, sifted)
        if reading.uncommitted is not None and _is_due(reading, reading.uncommitted, now):
            self._commit(reading, reading.uncommitted, now)
        if sifted is not None:
            self.lines_read += sifted.lines
            self.lines_unparsed += sifted.parsed.unparsed + sifted.overlong

    def _fold(self, reading: _Reading, sifted: Sifted) -> None:
        batch, parsed = sifted.batch, sifted.parsed
        if batch.gap is not None:
            reading.tally.missed(max(batch.gap.start, batch.gap.end))
        reading.watch.fold(parsed.events)
        reading.tally.fold(parsed)
        reading.uncommitted = batch
        reading.bytes_uncommitted += len(batch.data)
        if sifted.is_usual:
            reading.usual_lines += sifted.lines
        else:
            reading.strange = sifted.added_to(reading.strange)

    def _commit(self, reading: _Reading, batch: Batch, now: datetime) -> None:
        gaps = []
        if batch.gap is not None:
            window = _window(batch.gap.start, end=batch.gap.end)
            text = batch.gap.text
            gaps = [EventDraft(kind=EventKind.LOG_GAP, at=now, window=window, text=text)]
        lines = reading.strange.lines + reading.usual_lines
        reading.strange, reading.usual_lines = replace(reading.strange, lines=lines), 0
        self._ledger.count(
            position=batch.position,
            counted_to=batch.counted_to,
            counted=replace(reading.tally.counted(), unknown_lines=reading.strange),
            events=gaps,
            silence=reading.watch.silence,
        )
        reading.tally.committed()
        reading.uncommitted = None
        reading.bytes_uncommitted = 0
        reading.committed_at = now


def _is_due(reading: _Reading, batch: Batch, now: datetime) -> bool:
    """Whether what was read is to be on the disk before more is read."""
    if batch.moved or batch.gap is not None:
        return True
    if reading.bytes_uncommitted > UNCOMMITTED_BYTES_MAX:
        return True
    # Also by a clock put back.
    return not timedelta(0) <= now - reading.committed_at < COMMITS_APART


_NOWHERE = LogPosition()


def _window(start: datetime, *, end: datetime) -> tuple[datetime, datetime]:
    """In order, even where the log's clock was put back."""
    return (min(start, end), max(start, end))
