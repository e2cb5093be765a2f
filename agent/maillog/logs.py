"""Which log a node has: files by path or pattern. Opens it where the account of it ends."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.maillog.position import Position
from agent.maillog.sources import Source, Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """`patterns`: absolute paths or glob(7) patterns."""

    patterns: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> "Logs":
        return cls(patterns=(str(path),))

    def open(self, position: Position | None, *, counted_to: datetime) -> Source:
        """`position`: None begins at the end. `counted_to`: the time of the last line counted."""
        return Sources(self.patterns, position=position, counted_to=counted_to)
