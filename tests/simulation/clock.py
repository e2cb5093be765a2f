"""Time that moves when it is told to. The wall clock may be set; what truly passed is `seconds`."""

from datetime import datetime, timedelta, timezone

START = datetime(2026, 3, 1, tzinfo=timezone.utc)


class VirtualClock:
    """`ports.Clock` of one machine over the time of the world."""

    def __init__(self) -> None:
        self.seconds = 0.0
        # How far the wall clock was set ahead of the truth.
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds) + self.ahead

    def monotonic(self) -> float:
        return self.seconds

    def true_now(self) -> datetime:
        """As a clock that nobody sets would say."""
        return START + timedelta(seconds=self.seconds)
