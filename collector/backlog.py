"""Whom the control pass judges next: who said something, whose timer ran out, and now and then, in
slices, everybody. A pass takes a bounded batch; who is left over comes first in the next.

News goes before timers, timers before the round: an address just listed waits for nobody.
"""

import heapq
from collections.abc import Iterable
from datetime import datetime
from itertools import chain, islice

# Nodes of one pass: a few tenths of a second of the loop. Of a round fewer, so that a fleet of a
# hundred thousand is gone through in a minute or two with the loop free in between; and of a round
# that nothing hurries as few as its time allows.
BATCH = 1000
SLICE = 500
SLICE_MIN = 50


class Backlog:
    """Ids only; in the order in which they came. A node waits once, wherever it is named."""

    def __init__(self) -> None:
        self._news: dict[str, None] = {}
        self._round: dict[str, None] = {}
        self._slice = SLICE
        self._timers: list[tuple[datetime, str]] = []
        # The next of each node: a later one is not noted twice.
        self._next: dict[str, datetime] = {}

    def __len__(self) -> int:
        """Who waits now; timers that have not run out wait for nothing."""
        return len(self._news) + len(self._round)

    def add(self, node_ids: Iterable[str]) -> None:
        self._news.update(dict.fromkeys(node_ids))

    def add_round(self, node_ids: Iterable[str], *, passes: int = 1) -> None:
        """Everybody, over so many passes if that is not too many at once; who still waits from the
        round before keeps the place in front, and is not slowed down."""
        going = self._slice if self._round else SLICE_MIN
        self._round |= dict.fromkeys(node_ids)
        self._slice = min(SLICE, max(going, -(-len(self._round) // passes)))

    def wake(self, node_id: str, at: datetime) -> None:
        """To be judged again by then though nothing new is said of it."""
        noted = self._next.get(node_id)
        if noted is None or at < noted:
            self._next[node_id] = at
            heapq.heappush(self._timers, (at, node_id))

    def take(self, now: datetime) -> list[str]:
        """The next batch, in the order of their ids."""
        while self._timers and self._timers[0][0] <= now:
            at, node_id = heapq.heappop(self._timers)
            if self._next.get(node_id) == at:
                del self._next[node_id]
                self._news.setdefault(node_id)
        batch = list(islice(chain(self._news, islice(self._round, self._slice)), BATCH))
        for node_id in batch:
            self._news.pop(node_id, None)
            self._round.pop(node_id, None)
        return sorted(set(batch))

    def give_back(self, batch: Iterable[str]) -> None:
        """They were not judged after all: first of all next time."""
        self._news = dict.fromkeys(batch) | self._news
