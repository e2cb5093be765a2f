"""The log's account: what was read is counted, and both are committed together.

One pass is one function; the pace is the caller's. Keeps nothing itself: the totals are the
ledger's, and what could not be committed is read again. A line is counted once, whatever dies.
"""

import grp
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from agent.maillog import parse
from agent.maillog.follow import CHUNK_BYTES, Batch, Follower
from agent.maillog.position import LogPosition
from agent.maillog.silence import Silence, SilenceWatch
from agent.maillog.tally import Tally
from agent.maillog.times import LineClock, first_time
from agent.model import Cell, CellKey, Event, EventDraft, EventKind, NewEpoch
from deliverability.replies import Outcome

# What is read but not committed is read again after a restart, and was shown to nobody: so lines
# that change no total may wait this long, and while catching up a commit covers so many bytes.
UNCOMMITTED_BYTES_MAX = 1 << 20
UNCOMMITTED_FOR_MAX = timedelta(seconds=30)
_SECOND = timedelta(seconds=1)


class Ledger(Protocol):
    """What an account needs of the state file. A method that raises has changed nothing."""

    @property
    def position(self) -> LogPosition | None: ...
    @property
    def counted_from(self) -> datetime | None: ...
    @property
    def counted_to(self) -> datetime | None: ...
    @property
    def silence(self) -> Silence: ...

    def cells(self) -> tuple[Cell, ...]: ...

    def start_counting(self, *, position: LogPosition, counted_from: datetime) -> None: ...

    def count(
        self,
        *,
        position: LogPosition,
        counted_to: datetime,
        changed: Mapping[CellKey, Mapping[Outcome, int]],
        events: Sequence[EventDraft] = (),
        silence: Silence | None = None,
    ) -> tuple[Event, ...]: ...

    def begin_epoch(
        self,
        epoch: str,
        *,
        counted_from: datetime,
        position: LogPosition | None,
        gap: tuple[datetime, datetime] | None,
        now: datetime,
    ) -> tuple[Event, ...]: ...


@dataclass(slots=True)
class _Reading:
    """What stands between the ledger and the log; made anew from the ledger when in doubt."""

    follower: Follower
    tally: Tally
    watch: SilenceWatch
    clock: LineClock
    is_started: bool
    committed_at: datetime
    uncommitted: Batch | None = None  # the last one read
    bytes_uncommitted: int = 0
    has_news: bool = False  # events among it


class Accounting:
    """Counts one log for one address. `pipes_out`: relay names of pipes that leave the machine."""

    def __init__(
        self,
        path: Path,
        ledger: Ledger,
        *,
        address: str,
        pipes_out: frozenset[bytes] = frozenset(),
    ) -> None:
        self.lines_read = 0
        self.lines_unparsed = 0
        self._path = path
        self._ledger = ledger
        self._address = address
        self._pipes_out = pipes_out
        self._reading: _Reading | None = None
        self._problem = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """What a person must mend, one sentence each."""
        return (self._problem,) if self._problem else ()

    @property
    def silence(self) -> Silence:
        """As far as the log was read; no earlier than what is committed."""
        return self._ledger.silence if self._reading is None else self._reading.watch.silence

    def step(self, now: datetime) -> bool:
        """Reads, counts and commits at most a mebibyte of lines; True: there may be more at once.

        StateError when it could not be committed: nothing was counted, call again later.
        """
        reading, self._reading = self._reading or self._resume(now), None
        try:
            batch = reading.follower.read(now)
        except OSError as error:
            reading.follower.close()
            self._problem = _explain(error, self._path)
            return False
        self._problem = "" if reading.follower.is_open else f"there is no log {self._path}"
        try:
            if reading.is_started:
                self._account(reading, batch, now)
            else:
                self._start(reading, batch, now)
        except BaseException:
            reading.follower.close()
            raise
        self._reading = reading
        return batch is not None

    def restart_at(self, wanted: NewEpoch, *, epoch: str, now: datetime) -> tuple[Event, ...]:
        """Begins an epoch where the collector's account ends: at its position of the log, else
        after its log time, else where we stand. What lies between is reported as a gap.

        StateError, OSError: nothing changed.
        """
        self.close()
        counted_from = (
            wanted.counted_to or self._ledger.counted_to or self._ledger.counted_from or now
        )
        position = _position_of(wanted)
        is_by_time = position is None and wanted.counted_to is not None
        if position is None:
            position = _NOWHERE if is_by_time else self._ledger.position
        follower = Follower(self._path, position=position, counted_to=counted_from)
        try:
            found = follower.read(now)
            following = follower.read(now) if is_by_time else None
        finally:
            follower.close()
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
        if self._reading is not None:
            self._reading.follower.close()
            self._reading = None

    def _resume(self, now: datetime) -> _Reading:
        ledger = self._ledger
        since = ledger.counted_from or now
        position, clock = ledger.position, LineClock(now)
        return _Reading(
            follower=Follower(
                self._path,
                position=position,
                # A line is stamped with its second's beginning: one written since is not earlier.
                counted_to=ledger.counted_to or since.replace(microsecond=0) - _SECOND,
            ),
            tally=Tally(self._address, ledger.cells(), pipes_out=self._pipes_out),
            watch=SilenceWatch(ledger.silence, clock, pipes_out=self._pipes_out),
            clock=clock,
            is_started=position is not None,
            committed_at=now,
        )

    def _start(self, reading: _Reading, batch: Batch | None, now: datetime) -> None:
        """The first reading begins at the log's end, or with whatever log there will be."""
        position = _NOWHERE if batch is None else batch.position
        self._ledger.start_counting(position=position, counted_from=now)
        reading.is_started = True
        if batch is None:
            reading.follower.expect_new()

    def _account(self, reading: _Reading, batch: Batch | None, now: datetime) -> None:
        if batch is None:
            if reading.uncommitted is not None and reading.has_news:
                self._commit(reading, reading.uncommitted, now)
            return
        reading.clock.now = now
        parsed = parse.parse_chunk(batch.data)
        for event in parsed.events:
            reading.watch.fold(event)
            if not isinstance(event, parse.Reload):
                reading.tally.add(event)
        reading.uncommitted = batch
        reading.has_news = reading.has_news or bool(parsed.events)
        reading.bytes_uncommitted += len(batch.data)
        if _is_due(reading, batch, now):
            self._commit(reading, batch, now)
        self.lines_read += batch.data.count(b"\n") + batch.overlong
        self.lines_unparsed += parsed.unparsed + batch.overlong

    def _commit(self, reading: _Reading, batch: Batch, now: datetime) -> None:
        gaps = []
        if batch.gap is not None:
            window = _window(batch.gap.start, end=batch.gap.end)
            text = batch.gap.text
            gaps = [EventDraft(kind=EventKind.LOG_GAP, at=now, window=window, text=text)]
        self._ledger.count(
            position=batch.position,
            counted_to=batch.counted_to,
            changed=reading.tally.changed(),
            events=gaps,
            silence=reading.watch.silence,
        )
        reading.tally.committed()
        reading.uncommitted = None
        reading.has_news = False
        reading.bytes_uncommitted = 0
        reading.committed_at = now


def _is_due(reading: _Reading, batch: Batch, now: datetime) -> bool:
    """Whether what was read must be on the disk before more is read."""
    if batch.moved or batch.gap is not None:
        return True
    if reading.bytes_uncommitted > UNCOMMITTED_BYTES_MAX:
        return True
    is_last = len(batch.data) <= CHUNK_BYTES // 2
    return (is_last and reading.has_news) or now - reading.committed_at > UNCOMMITTED_FOR_MAX


_NOWHERE = LogPosition()


def _position_of(wanted: NewEpoch) -> LogPosition | None:
    """None: the collector has none, or none this version understands."""
    try:
        return LogPosition.from_bytes(wanted.log_position)
    except ValueError:
        return None


def _window(start: datetime, *, end: datetime) -> tuple[datetime, datetime]:
    """In order, even where the log's clock was put back."""
    return (min(start, end), max(start, end))


def _explain(error: OSError, path: Path) -> str:
    if not isinstance(error, PermissionError):
        return f"cannot read {path}: {error.strerror or error}"
    try:
        group = grp.getgrgid(path.stat().st_gid).gr_name
        mode = path.stat().st_mode
    except (OSError, KeyError):
        group, mode = "adm", 0o040
    if group == "root" or not mode & 0o040:
        group = "adm"
        cure = f"let the group adm read it (chgrp adm {path}; chmod g+r {path}), and "
    else:
        cure = ""
    user = f"add the user with id {os.geteuid()} to the group {group}"
    return f"cannot read {path}: permission denied; {cure}{user}"
