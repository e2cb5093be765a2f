"""What one address may have sent by now, at most: of a day and of an hour, to all or to one
receiver. Granted or sent, whichever is more.

A grant that is over is charged with what was really sent since it was given, at most with itself;
the rest of it comes back. Days and hours are of UTC.
"""

from datetime import datetime
from typing import NamedTuple

from collector.core.rates import DAY_SECONDS, HOUR_SECONDS
from collector.core.rotation import NONE_USED, Used


class Slots(NamedTuple):
    """The present day and hour, counted since 1970."""

    day: int
    hour: int


def slots(now: datetime) -> Slots:
    seconds = int(now.timestamp())
    return Slots(seconds // DAY_SECONDS, seconds // HOUR_SECONDS)


class Tally:
    """`told` what was sent, then asked. Flat, and in whole numbers: a grant asks a thousand.

    `…_base`: sent before the oldest grant that still counts.
    """

    __slots__ = (
        *("_day", "_day_base", "_day_sent", "_granted", "_grants"),
        *("_hour", "_hour_base", "_hour_sent"),
    )

    def __init__(self) -> None:
        self._day = self._day_sent = self._day_base = 0
        self._hour = self._hour_sent = self._hour_base = 0
        # Until when, and how many.
        self._grants: list[tuple[datetime, int]] = []
        self._granted = 0

    @property
    def is_used(self) -> bool:
        return bool(self._granted or self._day_sent or self._hour_sent)

    def day(self, now: Slots) -> int:
        """In a day that began since the last word nothing was sent yet, as far as is known; what
        is granted may all be sent in it."""
        if now.day != self._day:
            return self._granted
        return max(self._day_sent, self._day_base + self._granted)

    def hour(self, now: Slots) -> int:
        if now.hour != self._hour:
            return self._granted
        return max(self._hour_sent, self._hour_base + self._granted)

    def grant(self, messages: int, *, until: datetime, now: Slots) -> None:
        self._roll(now)
        if not self._grants:
            self._day_base, self._hour_base = self._day_sent, self._hour_sent
        self._grants.append((until, messages))
        self._granted += messages

    def take_back(self, messages: int, *, until: datetime) -> None:
        """One that was never kept."""
        self._grants.remove((until, messages))
        self._granted -= messages

    def told(self, used: Used | None, *, now: Slots, over: datetime) -> None:
        """What was sent by now. Grants until `over` are surely all told of, and end."""
        self._roll(now)
        sent = used or NONE_USED
        self._day_sent, self._hour_sent = sent.day, sent.hour
        ended = sum(messages for until, messages in self._grants if until <= over)
        if ended:
            self._grants = [one for one in self._grants if one[0] > over]
            self._granted -= ended
            self._day_base = min(sent.day, self._day_base + ended)
            self._hour_base = min(sent.hour, self._hour_base + ended)
        if not self._grants:
            self._day_base, self._hour_base = sent.day, sent.hour

    def _roll(self, now: Slots) -> None:
        if now.hour != self._hour:
            self._hour, self._hour_sent, self._hour_base = now.hour, 0, 0
        if now.day != self._day:
            self._day, self._day_sent, self._day_base = now.day, 0, 0
