"""Which nodes were heard, when, by this process: the only place liveness comes from.

Kept in memory on purpose: silence is a duration of the monotonic clock, and a restart makes every
node unheard, which neither adds nor removes anybody.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta


@dataclass(slots=True)
class _Heard:
    at: float
    in_row: int


class Presence:
    """`now` is always the collector's monotonic clock, in seconds."""

    def __init__(self, *, started_at: float) -> None:
        self._started_at = started_at
        self._met: dict[str, float] = {}
        self._heard: dict[str, _Heard] = {}
        self._recording: Counter[str] = Counter()

    def meet(self, node_id: str, *, now: float) -> None:
        """We learned that this node exists: until heard, it is silent since then."""
        self._met.setdefault(node_id, now)

    def heard(self, node_id: str, *, now: float, interval: timedelta) -> int:
        """A heartbeat arrived. Returns how many in a row, none later than 1.5 intervals."""
        known = self._heard.get(node_id)
        if known is None:
            self._heard[node_id] = _Heard(at=now, in_row=1)
            return 1
        is_early = now - known.at < interval.total_seconds() / 2
        in_time = now - known.at <= interval.total_seconds() * 1.5
        known.in_row = known.in_row + (not is_early) if in_time else 1
        known.at = now
        return known.in_row

    @contextmanager
    def recording(self, node_id: str, *, monotonic: Callable[[], float]) -> Iterator[None]:
        """While the journal takes its heartbeat its stream is not read: the node is not silent,
        however long our disk needs, and its silence begins at the end of that."""
        self._recording[node_id] += 1
        try:
            yield
        finally:
            self._recording[node_id] -= 1
            if not self._recording[node_id]:
                del self._recording[node_id]
            known = self._heard.get(node_id)
            if known is not None:
                known.at = monotonic()

    def forget(self, node_id: str) -> None:
        self._heard.pop(node_id, None)
        self._met.pop(node_id, None)

    def was_heard(self, node_id: str) -> bool:
        return node_id in self._heard

    def since(self, node_id: str, *, now: float) -> tuple[float, bool]:
        """When its silence began, the latest of its last word, our own start, and our learning of
        it; and whether it was heard."""
        known = self._heard.get(node_id)
        if known is not None:
            return now if node_id in self._recording else known.at, True
        return max(self._started_at, self._met.get(node_id, now)), False

    def silence(self, node_id: str, *, now: float) -> timedelta:
        return timedelta(seconds=now - self.since(node_id, now=now)[0])

    def in_row(self, node_id: str) -> int:
        known = self._heard.get(node_id)
        return known.in_row if known else 0
