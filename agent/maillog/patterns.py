"""Which files are logs to follow: paths, whether there or not, and what fits a pattern (glob(7)).

Looks at names alone. A rotated sibling of a log is not a log of its own, whatever pattern it fits.
"""

import glob
import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from agent.maillog import files

SOURCES_MAX = 16  # all their places fit into a heartbeat's 4 KiB
NAME_BYTES_MAX = 150


class Patterns:
    """`patterns`: absolute paths or patterns. `surplus`: how many more would have fitted."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.patterns = patterns
        self.paths = tuple(name for name in patterns if not glob.has_magic(name))
        self.surplus = 0

    @property
    def lone(self) -> str:
        """The path, if it is one path and nothing else; empty otherwise."""
        return self.paths[0] if len(self.patterns) == len(self.paths) == 1 else ""

    @property
    def folders(self) -> tuple[str, ...]:
        return tuple(sorted({str(Path(name).parent) for name in self.patterns}))

    @property
    def folders_shut(self) -> tuple[str, ...]:
        """Those that are there and may not be looked into."""
        return tuple(
            folder
            for folder in self.folders
            if Path(folder).is_dir() and not os.access(folder, os.R_OK | os.X_OK)
        )

    def present(self) -> tuple[str, ...]:
        """The paths, there or not, then what fits a pattern."""
        names = dict.fromkeys(self.paths)
        self.surplus = 0
        for name in (name for pattern in self.patterns for name in _fitting(pattern)):
            if name not in names:
                if len(names) < SOURCES_MAX and len(os.fsencode(name)) <= NAME_BYTES_MAX:
                    names[name] = None
                else:
                    self.surplus += 1
        return tuple(names)

    def fit(self, name: str) -> bool:
        """Whether a file of this name would be followed."""
        return name in self.paths or any(
            glob.has_magic(pattern) and fnmatchcase(name, pattern) for pattern in self.patterns
        )


def _fitting(pattern: str) -> Iterator[str]:
    """In the order of their names; none if this is no pattern."""
    if glob.has_magic(pattern):
        found = Path("/").glob(pattern.lstrip("/"))
        yield from (str(path) for path in sorted(found) if _is_log(path, pattern))


def _is_log(path: Path, pattern: str) -> bool:
    if path.name.startswith(".") or path.is_dir():
        return False
    stem = files.stem(str(path))
    return stem is None or not fnmatchcase(stem, pattern)
