"""Wakes whoever waits when one of some files is written, moved or made (inotify(7)), or a pipe
has something to read.

A doorbell and nothing more: it says neither what happened nor that nothing did. Where the kernel
gives no inotify, it rings at the pace of a poll.
"""

import ctypes
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta

import anyio

from agent.watched import Watched

POLL = timedelta(milliseconds=150)
DRAIN_BYTES = 65_536
# <sys/inotify.h>; the numbers are the kernel's ABI.
IN_NONBLOCK, IN_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
IN_MODIFY, IN_ATTRIB, IN_MOVE_SELF, IN_DELETE_SELF = 0x2, 0x4, 0x800, 0x400
IN_MOVED_TO, IN_CREATE, IN_ONLYDIR = 0x80, 0x100, 0x1000000
FILE_MASK = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF
FOLDER_MASK = IN_MOVED_TO | IN_CREATE | IN_ONLYDIR


class FileWatch:
    """Follows the names: once another file has one, that one is watched."""

    def __init__(self, watched: Callable[[], Watched]) -> None:
        """`watched` is asked before every wait."""
        self._watched = watched
        self._libc = ctypes.CDLL(None)
        self._descriptor = int(self._libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
        self._watches: dict[str, int] = {}

    async def wait(self, at_most: timedelta) -> bool:
        """Until something happened since the last wait ended (True), or the time is over."""
        watched = self._watched()
        if watched.pipe >= 0:
            return await _wait_readable(watched.pipe, at_most)
        if self._descriptor < 0 or not self._arm(watched):
            await anyio.sleep(min(at_most, POLL).total_seconds())
            return False
        await _wait_readable(self._descriptor, at_most)
        with suppress(BlockingIOError):
            return bool(os.read(self._descriptor, DRAIN_BYTES))
        return False

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _arm(self, watched: Watched) -> bool:
        """Whether anything can be watched; asking again for the same file is free."""
        watches = self._watch(watched.files, FILE_MASK) | self._watch(watched.folders, FOLDER_MASK)
        for stale in {*self._watches.values()} - {*watches.values()}:
            self._libc.inotify_rm_watch(self._descriptor, stale)
        self._watches = watches
        return bool(watches)

    def _watch(self, names: Iterable[str], mask: int) -> dict[str, int]:
        add, descriptor = self._libc.inotify_add_watch, self._descriptor
        found = {name: int(add(descriptor, os.fsencode(name), mask)) for name in names}
        return {name: watch for name, watch in found.items() if watch >= 0}


async def _wait_readable(descriptor: int, at_most: timedelta) -> bool:
    with anyio.move_on_after(at_most.total_seconds()):
        await anyio.wait_readable(descriptor)
        return True
    return False
