"""What was counted since the last commit, by cell, and what the cells come to with it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import TypeVar

from agent.maillog import histogram
from agent.maillog.recipients_firsts import KIND_OF, KINDS, LATER, NONE, SENT
from agent.model import Cell, CellKey, MinuteCount
from deliverability import receivers
from deliverability.delays import PARTS
from deliverability.replies import Outcome, ReplyClass

_Key = TypeVar("_Key")
# The senders' domains, as they were said, of what was sent; and of how many that is not known.
Senders = tuple[list[bytes], int]


class Row:
    """What is not committed yet, of one cell. `counts`: its attempts, by outcome.

    `is_away`: it left the machine. `firsts`: first attempts, by what they came to. Of SENT, which
    nearly all of them are, it has how many were none after all, less than nothing.
    """

    __slots__ = ("classes", "counts", "firsts", "is_away", "key", "rejected")

    def __init__(self, key: CellKey) -> None:
        self.key = key
        self.is_away = key.receiver != receivers.LOCAL
        self.counts: dict[str, Count] = {}
        self._begin()

    def _begin(self) -> None:
        self.classes: dict[ReplyClass, int] = {}
        self.firsts = [0] * KINDS
        self.rejected = 0

    def count(self, outcome: Outcome) -> "Count":
        # By its word: an enumeration's own hash is asked for in Python.
        found = self.counts.get(outcome._value_)
        if found is None:
            found = self.counts[outcome._value_] = Count(self, outcome)
        return found

    def committed(self) -> None:
        self._begin()
        for count in self.counts.values():
            count.committed()

    def added_to(self, before: Cell | None) -> Cell | None:
        """The cell as it is now; None: nothing happened to it."""
        attempts = {
            one.outcome: pending for one in self.counts.values() if (pending := one.pending)
        }
        if not attempts and not self.rejected:
            return None
        before = before or Cell(key=self.key)
        places = b"".join(one.places for one in self.counts.values())
        sent, deferred, bounced, unknown = self.firsts[:LATER]
        return replace(
            before,
            attempts=_sum(before.attempts, more=attempts),
            rejected=before.rejected + self.rejected,
            first_sent=before.first_sent + attempts.get(Outcome.SENT, 0) + sent,
            first_deferred=before.first_deferred + deferred,
            first_bounced=before.first_bounced + bounced,
            first_unknown=before.first_unknown + unknown,
            bytes_sent=before.bytes_sent + sum(one.bytes_sent for one in self.counts.values()),
            delays=histogram.add(before.delays, places),
            classes=_sum(before.classes, more=self.classes),
        )


class Count:
    """Attempts not committed yet, of one cell and outcome; `noted` of them in a minute's count.

    `delays` and `said` are of the lines that are being read, as they stand there: of each attempt
    at a receiver what it took, and of each message that was sent what the queue manager said, where
    known. `places` are the buckets of the delays before them, `bytes_sent` the sum of such sizes.
    `unasked`: attempts no receiver was asked about.
    """

    __slots__ = (
        *("bytes_sent", "delays", "kind", "noted", "outcome", "places", "row", "said", "unasked"),
    )

    def __init__(self, row: Row, outcome: Outcome) -> None:
        self.row = row
        self.outcome = outcome
        self.kind = KIND_OF.get(outcome, NONE)
        self.delays: list[bytes] = []
        self.said: list[bytes] = []
        self.committed()

    def committed(self) -> None:
        self.places = b""
        self.bytes_sent = self.unasked = self.noted = 0

    @property
    def pending(self) -> int:
        return self.unasked + len(self.delays) + len(self.places) // len(PARTS)

    def not_a_first(self, kind: int) -> None:
        """One that was sent was UNKNOWN or LATER."""
        self.row.firsts[SENT] -= 1
        self.row.firsts[kind] += 1


def gather(rows: Iterable[Row]) -> Senders:
    """Makes little of what was read: texts that stay until a commit drive all else from a core's
    cache. All at once: one at a time costs many times as much.
    """
    counts = [count for row in rows for count in row.counts.values() if count.delays]
    places = histogram.places([text for count in counts for text in count.delays])
    # `domain>, size=number` of each.
    said = b"=".join(chain.from_iterable(one.said for one in counts)).split(b"=")
    domains: list[bytes] = []
    start = begin = unknown = 0
    for count in counts:
        end = start + len(count.delays) * len(PARTS)
        count.places += places[start:end]
        start = end
        if count.kind == SENT:
            sent = begin + 2 * len(count.said)
            count.bytes_sent += sum(map(int, said[begin + 1 : sent : 2]))
            if count.row.is_away:
                domains += said[begin:sent:2]
                unknown += len(count.delays) - len(count.said)
            count.said.clear()
            begin = sent
        count.delays.clear()
    return domains, unknown


def noted(rows: Iterable[Row], minute: datetime | None) -> list[MinuteCount]:
    """Attempts since the last such look, which were in this minute; None: nobody knows in which."""
    found: dict[tuple[str, str, Outcome], int] = {}
    for row in rows:
        for count in row.counts.values():
            pending = count.pending
            if pending > count.noted and minute is not None:
                key = (row.key.address, row.key.receiver, count.outcome)
                found[key] = found.get(key, 0) + pending - count.noted
            count.noted = pending
    return [
        MinuteCount(
            minute=minute, address=address, receiver=receiver, outcome=outcome, attempts=attempts
        )
        for (address, receiver, outcome), attempts in found.items()
        if minute is not None
    ]


def changed(rows: Iterable[Row], totals: Mapping[CellKey, Cell]) -> tuple[Cell, ...]:
    cells = (row.added_to(totals.get(row.key)) for row in rows)
    return tuple(cell for cell in cells if cell is not None)


def _sum(before: Mapping[_Key, int], *, more: Mapping[_Key, int]) -> dict[_Key, int]:
    return {**before, **{key: before.get(key, 0) + count for key, count in more.items()}}
