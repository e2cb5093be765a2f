# long: the rules of one machine, which are read together
"""Any order of writing, rotating, killing and losing power: the totals are those of the lines that
were ever there to be read, or a gap's window says which may be missing.

The state loses what was not committed, the log what was not synced: its end, at any byte, or with
zeroes in its place; or the last renaming, with the file that was new then.
"""

import gzip
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.maillog.accounting import Accounting
from agent.maillog.logs import Logs
from agent.maillog.tally_whose import Whose
from agent.model import Event
from agent.state import State, StateError
from demo.grammar import Form
from tests.maillog_bed import ADDRESS, START, Log, Totals, read_all, totals

EXAMPLES = 1000 if os.environ.get("SOAK") == "1" else 20
DOUBT = timedelta(seconds=1)  # of a stamp's second
REBOOT = timedelta(seconds=5)


class Full(State):
    """A state whose disk is full now and then."""

    is_full = False

    def count(self, **arguments: object) -> tuple[Event, ...]:
        if self.is_full:
            raise StateError("no room", retryable=True)
        return super().count(**arguments)  # type: ignore[arg-type]


@dataclass(slots=True)
class File:
    """A log file, its deliveries by where they end, and how much of it is on the disk for sure."""

    path: Path
    ends: list[tuple[int, int]] = field(default_factory=list)  # offset behind it, its number
    synced: int = 0

    @property
    def size(self) -> int:
        return self.path.stat().st_size


class Writing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine"))

    @initialize(form=st.sampled_from(Form), dated=st.booleans())
    def begin(self, form: Form, dated: bool) -> None:
        self.log = Log(self.folder / "mail.log", form=form)
        self.log.tick = timedelta(milliseconds=130)
        self.dated = dated
        self.rotations = 0
        self.delivered: list[tuple[tuple[str, str], datetime]] = []
        self.gone: set[int] = set()  # lost before anybody counted them
        self.maybe: set[int] = set()  # lost; nobody can tell whether they were counted
        self.current = File(self.log.path)
        self.rotated: list[File] = []
        self.is_fresh = False  # renamed just now, and nobody synced the folder
        self.half = b""
        self.half_of: File | None = None
        self.log.path.touch()
        self.open()
        read_all(self.account, self.log.now)
        self.log.at = self.log.now  # what is written now is not older than the start

    def open(self) -> None:
        state = Full.open(self.folder / "state.db", now=START)
        assert isinstance(state, Full)
        self.state = state
        self.account = Accounting(Logs.of(self.log.path), state, whose=Whose(ADDRESS))

    def teardown(self) -> None:
        if hasattr(self, "account"):
            self.account.close()
            self.state.close()
        shutil.rmtree(self.folder)

    # What is written.

    @rule(count=st.integers(1, 30))
    def write(self, count: int) -> None:
        self.finish_half()
        for _ in range(count):
            self.append(self.line(), self.current)

    @rule(part=st.floats(0.05, 0.95))
    def write_half(self, part: float) -> None:
        self.finish_half()
        line = self.line()
        place = int(len(line) * part)
        with self.current.path.open("ab") as file:
            file.write(line[:place])
        self.half, self.half_of = line[place:], self.current

    def line(self) -> bytes:
        before = self.log.truth.copy()
        neighbour, delivery = self.log.lines(1)
        (key,) = self.log.truth - before
        self.delivered.append((key, self.log.at))
        return neighbour + delivery

    def append(self, rest: bytes, file: File) -> None:
        with file.path.open("ab") as opened:
            opened.write(rest)
        file.ends.append((file.size, len(self.delivered) - 1))

    def finish_half(self) -> None:
        """By a writer that holds its file open, whatever its name is now."""
        if self.half_of is not None:
            self.append(self.half, self.half_of)
        self.half, self.half_of = b"", None

    @rule()
    def sync(self) -> None:
        self.is_fresh = False
        for file in (self.current, *self.rotated):
            if file.path.exists():
                file.synced = file.size

    @rule(by=st.integers(1, 90))
    def wait(self, by: int) -> None:
        self.log.at += timedelta(seconds=by)

    # Rotation.

    @rule(creates=st.booleans())
    def rename(self, creates: bool) -> None:
        if not self.current.path.exists() or not self.current.size:
            return
        renamed = self.current
        renamed.path = renamed.path.rename(self.next_name())
        self.rotated.append(renamed)
        self.current = File(self.log.path)
        self.is_fresh = True
        if creates:
            self.log.path.touch()
        else:
            self.finish_half()

    @rule()
    def copytruncate(self) -> None:
        self.finish_half()
        if not self.current.path.exists() or not self.current.size:
            return
        self.is_fresh = False
        copy = Path(shutil.copy2(self.current.path, self.next_name()))
        self.rotated.append(File(copy, ends=[*self.current.ends]))
        os.truncate(self.current.path, 0)
        self.current.ends.clear()
        self.current.synced = 0

    def next_name(self) -> Path:
        """Of the newest rotated file; with numbers, all the others move on first."""
        self.rotations += 1
        if self.dated:
            return self.folder / f"mail.log.20261122-{self.rotations:06}"
        for number, file in zip(range(len(self.rotated), 0, -1), self.rotated, strict=True):
            packed = ".gz" if file.path.suffix == ".gz" else ""
            file.path = file.path.rename(self.folder / f"mail.log.{number + 1}{packed}")
        return self.folder / "mail.log.1"

    @precondition(lambda self: any(f.path.suffix != ".gz" for f in getattr(self, "rotated", ())))
    @rule(leaves_newest=st.booleans())
    def compress(self, leaves_newest: bool) -> None:
        """All, or all but the newest (delaycompress)."""
        self.finish_half()
        self.is_fresh = self.is_fresh and leaves_newest
        for file in self.rotated[: -1 if leaves_newest else None]:
            if file.path.suffix != ".gz":
                status = file.path.stat()
                packed = file.path.with_name(file.path.name + ".gz")
                packed.write_bytes(gzip.compress(file.path.read_bytes(), 1))
                os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
                file.path.unlink()
                file.path = packed

    # Reading, and what ends it.

    @rule(count=st.integers(1, 6))
    def step(self, count: int) -> None:
        for _ in range(count):
            with suppress(StateError):
                self.account.step(self.log.now)

    @rule()
    def kill(self) -> None:
        """What was counted and not committed is forgotten."""
        self.account.close()
        self.state.close()
        self.open()

    @rule(is_full=st.booleans())
    def fill_disk(self, is_full: bool) -> None:
        self.state.is_full = is_full

    @rule(seed=st.integers(0, 2**32), zeroes=st.booleans(), renames=st.booleans())
    def cut_power(self, seed: int, zeroes: bool, renames: bool) -> None:
        """`renames`: a renaming that was not synced is lost as well."""
        dice = random.Random(seed)
        self.lose_state(dice)
        lost: set[int] = self.lose_renaming() if renames and self.is_fresh else set()
        self.is_fresh = False
        for file in (self.current, *self.rotated[-1:]):
            if file.path.exists() and file.path.suffix != ".gz":
                lost |= self.lose_end(file, dice, zeroes=zeroes)
        self.half, self.half_of = b"", None
        self.open()
        self.sort_out(lost)
        self.log.at += REBOOT

    def lose_state(self, dice: random.Random) -> None:
        """As the disk has it without a closing, with the torn beginning of one more commit."""
        names = ("state.db", "state.db-wal")
        kept = {name: (self.folder / name).read_bytes() for name in names}
        self.account.close()
        self.state.close()
        for name, held in kept.items():
            (self.folder / name).write_bytes(held)
        with (self.folder / "state.db-wal").open("ab") as file:
            file.write(dice.randbytes(dice.randrange(900)))
        (self.folder / "state.db-shm").unlink(missing_ok=True)

    def lose_renaming(self) -> set[int]:
        """The log has its name again, and what was new then was never there."""
        lost = {number for _, number in self.current.ends}
        if self.half_of is self.current:
            lost.add(len(self.delivered) - 1)
        self.current.path.unlink(missing_ok=True)
        self.current = self.rotated.pop()
        self.current.path = self.current.path.rename(self.log.path)
        return lost

    def lose_end(self, file: File, dice: random.Random, *, zeroes: bool) -> set[int]:
        status = file.path.stat()
        size = status.st_size
        kept = dice.randint(file.synced, size)
        os.truncate(file.path, kept)
        is_whole = file.path.read_bytes()[-1:] in (b"\n", b"")
        if zeroes:
            os.truncate(file.path, size)
        os.utime(file.path, ns=(status.st_atime_ns, status.st_mtime_ns))  # nobody wrote to it
        lost = {number for end, number in file.ends if end > kept}
        if self.half_of is file:
            lost.add(len(self.delivered) - 1)
        file.ends = [(end, number) for end, number in file.ends if end <= kept]
        file.synced = file.size
        if not is_whole:
            # What is left of a line may tell enough; the next one is written just behind it.
            self.maybe |= {min(lost, default=0), len(self.delivered)}
        return lost

    def sort_out(self, lost: set[int]) -> None:
        """Which of the lost lines had been counted: lines are counted in their order."""
        counted = sum(self.totals.values())
        there = [n for n in range(len(self.delivered)) if n not in self.gone]
        in_doubt = len(self.maybe | self.doubtful())
        for rank, number in enumerate(there):
            if number in lost - self.maybe and rank >= counted:
                (self.gone if rank >= counted + in_doubt else self.maybe).add(number)

    # The truth.

    @property
    def totals(self) -> Totals:
        return totals(self.state)

    def doubtful(self) -> set[int]:
        """Lines within the window of a gap."""
        events = self.state.events_unacknowledged(10_000)
        windows = [event.window for event in events if event.window is not None]
        return {
            number
            for number, (_, at) in enumerate(self.delivered)
            if any(start - DOUBT <= at <= end + DOUBT for start, end in windows)
        }

    @rule()
    def rest(self) -> None:
        """All that is there is read, and compared with all that was ever written."""
        self.finish_half()
        self.state.is_full = False
        self.append(self.line(), self.current)
        read_all(self.account, self.log.now)
        doubtful = self.doubtful() | self.maybe
        sure = self.of(n for n in range(len(self.delivered)) if n not in self.gone | doubtful)
        assert sure <= self.totals, (sure - self.totals, "not counted, and no gap says so")
        # Half a line and the one behind it may read like a third: so these are only counted up.
        more = self.totals - sure
        assert sum(more.values()) <= len(doubtful - self.gone), (more, "counted twice")

    def of(self, numbers: Iterable[int]) -> Totals:
        return Counter(self.delivered[n][0] for n in numbers if n < len(self.delivered))


Writing.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[*HealthCheck],
)
TestWriting = Writing.TestCase
