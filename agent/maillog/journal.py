"""The systemd journal as a log, for nodes where nobody writes a file. Runs journalctl(1).

A child process follows the journal from our place on; it is started anew when it ends. The place is
proven by being shown its entry again: an entry that is gone (vacuumed, or lost in a crash before it
reached the disk) makes a gap, and time decides where to go on.

How soon a line is seen is journald's to say: it tells its readers, journalctl among them, of news
by a timer of 250 ms (journal-file.c, post_change_timer). So a line is counted within half a second
of being logged, where a file's is within a fifth.
"""

import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from agent.maillog import journal_lines, permission
from agent.maillog.follow import CHUNK_BYTES, Batch
from agent.maillog.journal_lines import FIELDS, Line
from agent.maillog.locate import Gap
from agent.maillog.position import JournalPosition, LogPosition, Position
from agent.watched import Watched

COMMAND = ("journalctl",)
MACHINE_ID = Path("/etc/machine-id")
START_SECONDS_MAX = 0.5  # for who asks once: to be shown our entry again
RUN_SECONDS_MAX = 10
END_SECONDS_MAX = 2
AGAIN_AFTER = timedelta(seconds=1)
ENTRY_BYTES_MAX = 1 << 20
SAID_BYTES_MAX = 500


class Journal:
    """A source of lines. `position`: None begins at the journal's end. A position of files goes on
    by time, after `counted_to`. `until`: the cursor of the last entry that is wanted."""

    def __init__(
        self,
        position: Position | None,
        *,
        counted_to: datetime,
        command: Sequence[str] = COMMAND,
        until: str = "",
    ) -> None:
        self._until = until
        self._command = tuple(command)
        self._counted_to = counted_to
        self._position = position if isinstance(position, JournalPosition) else None
        self._reason = ""  # of a gap not told yet
        self._after: datetime | None = None  # by time: entries up to then are not ours
        self._expected = ""  # the cursor of the entry to be shown first
        self._is_proven = False
        self._waiting: list[Line] = []
        self._overlong = 0
        if position is not None and self._position is None:
            # A file's line is stamped with its second's beginning; none of it is counted twice.
            self._after = counted_to.replace(microsecond=999_999)
            self._position = JournalPosition(at=self._after)
            if not isinstance(position, LogPosition) or position.head_length:
                self._reason = "the journal is read now instead of files"
        self._child: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._rest = b""
        self._is_skipping = False
        self._start_at: datetime | None = None
        self._problem = ""

    @property
    def problems(self) -> tuple[str, ...]:
        return (self._problem,) if self._problem else ()

    def __str__(self) -> str:
        return "the journal"

    @property
    def watched(self) -> Watched:
        return Watched(pipe=self._pipe())

    def expect_new(self) -> None:
        """An empty journal has a place, too."""

    def read(self, now: datetime) -> Batch | None:
        """OSError: there is no first place to begin at."""
        if self._position is None:
            return self._begin(now)
        if self._child is None:
            if self._start_at is not None and abs(now - self._start_at) < AGAIN_AFTER:
                return None
            self._start(self._position, now)
        if self._waiting:
            return self._advanced()
        entries = self._fetch()
        return None if entries is None else self._batch(entries, now)

    def settle(self, now: datetime) -> None:
        if self._position is not None and self._child is None:
            self._start(self._position, now)
        if self._child is not None:
            select.select([self._pipe()], [], [], START_SECONDS_MAX)

    def close(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait(END_SECONDS_MAX)
            self._let_go()

    # The child.

    def _begin(self, now: datetime) -> Batch:
        """Behind the newest entry there is."""
        words = (*self._command, *options(), "--lines=1", *matches(self._command))
        try:
            done = subprocess.run(words, capture_output=True, timeout=RUN_SECONDS_MAX, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            self._problem = f"cannot read the journal: {error}"
            raise OSError(self._problem) from error
        if done.returncode != 0:
            self._problem = _explain(done.stderr)
            raise OSError(self._problem)
        newest = journal_lines.line_of(done.stdout.strip())
        if newest is None:
            self._position = JournalPosition(at=now)
        else:
            self._position = JournalPosition(cursor=newest.cursor, at=newest.at)
        self._problem = ""
        return Batch(data=b"", position=self._position, counted_to=self._counted_to, moved=True)

    def _start(self, position: JournalPosition, now: datetime) -> None:
        self._start_at = now
        self._expected = "" if self._after is not None else position.cursor
        self._is_proven = False
        since = f"--since=@{position.at.timestamp():.6f}"
        place = f"--cursor={self._expected}" if self._expected else since
        following = (*options(), "--follow", "--no-tail", place)
        words = (*self._command, *following, *matches(self._command))
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the child)
        try:
            self._child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said
            )
        except OSError as error:
            self._said.close()
            self._problem = f"cannot read the journal: {error}"
            return
        self._rest = b""
        self._waiting = []
        self._is_skipping = False
        os.set_blocking(self._pipe(), False)

    def _pipe(self) -> int:
        child = self._child
        return -1 if child is None or child.stdout is None else child.stdout.fileno()

    def _fetch(self) -> list[bytes] | None:
        """Whole entries; None: there is nothing now."""
        if self._child is None:
            return None
        try:
            chunk = os.read(self._pipe(), CHUNK_BYTES)
        except BlockingIOError:
            self._problem = ""
            return None
        if not chunk:
            self._ended(self._child)
            return None
        self._problem = ""
        *entries, self._rest = (self._rest + chunk).split(b"\n")
        if self._is_skipping and entries:
            entries[0] = b"-"  # not an entry
            self._is_skipping = False
        if len(self._rest) > ENTRY_BYTES_MAX:
            self._rest, self._is_skipping = b"", True
        return entries

    def _ended(self, child: subprocess.Popen[bytes]) -> None:
        """By itself: what it said tells why. It is started again."""
        with suppress(subprocess.TimeoutExpired):
            child.wait(END_SECONDS_MAX)
        child.kill()
        child.wait(END_SECONDS_MAX)
        assert self._said is not None
        self._said.seek(0)
        said = self._said.read(SAID_BYTES_MAX)
        self._let_go()
        self._problem = _explain(said)
        if b"cursor" in said:
            self._go_on_by_time()

    def _let_go(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        assert self._said is not None
        self._child.stdout.close()
        self._said.close()
        self._child = None

    # What it shows.

    def _batch(self, entries: Sequence[bytes], now: datetime) -> Batch | None:
        lines = [line for one in entries if one and (line := journal_lines.line_of(one))]
        overlong = sum(bool(one) for one in entries) - len(lines)
        is_first = bool(lines) and not self._is_proven
        if is_first and self._expected:
            if lines[0].cursor != self._expected:
                self.close()
                self._go_on_by_time()
                return self.read(now + AGAIN_AFTER)
            del lines[0]
        if self._after is not None:
            after = self._after
            lines = [line for line in lines if line.at > after]
        if self._until:
            lines = self._upto_last(lines)
        self._waiting = lines
        self._overlong += overlong + sum(not line.text for line in lines)
        if is_first and (lines or self._expected):
            return self._opened()
        return self._advanced() if lines else None

    def _upto_last(self, lines: list[Line]) -> list[Line]:
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

    def _advanced(self) -> Batch:
        lines, self._waiting = self._waiting, []
        overlong, self._overlong = self._overlong, 0
        self._position = JournalPosition(cursor=lines[-1].cursor, at=lines[-1].at)
        self._counted_to = lines[-1].at
        return Batch(
            data=b"".join(line.text for line in lines),
            position=self._position,
            counted_to=self._counted_to,
            overlong=overlong,
        )


def is_there(command: Sequence[str] = COMMAND) -> bool:
    """Whether this machine has a journal to be asked."""
    folders = (Path("/run/log/journal"), Path("/var/log/journal"))
    return shutil.which(command[0]) is not None and any(
        next(folder.glob("*"), None) is not None for folder in folders
    )


def options() -> tuple[str, ...]:
    """--all: else what is long is left out. --merge: else --follow shows nothing of before the
    machine's last start, and we may not have read all of that."""
    return ("--quiet", "--all", "--merge", "--output=json", f"--output-fields={FIELDS}")


def matches(command: Sequence[str]) -> tuple[str, ...]:
    """Other machines' entries may lie beside our own, and --merge shows them; a folder that was
    named holds what is wanted."""
    own = ""
    if tuple(command) == COMMAND:
        with suppress(OSError):
            own = MACHINE_ID.read_text("ascii", "replace").strip()
    return journal_lines.matches(own)


def _explain(said: bytes) -> str:
    text = " ".join(said[:SAID_BYTES_MAX].decode("utf-8", "replace").split())
    cure = f"; {permission.join('systemd-journal')}" if "ermission" in text else ""
    return f"cannot read the journal: {text or 'journalctl ended'}{cure}"
