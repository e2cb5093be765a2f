"""What one address may have sent by now, at most: of a day and of an hour, to all or to one
receiver. Granted or sent, whichever is more.

A grant that is over is charged with what was really sent since it was given, at most with itself;
the rest of it comes back. Days and hours are of UTC.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from collector.core.rotation import NONE_USED, Used

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400


@dataclass(slots=True)
class _Span:
    """One day or hour. `base`: sent before the oldest grant that still counts."""

    seconds: int
    slot: int = -1
    sent: int = 0
    base: int = 0

    def at_most(self, granted: int, now: datetime) -> int:
        """In a span that began since the last word nothing was sent yet, as far as is known; what
        is granted may all be sent in it."""
        if int(now.timestamp()) // self.seconds != self.slot:
            return granted
        return max(self.sent, self.base + granted)

    def told(self, sent: int, *, now: datetime) -> None:
        slot = int(now.timestamp()) // self.seconds
        if slot != self.slot:
            self.slot, self.base = slot, 0
        self.sent = sent


@dataclass(slots=True)
class Tally:
    """`told` what was sent, then asked."""

    _day: _Span = field(default_factory=lambda: _Span(DAY_SECONDS))
    _hour: _Span = field(default_factory=lambda: _Span(HOUR_SECONDS))
    # Until when, and how many; the oldest first.
    _grants: deque[tuple[datetime, int]] = field(default_factory=deque)
    _granted: int = 0

    @property
    def is_used(self) -> bool:
        return bool(self._granted or self._day.sent or self._hour.sent)

    def day(self, now: datetime) -> int:
        return self._day.at_most(self._granted, now)

    def hour(self, now: datetime) -> int:
        return self._hour.at_most(self._granted, now)

    def grant(self, messages: int, *, until: datetime, now: datetime) -> None:
        for span in (self._day, self._hour):
            if int(now.timestamp()) // span.seconds != span.slot:
                span.told(0, now=now)
            if not self._grants:
                span.base = span.sent
        self._grants.append((until, messages))
        self._granted += messages

    def take_back(self, messages: int, *, until: datetime) -> None:
        """One that was never kept."""
        self._grants.remove((until, messages))
        self._granted -= messages

    def told(self, used: Used | None, *, now: datetime, over: datetime) -> None:
        """What was sent by now. Grants until `over` are surely all told of, and end."""
        sent = used or NONE_USED
        self._day.told(sent.day, now=now)
        self._hour.told(sent.hour, now=now)
        ended = [one for one in self._grants if one[0] <= over]
        if ended:
            self._grants = deque(one for one in self._grants if one[0] > over)
        for _, messages in ended:
            self._granted -= messages
            for span in (self._day, self._hour):
                span.base = min(span.sent, span.base + messages)
        if not self._grants:
            self._day.base, self._hour.base = self._day.sent, self._hour.sent
