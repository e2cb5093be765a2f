"""The part of the store's port that tells what nodes counted. Belongs to `ports`.

Rows are JSON-ready, as everywhere in `ViewStore`.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from collector.core.rates import WindowsAsked

Row = Mapping[str, object]


class CountViews(Protocol):
    async def windows(self, asked: WindowsAsked) -> Sequence[Row]:
        """What was added: the columns asked for, then the counts of `core.rates.Window`."""

    async def ailing(self, *, limit: int) -> Sequence[Row]:
        """Nodes whose agent has problems, by its last word: id, name, problems."""

    async def replies(self, *, receiver: str, limit: int) -> Sequence[Row]:
        """The newest words of each class: class, outcome, text, at, node."""

    async def unknown_lines(self, *, limit: int) -> Row:
        """What nodes' agents did not understand of their logs, since their epochs: `nodes` that
        told, `nodes_unknown`, `lines` read, `unknown` of them; `items`, the greatest share first:
        node, lines, unknown, deliveries, overlong, daemons {name: lines}, newest [line], at."""

    async def delays(
        self, *, node_id: str | None = None, receiver: str | None = None, days_ago: int = 0
    ) -> Row:
        """Of one day (UTC): histograms and seconds (p50, p95) by part, and classes."""
