"""Which sending domains' counts go with a heartbeat. Pure; knows what the collector has of them.

There may be hundreds, so a few go with each, the longest waiting first, and all of them when
everything is asked for. What was not acknowledged goes again.
"""

from collections.abc import Sequence

from agent.model import SenderCount
from agent.report import SENDER_BYTES_MAX, SENDERS_MAX
from agent.sent import Sent


class SenderNews:
    """`add` the news, `choose` what goes with a heartbeat, `acknowledged` once it arrived."""

    def __init__(self) -> None:
        self._waiting: dict[str, SenderCount] = {}
        self._sent = Sent[Sequence[SenderCount]]()

    def add(self, counts: Sequence[SenderCount]) -> None:
        """Who waits already keeps its place and has its new value."""
        self._waiting.update({one.domain: one for one in counts})

    def choose(self, number: int, *, whole: bool) -> tuple[SenderCount, ...]:
        due: list[SenderCount] = []
        size = 0
        for one in [*self._waiting.values()]:
            size += _size(one)
            if due and not whole and (size > SENDER_BYTES_MAX or len(due) >= SENDERS_MAX):
                break
            due.append(one)
            # To the end of the queue, should it change before it is acknowledged.
            self._waiting[one.domain] = self._waiting.pop(one.domain)
        self._sent.add(number, due)
        return tuple(due)

    def acknowledged(self, number: int) -> None:
        """Who has not changed since need not go again."""
        for one in self._sent.acknowledged(number) or ():
            if self._waiting.get(one.domain) == one:
                del self._waiting[one.domain]


def _size(one: SenderCount) -> int:
    """About so many bytes on the wire."""
    counts = (one.sent, one.deferred, one.bounced)
    firsts = (one.first_sent, one.first_deferred, one.first_bounced, one.first_unknown)
    numbers = sum(1 + -(-count.bit_length() // 7) for count in (*counts, *firsts) if count)
    return 5 + len(one.domain) + numbers
