"""The part of the store's port that tells how it was decided, and under which policy. Belongs to
`ports`; rows are JSON-ready, as everywhere in `ViewStore`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from collector.core.hindsight import Past
from collector.core.incident import Place

Row = Mapping[str, object]


class HistoryViews(Protocol):
    async def inputs(self, decision_id: str) -> str | None:
        """What the decision was made of, as `core.inputs_text` wrote it. None: no such decision,
        one that a person made, or one from before inputs were kept."""

    async def pasts(self, node_ids: Sequence[str], *, since: datetime) -> Sequence[Past]:
        """What is kept of each present address of these nodes: hours and losses since then, and
        listings that stood then or later. In the order of nodes and addresses."""

    async def paused(self, node_ids: Sequence[str], *, since: datetime) -> Sequence[Row]:
        """Automation's pauses that stood then or later: node_id, address, reason, opened_at,
        closed_at."""

    async def node_ids(self, *, after: str, limit: int) -> Sequence[str]:
        """Of nodes not decommissioned, in order: those past `after`."""

    async def held_zones(self) -> Sequence[str]:
        """Those the zone brake holds now."""

    async def places(self, node_ids: Sequence[str]) -> Mapping[str, Place]:
        """Names of these nodes and of their pools."""

    async def policies(self, *, revision: int | None = None, limit: int) -> Sequence[Row]:
        """Revisions of the policy, newest first, or the one asked for: revision, at, made_by, note,
        values {name: number}; durations in seconds."""
