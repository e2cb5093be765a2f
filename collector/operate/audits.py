"""Proofs under way: what the journal held of a node when its proof began.

Totals go on growing while a node counts its logs once more; what is compared is of one moment.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.ports import Row

AUDITS_MAX = 64
FORGOTTEN_AFTER = timedelta(minutes=1)  # since somebody last asked how far it is


@dataclass(slots=True, kw_only=True)
class Audit:
    """`counted_from`: log time of what was counted once more first; None: not told yet."""

    row: Row
    asked_at: float
    counted_from: datetime | None = None


@dataclass(slots=True)
class Audits:
    """By node id. Seconds are of the monotonic clock."""

    _open: dict[str, Audit] = field(default_factory=dict)

    def find(self, node_id: str, *, now: float) -> Audit | None:
        found = self._open.get(node_id)
        if found is None or now - found.asked_at > FORGOTTEN_AFTER.total_seconds():
            return None
        found.asked_at = now
        return found

    def begin(self, node_id: str, row: Row, *, now: float) -> Audit:
        self._open.pop(node_id, None)
        self._open[node_id] = made = Audit(row=row, asked_at=now)
        while len(self._open) > AUDITS_MAX:
            del self._open[next(iter(self._open))]
        return made

    def end(self, node_id: str) -> None:
        self._open.pop(node_id, None)
