"""Which files of the journal were read to their end, and which went before. Reads no entry.

journald removes its oldest files when all take too much room, and wipes them: who has one open
still finds nothing more in it, and nothing says so (systemd-journald(8), SystemMaxUse).
"""

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

ID_AT, ID_BYTES = 24, 16  # file_id of the header, systemd.io/JOURNAL_FILE_FORMAT
# A file last written to so long before our place holds nothing of ours: also by a clock put back.
WRITTEN_BEFORE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _File:
    folder: Path
    is_archived: bool  # nothing is written to it any more


class Kept:
    """The files of these folders. `since`: the time of the place that reading begins at."""

    def __init__(self, folders: Sequence[Path], *, since: datetime) -> None:
        self._folders = folders
        before = (since - WRITTEN_BEFORE).timestamp()
        self._files = _listed(folders)
        self._read: Set[bytes] = _listed(folders, before=before).keys()
        self._is_all_read = False

    def all_read(self) -> None:
        """All there is was read, and nothing came or went until afterwards."""
        if not self._is_all_read:
            self._read = {one for one, file in self._files.items() if file.is_archived}
            self._is_all_read = True

    def take_stock(self) -> bool:
        """After something came or went: whether what went may have held what was not read."""
        before, self._files = self._files, _listed(self._folders)
        # A folder without any: what it held was carried over into another (journalctl --flush).
        left = {file.folder for file in self._files.values()}
        gone = {one for one, file in before.items() if file.folder in left} - self._files.keys()
        self._is_all_read = False
        return not gone <= self._read


def _listed(folders: Sequence[Path], *, before: float | None = None) -> Mapping[bytes, _File]:
    """By what a file keeps when it is renamed. `before`: those last written to before that."""
    files = {}
    for folder in folders:
        for path in folder.glob("*.journal*"):
            with suppress(OSError), path.open("rb") as file:  # gone by now, or not for us
                if before is None or path.stat().st_mtime < before:
                    head = file.read(ID_AT + ID_BYTES)
                    files[head[ID_AT:]] = _File(folder, is_archived="@" in path.name)
    return files
