"""Whether a delivery began after Postfix last read its configuration. Pure; counts nothing else.

A delivery began at its line's time less c+d of `delays=a/b/c/d` (connecting and transmitting). The
log's seconds and the delays' two digits leave at most a second in doubt: what began within it is in
flight, as is what began before. What no line tells the time of is taken to have begun after.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.maillog.histogram import seconds_of
from agent.maillog.lines import Delivery, MailEvent, Reload, Sent, event_of
from agent.maillog.times import LineClock, minute_of

DOUBT = timedelta(seconds=1)
_REMOTE = frozenset((b"smtp", b"lmtp"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Since the last reload or start line, at `reload_at` of the log; None: no such line was seen.

    `in_flight` deliveries ended after it and began before; `begun` ones began after it.
    """

    reload_at: datetime | None = None
    in_flight: int = 0
    begun: int = 0


class SilenceWatch:
    """Folds events in the log's order. `pipes_out`: relay names of pipes that leave the machine."""

    __slots__ = (
        *("_begun", "_clock", "_in_flight", "_latest_old", "_minute", "_pipes_out"),
        *("_reload_at", "_since_old", "_told"),
    )

    def __init__(
        self, silence: Silence, clock: LineClock, *, pipes_out: frozenset[bytes] = frozenset()
    ) -> None:
        self._clock = clock
        self._in_flight = silence.in_flight
        self._begun = silence.begun
        self._pipes_out = pipes_out
        self._told: Silence | None = None
        self._remember(silence.reload_at)

    @property
    def silence(self) -> Silence:
        """Asked for at every look, and seldom another one."""
        if self._told is None:
            self._told = Silence(
                reload_at=self._reload_at, in_flight=self._in_flight, begun=self._begun
            )
        return self._told

    def fold(self, events: Sequence[MailEvent | Sent]) -> None:
        if self._latest_old is None and Reload not in set(map(type, events)):
            return  # and nothing to be told apart
        self._told = None
        for event in map(event_of, events):
            if type(event) is Delivery:
                if self._latest_old is not None and leaves(event, self._pipes_out):
                    self._fold_delivery(event, self._latest_old)
            elif isinstance(event, Reload) and (at := self._clock.read(event.stamp)) is not None:
                self._in_flight = self._begun = 0
                self._remember(at)

    def _remember(self, reload_at: datetime | None) -> None:
        self._reload_at = reload_at
        self._latest_old = None if reload_at is None else reload_at + DOUBT
        self._minute = b""  # of the last delivery, as its stamp tells it
        self._since_old = 0.0  # seconds from the latest old moment to the beginning of that minute

    def _fold_delivery(self, delivery: Delivery, latest_old: datetime) -> None:
        """Most deliveries are much later than the reload: their minute is enough to tell."""
        if delivery.stamp[: len(self._minute)] != self._minute or not self._minute:
            self._turn(delivery.stamp, latest_old)
        parts = delivery.delays.split(b"/")
        if len(parts) == 4 and seconds_of(parts[2]) + seconds_of(parts[3]) < self._since_old:
            self._begun += 1
            return
        begun_at = began_at(delivery, self._clock)
        if begun_at is not None and begun_at <= latest_old:
            self._in_flight += 1
        else:
            self._begun += 1

    def _turn(self, stamp: bytes, latest_old: datetime) -> None:
        self._minute = minute_of(stamp)
        at = self._clock.read(stamp)
        began = at.replace(second=0, microsecond=0) if at is not None else latest_old
        self._since_old = (began - latest_old).total_seconds()


def leaves(delivery: Delivery, pipes_out: frozenset[bytes]) -> bool:
    """Whether this is an outbound service's own delivery: not error, retry, a mailbox, a socket.

    A content filter's hop counts: its service is a clone of smtp and closed like all the others.
    """
    if delivery.daemon in _REMOTE:
        return b"[/" not in delivery.relay and b"[private/" not in delivery.relay
    return delivery.daemon == b"pipe" and delivery.relay in pipes_out


def began_at(delivery: Delivery, clock: LineClock) -> datetime | None:
    """None when the line does not tell."""
    at = clock.read(delivery.stamp)
    if at is None:
        return None
    try:
        _, _, connecting, transmitting = delivery.delays.split(b"/")
        return at - timedelta(seconds=float(connecting) + float(transmitting))
    except (ValueError, OverflowError):
        return None
