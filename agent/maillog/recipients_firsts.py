"""Whether an attempt was a recipient's first, and what must be remembered to tell. Pure.

A recipient whose last attempt was deferred is open, until it is sent, bounced or its message is
removed; an attempt for anybody else is a first one. Where lines were not read, or more are open
than are remembered, an open recipient may be unknown: of messages that came before that moment
nobody can tell, and they are counted as such.
"""

from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime

from agent.maillog import recipients
from agent.maillog.histogram import seconds_of
from agent.maillog.lines import Delivery, Sent, delivery_of
from agent.maillog.recipients import OpenRecipients
from agent.maillog.times import AHEAD_MAX
from deliverability.replies import Outcome

# What a first attempt came to, and the places of these counts; LATER ones are not kept.
SENT, DEFERRED, BOUNCED, UNKNOWN, LATER = range(5)
KINDS = 5
NONE = -1  # what no receiver was asked about is nobody's attempt
KIND_OF = {Outcome.SENT: SENT, Outcome.DEFERRED: DEFERRED, Outcome.BOUNCED: BOUNCED}
# Longer than any message stays in a queue (maximal_queue_lifetime is 5 days by default).
BLIND_SECONDS_MAX = 40 * 86_400.0
_ENDLESS = float("inf")
_QUEUE_ID = 2  # of a Sent


class Firsts:
    """Fold deliveries in the log's order; `changed`, then `committed`."""

    def __init__(self, hashes: Iterable[int], *, blind_until: datetime | None) -> None:
        self.blind_until = blind_until
        self._open = hashes if isinstance(hashes, OpenRecipients) else OpenRecipients(hashes)
        # Of messages younger than this we saw every line. Infinity: of all of them.
        self._slack = _ENDLESS if blind_until is None else 0.0
        self._at = blind_until
        self._opened: dict[int, None] = {}
        self._closed = array("Q")  # one message's may be all there are
        # Nobody is open and nothing was missed: whatever was not deferred was a first attempt.
        self.is_plain = False
        self._settle()

    def __len__(self) -> int:
        return len(self._open)

    def at(self, now: datetime) -> None:
        """Log time of the lines that follow, or a little earlier."""
        self._at = now
        if self.blind_until is not None:
            if self.blind_until > now + AHEAD_MAX:
                self.blind_until = now  # it was told by a clock that was put back since
            seconds = (now - self.blind_until).total_seconds()
            self._slack = _ENDLESS if seconds > BLIND_SECONDS_MAX else max(0.0, seconds)
            self._settle()

    def missed(self, until: datetime) -> None:
        """Lines of before may never have been read."""
        self.blind_until = max(until, self.blind_until or until)
        self.at(self._at or until)

    def kind(self, outcome: int, event: Delivery) -> int:
        """SENT, DEFERRED or BOUNCED when it was a first attempt, else UNKNOWN or LATER."""
        if outcome == DEFERRED or self._open.count:
            message = recipients.message_of(event.instance, queue_id=event.queue_id)
            if outcome == DEFERRED:
                was_open = self._remember(recipients.hash_of(message, event.recipient))
            else:
                was_open = self._open.has_message(message) and self._close(
                    recipients.hash_of(message, event.recipient)
                )
            if was_open:
                return LATER
        if self._slack == _ENDLESS or seconds_of(event.delay) < self._slack:
            return outcome
        return UNKNOWN

    def sent(self, event: Sent, instance: bytes) -> int:
        """As `kind`, of one of `instance` that was sent. Most have no recipient that is open."""
        if self._slack == _ENDLESS:
            message = recipients.message_of(instance, queue_id=event[_QUEUE_ID])
            if not self._open.has_message(message):
                return SENT
        return self.kind(SENT, delivery_of(event))

    def removed(self, gone: Iterable[tuple[bytes, bytes]]) -> None:
        """Instance and id of messages that left the queue: who was open is not any more."""
        if not self._open.count:
            return
        messages = [recipients.message_of(instance, queue_id=id_) for instance, id_ in gone]
        for message in self._open.perhaps(messages):
            for found in self._open.discard_message(message):
                self._note_closed(found)
        self._settle()

    def changed(self) -> tuple[Sequence[int], Sequence[int], Iterable[int]]:
        """Who no longer is open since the last `committed`, and who became so: in this order. And
        all who are."""
        return self._closed, tuple(self._opened), self._open

    def committed(self) -> None:
        self._opened.clear()
        self._closed = array("Q")

    def _remember(self, one: int) -> bool:
        """Whether it was open before."""
        count = self._open.count
        if not self._open.add(one):
            if self._at is not None:
                self.missed(self._at)
        elif self._open.count == count:
            return True
        else:
            self._opened[one] = None
            self.is_plain = False
        return False

    def _close(self, one: int) -> bool:
        """Whether it was open before."""
        if not self._open.discard(one):
            return False
        self._note_closed(one)
        self._settle()
        return True

    def _note_closed(self, one: int) -> None:
        """Opened and closed between two commits: nothing to store."""
        if one in self._opened:
            del self._opened[one]
        else:
            self._closed.append(one)

    def _settle(self) -> None:
        self.is_plain = not self._open.count and self._slack == _ENDLESS
