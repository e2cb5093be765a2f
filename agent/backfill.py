"""Days of before the agent came, read from the logs as history: for charts, never in totals.

Minutes are counted by the daemon's own tally, in a tally of their own; those after the daemon began
to count are left out. Done twice, it says the same.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.config import AgentConfig
from agent.maillog import backfill
from agent.maillog.backfill import BackfillError
from agent.maillog.follow import Batch
from agent.maillog.hosts import Sieve, Sifted
from agent.maillog.logs import Logs
from agent.maillog.position import LogPosition
from agent.maillog.tally import Known, Tally
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock
from agent.state_file import StateError
from agent.state_past import Past, minute_of

__all__ = ["BackfillError", "Filled", "StateError", "Work"]

Found = Counter[tuple[int, str, str, str]]


@dataclass(frozen=True, slots=True)
class Filled:
    """What was found: minutes with anything in them, and attempts by outcome."""

    since: datetime
    before: datetime
    minutes: int
    attempts: dict[str, int]
    is_dry: bool

    def as_json(self) -> dict[str, object]:
        return {
            "since": f"{self.since:%FT%TZ}",
            "before": f"{self.before:%FT%TZ}",
            "minutes": self.minutes,
            "attempts": self.attempts,
            "is_dry_run": self.is_dry,
        }

    def __str__(self) -> str:
        found = ", ".join(f"{count} {outcome}" for outcome, count in self.attempts.items())
        window = f"{self.since:%F %H:%M} to {self.before:%F %H:%M} UTC"
        would = "would fill " if self.is_dry else ""
        return f"{would}{window}: {self.minutes} minutes with attempts: {found or 'none'}"


class Work:
    """`plan` says the size of what `do` tells `seen` of, by and by."""

    def __init__(self, settings: AgentConfig, logs: Logs, *, whose: Whose, now: datetime) -> None:
        self._path = settings.state_file
        self._logs = logs
        self._now = now
        self._tally = Tally(whose, Known(), clock=LineClock(now))
        self._sieve = Sieve(whose.own)

    def plan(self, days: int) -> int:
        """How much there is to read. BackfillError, StateError: it cannot be begun."""
        with closing(Past(self._path)) as past:
            before = past.counted_from() or self._now
        self.before = before.replace(second=0, microsecond=0)
        self.since = self.before - timedelta(days=days)
        self._past = backfill.past(self._logs, since=self.since, before=self.before)
        return self._past.size

    def do(self, seen: Callable[[int], object], *, is_dry: bool = False) -> Filled:
        """BackfillError, StateError: not done, or in part; do it again. Dry, nothing is kept."""
        found = self._count(seen)
        if not is_dry:
            with closing(Past(self._path)) as past:
                past.replace(found, since=self.since, before=self.before)
        attempts: Counter[str] = Counter()
        for (_, _, _, outcome), count in found.items():
            attempts[outcome] += count
        minutes = len({minute for minute, _, _, _ in found})
        return Filled(self.since, self.before, minutes, dict(sorted(attempts.items())), is_dry)

    def _count(self, seen: Callable[[int], object]) -> Found:
        found: Found = Counter()
        for chunk in self._past.chunks(seen):
            batch = Batch(data=chunk, position=LogPosition(), counted_to=self._now)
            self._fold(self._sieve.take(batch, self._now), into=found)
        self._fold(self._sieve.rest(), into=found)
        return found

    def _fold(self, sifted: Sifted | None, *, into: Found) -> None:
        if sifted is None:
            return
        self._tally.fold(sifted.parsed)
        for one in self._tally.counted().history:
            if self.since <= one.minute < self.before:
                key = (minute_of(one.minute), one.address, one.receiver, one.outcome.value)
                into[key] += one.attempts
        self._tally.committed()
