"""What a gzip file holds, read at any offset. Forwards costs what unpacking costs; backwards beyond
a window begins anew. Memory is bounded whatever the file holds. Opens nothing, closes nothing."""

import os
import zlib

WINDOW_BYTES = 2 << 20  # the most that one read may ask for, and how far back one may look for free
_STEP_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 18
_GZIP = 31  # zlib's wbits for the gzip format (RFC 1952)


class Unpacked:
    """`is_whole`: the end was reached, and it is the end that was written."""

    __slots__ = ("_descriptor", "_inflater", "_is_ended", "_packed", "_raw", "_start", "_window")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rewind()

    def read(self, offset: int, *, length: int) -> bytes:
        """Fewer bytes than asked for, or none, at the end."""
        assert length <= WINDOW_BYTES, length
        if offset < self._start:
            self._rewind()
        while not self._is_ended and self._end < offset + length:
            self._go_on()
        begin = offset - self._start
        return bytes(self._window[begin : begin + length])

    @property
    def size(self) -> int:
        """How many bytes there are in all: reads the rest."""
        while not self._is_ended:
            self._go_on()
        return self._end

    @property
    def is_whole(self) -> bool:
        return self._is_ended and self._inflater.eof

    @property
    def _end(self) -> int:
        return self._start + len(self._window)

    def _rewind(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP)
        self._packed = b""
        self._raw = 0
        self._window = bytearray()
        self._start = 0
        self._is_ended = False

    def _go_on(self) -> None:
        """One block more, or the end: of the last member, of the file, or of what makes sense."""
        if self._inflater.eof and not self._begin_member():
            self._is_ended = True
            return
        if not self._packed:
            self._packed = self._fetch()
        is_dry = not self._packed
        try:
            block = self._inflater.decompress(self._packed, _BLOCK_BYTES)
        except zlib.error:
            self._is_ended = True
            return
        self._packed = self._inflater.unconsumed_tail
        self._keep(block)
        if is_dry and not block and not self._inflater.eof:
            self._is_ended = True

    def _begin_member(self) -> bool:
        """Several may follow one another (RFC 1952, 2.2); zeroes behind them are padding."""
        rest = (self._inflater.unused_data or self._fetch()).lstrip(b"\0")
        if not rest.startswith(b"\x1f"):
            return False
        self._inflater, self._packed = zlib.decompressobj(_GZIP), rest
        return True

    def _fetch(self) -> bytes:
        packed = os.pread(self._descriptor, _STEP_BYTES, self._raw)
        self._raw += len(packed)
        return packed

    def _keep(self, block: bytes) -> None:
        self._window += block
        if len(self._window) > 2 * WINDOW_BYTES:
            excess = len(self._window) - WINDOW_BYTES
            del self._window[:excess]
            self._start += excess
