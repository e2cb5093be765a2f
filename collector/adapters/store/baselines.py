"""A pool's healthy size: the median over the last day of how many addresses were in its rotation,
each size weighted by how long it stood.

Kept in memory and carried on by the revisions that came since: a day of a restless pool is tens of
thousands of rows. The journal stays the truth; what is kept here is only what was read from it.
"""

from collections import Counter, deque
from collections.abc import Iterable
from threading import Lock

from sqlalchemy import Connection, func, select

from collector.adapters.store.schema import pools, rotations

DAY_MS = 24 * 3600 * 1000
NEWEST = select(
    pools.c.id,
    select(func.max(rotations.c.revision))
    .where(rotations.c.pool_id == pools.c.id)
    .scalar_subquery(),
)


class Track:
    """One pool's last day. Times never go back: a clock set back makes a stretch of no length."""

    def __init__(self) -> None:
        self.revision = 0
        self._steps: deque[tuple[int, int]] = deque()
        # Milliseconds by size, of every stretch that has ended.
        self._ended: Counter[int] = Counter()

    def add(self, revision: int, *, at: int, size: int) -> None:
        self.revision = revision
        if self._steps:
            since, before = self._steps[-1]
            at = max(at, since)
            self._ended[before] += at - since
        self._steps.append((at, size))

    def median(self, now: int) -> int:
        """The upper one when two sizes share the time evenly: the floor errs to the larger fleet.
        Of a pool younger than a day over the time there is."""
        edge = now - DAY_MS
        while len(self._steps) > 1 and self._steps[1][0] <= edge:
            since, size = self._steps.popleft()
            self._ended[size] -= self._steps[0][0] - since
        weights = Counter(self._ended)
        first, last = self._steps[0], self._steps[-1]
        weights[last[1]] += max(now - last[0], 0)
        # Of the first stretch, or the only one, what lies before the day does not count.
        weights[first[1]] -= min(max(edge - first[0], 0), weights[first[1]])
        return _median(weights)


class Baselines:
    """Of every pool that ever had a rotation. Readers are several threads."""

    def __init__(self) -> None:
        self._tracks: dict[str, Track] = {}
        self._lock = Lock()

    def read(self, connection: Connection, *, now: int) -> dict[str, int]:
        """Pool -> its median size, after the revisions this transaction sees."""
        with self._lock:
            for pool_id, revision, at, size in self._news(connection, now=now):
                self._tracks.setdefault(pool_id, Track()).add(revision, at=at, size=size)
            return {pool_id: track.median(now) for pool_id, track in self._tracks.items()}

    def _news(self, connection: Connection, *, now: int) -> Iterable[tuple[str, int, int, int]]:
        c = rotations.c
        for pool_id, revision in connection.execute(NEWEST).all():
            track = self._tracks.get(pool_id)
            if revision is None:
                continue
            if track is None:
                after = _before(connection, pool_id, edge=now - DAY_MS) - 1
            elif track.revision < revision:
                after = track.revision
            else:
                continue
            found = select(c.pool_id, c.revision, c.at, c.size).where(
                c.pool_id == pool_id, c.revision > after
            )
            for row in connection.execute(found.order_by(c.revision)).all():
                yield row.pool_id, row.revision, row.at, row.size


def _before(connection: Connection, pool_id: str, *, edge: int) -> int:
    """The revision that stood as the day began."""
    c = rotations.c
    query = select(func.max(c.revision)).where(c.pool_id == pool_id, c.at <= edge)
    return connection.scalar(query) or 0


def _median(weights: Counter[int]) -> int:
    half, passed = sum(weights.values()) / 2, 0
    sizes = sorted((size for size, weight in weights.items() if weight > 0), reverse=True)
    for size in sizes:
        passed += weights[size]
        if passed >= half:
            return size
    # No time has passed since the only revision.
    return max(weights)
