"""The systemd journal as a log, for nodes where nobody writes a file.

The place is proven by being shown its entry again: an entry that is gone (vacuumed, or lost in a
crash before it reached the disk) makes a gap, and time decides where to go on. How the files are
read is the business of journal_entries.
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from agent.maillog import permission
from agent.maillog.follow import Batch
from agent.maillog.journal_entries import Entries
from agent.maillog.journal_kept import Kept
from agent.maillog.journal_lines import Line
from agent.maillog.locate import Gap
from agent.maillog.position import JournalPosition, LogPosition, Position
from agent.watched import Watched

ROOTS = (Path("/run/log/journal"), Path("/var/log/journal"))
MACHINE_ID = Path("/etc/machine-id")
AGAIN_AFTER = timedelta(seconds=1)
CURRENT = "system.journal"  # what journald writes to; systemd-journald(8)


class Journal:
    """A source of lines. `position`: None begins at the journal's end. A position of files goes on
    by time, after `counted_to`. `folder`: None is the machine's own. `until`: the cursor of the
    last entry that is wanted."""

    def __init__(
        self,
        position: Position | None,
        *,
        counted_to: datetime,
        folder: Path | None = None,
        until: str = "",
    ) -> None:
        self._until = until
        self._folder = folder
        self._counted_to = counted_to
        self._position = position if isinstance(position, JournalPosition) else None
        self._reason = ""  # of a gap not told yet
        self._after: datetime | None = None  # by time: entries up to then are not ours
        self._expected = ""  # the cursor of the entry to be shown first
        self._is_proven = False
        self._waiting: Sequence[Line] = ()
        self._overlong = 0
        if position is not None and self._position is None:
            # A file's line is stamped with its second's beginning; none of it is counted twice.
            self._after = counted_to.replace(microsecond=999_999)
            self._position = JournalPosition(at=self._after)
            if not isinstance(position, LogPosition) or position.head_length:
                self._reason = "the journal is read now instead of files"
        self._entries: Entries | None = None
        self._missing: tuple[Path, ...] = ()  # folders that were not there
        self._opened_at: datetime | None = None
        self._kept = Kept((), since=counted_to)
        self._certain_to = counted_to  # up to then nothing was missed
        self._lost: Gap | None = None
        self._watched = Watched()
        self._problem = self._refused = ""

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(filter(None, (self._problem, self._refused)))

    def __str__(self) -> str:
        return "the journal"

    @property
    def watched(self) -> Watched:
        return self._watched

    def expect_new(self) -> None:
        """An empty journal has a place, too."""

    def read(self, now: datetime) -> Batch | None:
        """OSError: there is no first place to begin at."""
        if self._position is None:
            return self._begin(now)
        if self._waiting:
            return self._advanced()
        if self._lost is not None:
            return self._tell_lost(self._position)
        try:
            lines = self._read(self._position, now)
        except OSError as error:
            self._take_stock(now)  # what is wiped while it is read is bad to read
            self._fail(error)
            return None
        return self._batch(lines, now) if lines else None

    def close(self) -> None:
        entries, self._entries = self._entries, None
        if entries is not None:
            entries.close()

    # Opening.

    def _begin(self, now: datetime) -> Batch:
        """Behind the newest entry there is."""
        try:
            entries = self._open(now)
            newest = entries.newest()
        except OSError as error:
            self._fail(error)
            raise OSError(self._problem) from error
        if newest is None:
            entries.go_to_time(now)
            self._position = JournalPosition(at=now)
        else:
            self._position = JournalPosition(cursor=newest.cursor, at=newest.at)
        self._is_proven = True
        return Batch(data=b"", position=self._position, counted_to=self._counted_to, moved=True)

    def _open(self, now: datetime) -> Entries:
        self._opened_at = now
        folders = places(self._folder)
        self._missing = tuple(one for one in folders if not one.is_dir())
        self._refused = _refusal(folders)
        since = now if self._position is None else self._position.at
        self._kept = Kept(folders, since=since)
        self._certain_to = self._counted_to
        self._entries = Entries(self._folder)
        self._watch()
        return self._entries

    def _watch(self) -> None:
        folders = [one for one in places(self._folder) if one.is_dir()]
        files = [one / CURRENT for one in folders if os.access(one / CURRENT, os.F_OK)]
        self._watched = Watched(tuple(map(str, files)), tuple(map(str, folders)), is_late=True)

    def _go_to(self, position: JournalPosition, entries: Entries) -> None:
        self._is_proven = False
        self._waiting = ()
        self._expected = "" if self._after is not None else position.cursor
        if self._expected:
            entries.go_to(self._expected)
        else:
            entries.go_to_time(position.at)

    def _fail(self, error: OSError) -> None:
        self.close()
        self._problem = f"cannot read the journal: {error.strerror or error}"

    # What it shows.

    def _read(self, position: JournalPosition, now: datetime) -> Sequence[Line]:
        if self._entries is None:
            if self._opened_at is not None and abs(now - self._opened_at) < AGAIN_AFTER:
                return ()
            self._go_to(position, self._open(now))
        assert self._entries is not None
        lines = self._entries.read()
        self._problem = ""
        if self._entries.is_changed:
            self._entries.is_changed = False
            self._watch()
            self._take_stock(now)
            lines = lines or self._entries.read()
        if self._entries.is_at_end:
            self._kept.all_read()
            self._certain_to = self._counted_to
            # Of a folder that was missing the library learns when it is opened anew.
            if not lines and any(map(Path.is_dir, self._missing)):
                self.close()
        return lines

    def _take_stock(self, now: datetime) -> None:
        if self._kept.take_stock():
            text = "files of the journal were removed before they were read"
            self._lost = Gap(start=self._certain_to, end=now, text=text)

    def _batch(self, lines: Sequence[Line], now: datetime) -> Batch | None:
        is_first = not self._is_proven
        if is_first and self._expected:
            if lines[0].cursor != self._expected:
                self._go_on_by_time()
                return self.read(now)
            lines = lines[1:]
        if self._after is not None:
            after = self._after
            lines = [line for line in lines if line.at > after]
        if self._until:
            lines = self._upto_last(lines)
        self._waiting = lines
        self._overlong += sum(not line.text for line in lines)
        if is_first and (lines or self._expected):
            return self._opened()
        return self._advanced() if lines else None

    def _tell_lost(self, position: JournalPosition) -> Batch:
        gap, self._lost = self._lost, None
        return Batch(data=b"", position=position, counted_to=self._counted_to, gap=gap, moved=True)

    def _upto_last(self, lines: Sequence[Line]) -> Sequence[Line]:
        for place, line in enumerate(lines, start=1):
            if line.cursor == self._until:
                return lines[:place]
        return lines

    def _opened(self) -> Batch:
        """Where we go on, and what is missing before; the lines come next."""
        assert self._position is not None
        self._is_proven = True
        gap = None
        if self._reason:
            gap = Gap(start=self._counted_to, end=self._waiting[0].at, text=self._reason)
        self._reason = ""
        self._after = None
        return Batch(
            data=b"", position=self._position, counted_to=self._counted_to, gap=gap, moved=True
        )

    def _go_on_by_time(self) -> None:
        assert self._position is not None
        self._after = self._position.at
        self._reason = "the entry of the journal we had read last is gone"
        if self._entries is not None:
            self._go_to(self._position, self._entries)

    def _advanced(self) -> Batch:
        lines, self._waiting = self._waiting, ()
        overlong, self._overlong = self._overlong, 0
        self._position = JournalPosition(cursor=lines[-1].cursor, at=lines[-1].at)
        self._counted_to = lines[-1].at
        return Batch(
            data=b"".join(line.text for line in lines),
            position=self._position,
            counted_to=self._counted_to,
            overlong=overlong,
            has_more=self._entries is None or not self._entries.is_at_end,
        )


def places(folder: Path | None) -> tuple[Path, ...]:
    """Where the files are, or may come to be."""
    if folder is not None:
        return (folder,)
    own = ""
    with suppress(OSError):
        own = MACHINE_ID.read_text("ascii", "replace").strip()
    return tuple(root / own for root in ROOTS)


def is_there(folder: Path | None = None) -> bool:
    """Whether this machine has a journal to be asked."""
    return any(map(Path.is_dir, places(folder)))


def _refusal(folders: Sequence[Path]) -> str:
    """Which of it may not be read, and what to do. PermissionError: nothing of it may be; to the
    library it is an empty journal then."""
    files = [file for one in folders for file in one.glob("*.journal")]
    names = [one for one in folders if one.is_dir()] + files
    shut = [one for one in names if not os.access(one, os.R_OK, effective_ids=True)]
    if not shut:
        return ""
    text = f"{shut[0]}: permission denied; {permission.join('systemd-journal')}"
    if not any(one not in shut for one in files):
        raise PermissionError(errno.EACCES, text)
    return f"cannot read all of the journal: {text}"
