"""Wakes whoever waits when a file of one name is written, moved or made (inotify(7)).

A doorbell and nothing more: it says neither what happened nor that nothing did. Where the kernel
gives no inotify, it rings at the pace of a poll.
"""

import ctypes
import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import anyio

POLL = timedelta(milliseconds=150)
DRAIN_BYTES = 65_536
# <sys/inotify.h>; the numbers are the kernel's ABI.
IN_NONBLOCK, IN_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
IN_MODIFY, IN_ATTRIB, IN_MOVE_SELF, IN_DELETE_SELF = 0x2, 0x4, 0x800, 0x400
MASK = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF


class FileWatch:
    """Follows the name: once another file has it, that one is watched."""

    def __init__(self, path: Path) -> None:
        self._path = os.fsencode(path)
        self._libc = ctypes.CDLL(None)
        self._descriptor = int(self._libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
        self._watch = -1

    async def wait(self, at_most: timedelta) -> bool:
        """Until something happened to the file since the last wait ended (True), or the time is
        over."""
        if self._descriptor < 0 or not self._arm():
            await anyio.sleep(min(at_most, POLL).total_seconds())
            return False
        with anyio.move_on_after(at_most.total_seconds()):
            await anyio.wait_readable(self._descriptor)
        with suppress(BlockingIOError):
            return bool(os.read(self._descriptor, DRAIN_BYTES))
        return False

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _arm(self) -> bool:
        """The file that has the name now is watched; asking again for the same one is free."""
        watch = int(self._libc.inotify_add_watch(self._descriptor, self._path, MASK))
        if watch < 0:
            return False
        if self._watch not in (-1, watch):
            self._libc.inotify_rm_watch(self._descriptor, self._watch)
        self._watch = watch
        return True
