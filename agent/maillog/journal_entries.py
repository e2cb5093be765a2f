"""An open systemd journal, entry by entry, through libsystemd (sd-journal(3)).

Keeps nothing and judges nothing. The library is on every machine that has a journal: what is
essential there, such as util-linux, is linked against it. Only the thread that opened may read.

The library maps the files. Where one is cut short in the very moment it is read, or lies on a disk
that fails, the process ends (SIGBUS); it is started again, and what it had not committed is read
again.
"""

import ctypes
import os
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path

from agent.maillog import journal_lines
from agent.maillog.journal_lines import Line
from agent.maillog.parse import LINE_BYTES_MAX

LIBRARY = "libsystemd.so.0"
LOCAL_ONLY = 1  # <systemd/sd-journal.h>: of other machines, whose files may lie beside, nothing
INVALIDATE = 2
MADV_DONTNEED = 4  # <sys/mman.h>
MAPS = Path("/proc/self/maps")
# One piece is read without a pause.
PIECE_ENTRIES_MAX = 256
PIECE_BYTES_MAX = 1 << 17
# What was read stays mapped, and counts as our memory. An entry takes about 1 KB of the file.
MAPPED_ENTRIES_MAX = 4096


class Entries:
    """The mail's entries of one journal; stands at its beginning. OSError from any of these:
    nothing can be read by it any more.

    `is_at_end`: the last piece was all there is. `is_changed`: files came or went.
    """

    def __init__(self, folder: Path | None) -> None:
        """`folder` None: this machine's own. OSError: no library, or no such folder. What may not
        be read is not there."""
        self._library = _library(LIBRARY)
        self._handle = ctypes.c_void_p()
        self._data, self._size = ctypes.c_void_p(), ctypes.c_size_t()
        self._time = ctypes.c_uint64()
        self._mapped = MAPPED_ENTRIES_MAX  # to find a place, too, maps something of every file
        self.is_at_end = False
        self.is_changed = False
        handle = ctypes.byref(self._handle)
        if folder is None:
            self._library.sd_journal_open(handle, LOCAL_ONLY)
        else:
            self._library.sd_journal_open_directory(handle, os.fsencode(folder), 0)
        try:
            self._choose()
        except OSError:
            self.close()
            raise

    def _choose(self) -> None:
        library, handle = self._library, self._handle
        library.sd_journal_set_data_threshold(handle, 2 * LINE_BYTES_MAX)
        for kind in journal_lines.KINDS:
            library.sd_journal_add_match(handle, kind.encode(), 0)
            library.sd_journal_add_disjunction(handle)
        library.sd_journal_get_fd(handle)  # from now on it notices what comes and goes

    def newest(self) -> Line | None:
        """Goes there. None: there is no entry, and we stand where the first will be."""
        self._library.sd_journal_seek_tail(self._handle)
        if self._library.sd_journal_previous(self._handle):
            return self._line()
        return None

    def go_to(self, cursor: str) -> None:
        """Before that entry, or before the one behind where it was."""
        self._library.sd_journal_seek_cursor(self._handle, cursor.encode())

    def go_to_time(self, at: datetime) -> None:
        since = journal_lines.microseconds(at)
        self._library.sd_journal_seek_realtime_usec(self._handle, max(0, since))

    def read(self) -> list[Line]:
        """The next entries, one bounded piece of them.

        What came and went is noticed before: journald wipes what it removes, and to look at it
        would be the end. And once more behind all of them: until then nothing went unread.
        """
        self._notice()
        lines = self._piece()
        if self.is_at_end and self._notice():
            self.is_at_end = False
        return lines

    def _notice(self) -> bool:
        found = bool(self._library.sd_journal_process(self._handle) == INVALIDATE)
        self.is_changed = self.is_changed or found
        return found

    def close(self) -> None:
        handle, self._handle = self._handle, ctypes.c_void_p()
        self._library.sd_journal_close(handle)

    def _piece(self) -> list[Line]:
        lines: list[Line] = []
        left = PIECE_BYTES_MAX
        following, handle = self._library.sd_journal_next, self._handle
        self.is_at_end = False
        while len(lines) < PIECE_ENTRIES_MAX and left > 0:
            if not following(handle):
                self.is_at_end = True
                break
            line = self._line()
            lines.append(line)
            left -= len(line.text)
        self._mapped += len(lines)
        if self._mapped >= MAPPED_ENTRIES_MAX:
            self._unmap()
        return lines

    def _line(self) -> Line:
        library, handle = self._library, self._handle
        library.sd_journal_get_realtime_usec(handle, ctypes.byref(self._time))
        at = journal_lines.arrival(self._time.value)
        text = b""
        with suppress(OSError):  # damaged: a line that cannot be read
            text = journal_lines.text_of(at, self._field)
        return Line(self._cursor(), at, text)

    def _field(self, name: str) -> bytes:
        """Cut only where it is longer than any line."""
        data, size = ctypes.byref(self._data), ctypes.byref(self._size)
        try:
            self._library.sd_journal_get_data(self._handle, name.encode(), data, size)
        except FileNotFoundError:
            return b""
        before = len(name) + 1
        found = ctypes.string_at(self._data, min(self._size.value, before + LINE_BYTES_MAX))
        return found[before:]

    def _cursor(self) -> str:
        place = ctypes.c_void_p()
        self._library.sd_journal_get_cursor(self._handle, ctypes.byref(place))
        try:
            return ctypes.string_at(place).decode("ascii")
        finally:
            _libc().free(place)

    def _unmap(self) -> None:
        """The files' pages alone; what is looked at again comes from the file again."""
        self._mapped = 0
        with MAPS.open("rb") as maps:
            for line in maps:
                if b".journal" in line:
                    start, end = (int(word, 16) for word in line.split(b" ", 1)[0].split(b"-"))
                    _libc().madvise(start, end - start, MADV_DONTNEED)


@cache
def _library(name: str) -> ctypes.CDLL:
    """Its functions raise what they return."""
    library = ctypes.CDLL(name)
    handle, out = ctypes.c_void_p, ctypes.c_void_p
    types: dict[str, tuple[type, ...]] = {
        "open": (out, ctypes.c_int),
        "open_directory": (out, ctypes.c_char_p, ctypes.c_int),
        "set_data_threshold": (handle, ctypes.c_size_t),
        "add_match": (handle, ctypes.c_char_p, ctypes.c_size_t),
        "add_disjunction": (handle,),
        "get_fd": (handle,),
        "process": (handle,),
        "seek_tail": (handle,),
        "seek_cursor": (handle, ctypes.c_char_p),
        "seek_realtime_usec": (handle, ctypes.c_uint64),
        "previous": (handle,),
        "next": (handle,),
        "get_realtime_usec": (handle, out),
        "get_data": (handle, ctypes.c_char_p, out, out),
        "get_cursor": (handle, out),
    }
    for word, arguments in types.items():
        function = getattr(library, f"sd_journal_{word}")
        function.argtypes, function.errcheck = arguments, _checked
    library.sd_journal_close.argtypes = (handle,)
    library.sd_journal_close.restype = None
    return library


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.free.argtypes = (ctypes.c_void_p,)
    libc.free.restype = None
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return libc


def _checked(result: int, *_: object) -> int:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result
