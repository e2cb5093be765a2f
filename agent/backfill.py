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
from agent.maillog import backfill, parse
from agent.maillog.backfill import BackfillError
from agent.maillog.logs import Logs
from agent.maillog.tally import Known, Tally
from agent.maillog.times import LineClock
from agent.state_file import StateError
from agent.state_past import Past, minute_of

__all__ = ["BackfillError", "Filled", "StateError", "Work"]


@dataclass(frozen=True, slots=True)
class Filled:
    """What was found: minutes with anything in them, and attempts by outcome."""

    since: datetime
    before: datetime
    minutes: int
    attempts: dict[str, int]


class Work:
    """`size` is what `do` tells `seen` of, by and by."""

    def __init__(self, settings: AgentConfig, logs: Logs, *, address: str, now: datetime) -> None:
        self._path = settings.state_file
        self._logs = logs
        self._address = address
        self._now = now

    def plan(self, days: int) -> int:
        """How much there is to read. BackfillError, StateError: it cannot be begun."""
        with closing(Past(self._path)) as past:
            before = past.counted_from() or self._now
        self.before = before.replace(second=0, microsecond=0)
        self.since = self.before - timedelta(days=days)
        self._past = backfill.past(self._logs, since=self.since, before=self.before)
        return self._past.size

    def do(self, seen: Callable[[int], object]) -> Filled:
        """BackfillError, StateError: not done, or in part; do it again."""
        found = self._count(seen)
        with closing(Past(self._path)) as past:
            past.replace(found, since=self.since, before=self.before)
        attempts: Counter[str] = Counter()
        for (_, _, _, outcome), count in found.items():
            attempts[outcome] += count
        minutes = len({minute for minute, _, _, _ in found})
        return Filled(self.since, self.before, minutes, dict(sorted(attempts.items())))

    def _count(self, seen: Callable[[int], object]) -> Counter[tuple[int, str, str, str]]:
        tally = Tally(self._address, Known(), clock=LineClock(self._now))
        found: Counter[tuple[int, str, str, str]] = Counter()
        for chunk in self._past.chunks(seen):
            tally.fold(parse.parse_chunk(chunk))
            for one in tally.counted().history:
                if self.since <= one.minute < self.before:
                    key = (minute_of(one.minute), one.address, one.receiver, one.outcome.value)
                    found[key] += one.attempts
            tally.committed()
        return found
