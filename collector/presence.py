"""Which nodes were heard, when, by this process: the only place liveness comes from.

Kept in memory on purpose: silence is a duration of the monotonic clock, and a restart makes every
node unheard, which neither adds nor removes anybody.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
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
        # Met and not yet heard.
        self._met: dict[str, float] = {}
        # The most silent first: whoever is heard goes to the end.
        self._heard: dict[str, _Heard] = {}
        self._recording: Counter[str] = Counter()

    def meet(self, node_id: str, *, now: float) -> None:
        """We learned that this node exists: until heard, it is silent since then."""
        if node_id not in self._heard:
            self._met.setdefault(node_id, now)

    def heard(self, node_id: str, *, now: float, interval: timedelta) -> int:
        """A heartbeat arrived. Returns how many in a row, none later than 1.5 intervals."""
        known = self._heard.pop(node_id, None)
        if known is None:
            self._met.pop(node_id, None)
            self._heard[node_id] = _Heard(at=now, in_row=1)
            return 1
        self._heard[node_id] = known
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
            known = self._heard.pop(node_id, None)
            if known is not None:
                self._heard[node_id] = known
                known.at = monotonic()

    def was_heard(self, node_id: str) -> bool:
        return node_id in self._heard

    def silence(self, node_id: str, *, now: float) -> timedelta:
        """Since the latest of its last word, our own start, and our learning of it."""
        known = self._heard.get(node_id)
        if known is None:
            return timedelta(seconds=now - self._unheard_since(self._met.get(node_id, now)))
        return timedelta(seconds=0.0 if node_id in self._recording else now - known.at)

    def unheard(self, *, now: float) -> Mapping[str, float]:
        """How long we wait for those we have not heard yet, in seconds."""
        return {node: now - self._unheard_since(met) for node, met in self._met.items()}

    def silent(self, *, over: float, now: float) -> Iterable[tuple[str, float]]:
        """Who was heard and is silent for longer than this, in seconds, the most silent first.
        Costs what they are, not what the fleet is."""
        for node_id, known in self._heard.items():
            if node_id in self._recording:
                continue
            if now - known.at <= over:
                return
            yield node_id, now - known.at

    def _unheard_since(self, met: float) -> float:
        return max(self._started_at, met)

    def in_row(self, node_id: str) -> int:
        known = self._heard.get(node_id)
        return known.in_row if known else 0
