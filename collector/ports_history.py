"""The part of the store's port that tells how it was decided, and under which policy. Belongs to
`ports`; rows are JSON-ready, as everywhere in `ViewStore`.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

Row = Mapping[str, object]


class HistoryViews(Protocol):
    async def inputs(self, decision_id: str) -> str | None:
        """What the decision was made of, as `core.inputs_text` wrote it. None: no such decision,
        one that a person made, or one from before inputs were kept."""

    async def policies(self, *, revision: int | None = None, limit: int) -> Sequence[Row]:
        """Revisions of the policy, newest first, or the one asked for: revision, at, made_by, note,
        values {name: number}; durations in seconds."""
