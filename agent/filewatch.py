"""Wakes whoever waits when one of some files is written, moved or made (inotify(7)).

A doorbell and nothing more: it says neither what happened nor that nothing did.
"""

import ctypes
import os
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress

from agent.watched import Watched

DRAIN_BYTES = 65_536
# <sys/inotify.h>; the numbers are the kernel's ABI.
IN_NONBLOCK, IN_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
IN_MODIFY, IN_ATTRIB, IN_MOVE_SELF, IN_DELETE_SELF = 0x2, 0x4, 0x800, 0x400
IN_MOVED_TO, IN_CREATE, IN_ONLYDIR = 0x80, 0x100, 0x1000000
FILE_MASK = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF
FOLDER_MASK = IN_MOVED_TO | IN_CREATE | IN_ONLYDIR
_EVENT = struct.Struct("=iIII")  # watch, mask, cookie, and so many bytes of a name behind it


class FileWatch:
    """Follows the names: once another file has one, that one is watched."""

    def __init__(self, watched: Callable[[], Watched]) -> None:
        """`watched` is asked for every descriptor."""
        self._watched = watched
        self._armed_for: Watched | None = None
        self._has_moved = False
        self._of_writing = b""  # events, as they were last read: nearly always they are the same
        self._libc = ctypes.CDLL(None)
        self._descriptor = int(self._libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
        self._watches: dict[str, int] = {}

    def descriptor(self) -> int:
        """What becomes readable when something happened since `hush`; -1: nothing can be watched.

        Names are followed: where a file came or went, another may have one. Writing changes none.
        """
        watched = self._watched()
        is_whole = len(self._watches) == len({*watched.files, *watched.folders}) > 0
        is_armed = is_whole and watched is self._armed_for and not self._has_moved
        if self._descriptor >= 0 and not is_armed:
            self._arm(watched)
            self._armed_for, self._has_moved = watched, False
        return self._descriptor if self._watches else -1

    @property
    def is_late(self) -> bool:
        return self._watched().is_late

    def hush(self) -> None:
        """Forgets what happened until now."""
        if self._descriptor >= 0:
            with suppress(BlockingIOError):
                happened = os.read(self._descriptor, DRAIN_BYTES)
                if happened == self._of_writing:
                    return
                if _is_of_names(happened):
                    self._has_moved = True
                else:
                    self._of_writing = happened

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _arm(self, watched: Watched) -> None:
        """Asking again for the same file is free."""
        watches = self._watch(watched.files, FILE_MASK) | self._watch(watched.folders, FOLDER_MASK)
        for stale in {*self._watches.values()} - {*watches.values()}:
            self._libc.inotify_rm_watch(self._descriptor, stale)
        self._watches = watches

    def _watch(self, names: Iterable[str], mask: int) -> dict[str, int]:
        add, descriptor = self._libc.inotify_add_watch, self._descriptor
        found = {name: int(add(descriptor, os.fsencode(name), mask)) for name in names}
        return {name: watch for name, watch in found.items() if watch >= 0}


def _is_of_names(happened: bytes) -> bool:
    """Whether anything but writing is among these events, or some were lost."""
    place = 0
    while place < len(happened):
        _, mask, _, length = _EVENT.unpack_from(happened, place)
        if mask != IN_MODIFY:
            return True
        place += _EVENT.size + length
    return False
