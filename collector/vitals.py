"""What the collector measures of itself, so that the detector can distrust its own ears."""

from datetime import datetime, timedelta

from collector.core.liveness import Measured
from collector.ports import Clock


class Vitals:
    """Loop lag, commit lag and clock jumps since they were last taken."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = _offset(clock.now(), clock.monotonic())
        self._loop_lag = 0.0
        self._commit_lag = 0.0
        self._journal_failed = False
        self.passes = 0

    def late(self, seconds: float) -> None:
        """A sleep took this much longer than asked."""
        self._loop_lag = max(self._loop_lag, seconds)

    def committed(self, seconds: float) -> None:
        """A commit took this long, from the wish to its end."""
        self._commit_lag = max(self._commit_lag, seconds)

    def failed(self) -> None:
        """The journal could not be written: whoever spoke then was sent away unheard."""
        self._journal_failed = True

    def take(self) -> Measured:
        """The worst since the last take. A wall clock that left the monotonic one has jumped."""
        offset = _offset(self._clock.now(), self._clock.monotonic())
        measured = Measured(
            loop_lag=timedelta(seconds=self._loop_lag),
            commit_lag=timedelta(seconds=self._commit_lag),
            clock_jump=timedelta(seconds=offset - self._offset),
            journal_failed=self._journal_failed,
        )
        self._journal_failed = False
        self._offset, self._loop_lag, self._commit_lag = offset, 0.0, 0.0
        return measured


def _offset(now: datetime, monotonic: float) -> float:
    return now.timestamp() - monotonic
