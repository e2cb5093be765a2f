"""Which log a node has: files by path or pattern, or the systemd journal. Opens it where the
account of it ends."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from agent.maillog import journal
from agent.maillog.journal import Journal
from agent.maillog.patterns import Patterns
from agent.maillog.position import JournalPosition, Position
from agent.maillog.source import Source
from agent.maillog.sources import Sources


class Use(Enum):
    """FIRST_FOUND: files if there is one when counting begins, else the journal if there is one.
    What was begun with is gone on with: where both are written, they say the same lines."""

    FILES = "files"
    JOURNAL = "journal"
    FIRST_FOUND = "first found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """`patterns`: absolute paths or glob(7) patterns. `journal`: None is the machine's own."""

    patterns: tuple[str, ...] = ()
    use: Use = Use.FILES
    journal: Path | None = None

    @classmethod
    def of(cls, path: Path) -> "Logs":
        return cls(patterns=(str(path),))

    def open(self, position: Position | None, *, counted_to: datetime, until: str = "") -> Source:
        """`position`: None begins at the end. `counted_to`: the time of the last line counted.
        `until`: of the journal, the cursor of the last entry that is wanted."""
        if self.is_journal(position):
            return Journal(position, counted_to=counted_to, folder=self.journal, until=until)
        return Sources(self.patterns, position=position, counted_to=counted_to)

    def __str__(self) -> str:
        files = ", ".join(self.patterns)
        words = {Use.JOURNAL: "the journal", Use.FIRST_FOUND: f"{files} or the journal"}
        return words.get(self.use, files)

    def is_journal(self, position: Position | None) -> bool:
        """Whether what stands there, or begins, is the journal."""
        if self.use is not Use.FIRST_FOUND:
            return self.use is Use.JOURNAL
        if position is not None:
            return isinstance(position, JournalPosition)
        is_file_there = any(Path(name).exists() for name in Patterns(self.patterns).present())
        return not is_file_there and journal.is_there(self.journal)
