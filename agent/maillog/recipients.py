"""Which recipients are deferred at present, so that a first attempt is told from a later one.

64-bit hashes in one array, bounded; knows no receiver and keeps nothing on disk. Half of a hash is
of the message, half of the recipient: all recipients of a message stand together, and leave
together when it is removed.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

OPEN_MAX = 500_000
INSTANCES_REMEMBERED_MAX = 64
_SLOTS_MIN = 1024
_begun: dict[bytes, int] = {}  # the sum over an instance's name, which that of an id goes on from


def message_of(instance: bytes, *, queue_id: bytes) -> int:
    """The upper half of its recipients' hashes. Alike in every run, since it is stored."""
    begun = _begun.get(instance)
    if begun is None:
        if len(_begun) >= INSTANCES_REMEMBERED_MAX:
            _begun.clear()
        begun = _begun[instance] = crc32(instance + b"\0")
    return crc32(queue_id, begun) << 32


def hash_of(message: int, recipient: bytes) -> int:
    """Never 0."""
    return message | (crc32(recipient) or 1)


class OpenRecipients:
    """A set of such hashes: open addressing with linear probing, at most half full, 8 MiB at most.

    A Python set of as many whole numbers takes six times the memory.
    """

    __slots__ = ("_mask", "_shift", "_slots", "count")

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        self.count = 0
        self._allot(_SLOTS_MIN)
        for one in hashes:
            self.add(one)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        return (one for one in self._slots if one)

    def __contains__(self, one: int) -> bool:
        return self._slots[self._place(one)] == one

    def add(self, one: int) -> bool:
        """Whether it is in; False when there is no room."""
        place = self._place(one)
        if self._slots[place] == one:
            return True
        if self.count >= OPEN_MAX:
            return False
        self._slots[place] = one
        self.count += 1
        if 2 * self.count > len(self._slots):
            self._grow()
        return True

    def discard(self, one: int) -> bool:
        """Whether it was in."""
        place = self._place(one)
        if self._slots[place] != one:
            return False
        self.count -= 1
        self._close_gap(place)
        return True

    def has_message(self, message: int) -> bool:
        """Whether any recipient of it is open: seldom, and quickly told."""
        slots, mask = self._slots, self._mask
        place = message >> self._shift
        while one := slots[place]:
            if one ^ message < 1 << 32:
                return True
            place = (place + 1) & mask
        return False

    def perhaps(self, messages: Sequence[int]) -> list[int]:
        """Those that may have an open recipient: most of the others are told by one look."""
        slots, shift = self._slots, self._shift
        return [message for message in messages if slots[message >> shift]]

    def discard_message(self, message: int) -> list[int]:
        """All recipients of the message; which they were. They stand side by side: what stands
        behind them is put in anew once, and not after each of them."""
        slots, mask = self._slots, self._mask
        place, behind = message >> self._shift, []
        while one := slots[place]:
            behind.append(one)
            place = (place + 1) & mask
        found = [one for one in behind if one ^ message < 1 << 32]
        if not found:
            return []
        for back in range(1, len(behind) + 1):
            slots[(place - back) & mask] = 0
        for one in behind:
            if one ^ message >= 1 << 32:
                slots[self._place(one)] = one
        self.count -= len(found)
        return found

    def _place(self, one: int) -> int:
        """Where it is, or the free slot where it would go."""
        slots, mask = self._slots, self._mask
        place = one >> self._shift
        while (found := slots[place]) and found != one:
            place = (place + 1) & mask
        return place

    def _close_gap(self, gap: int) -> None:
        """Moves back whoever could not be found behind an empty slot."""
        slots, mask = self._slots, self._mask
        place = gap
        while True:
            slots[gap] = 0
            while True:
                place = (place + 1) & mask
                if not (one := slots[place]):
                    return
                if (place - (one >> self._shift)) & mask >= (place - gap) & mask:
                    break
            slots[gap] = one
            gap = place

    def _allot(self, size: int) -> None:
        self._slots = array("Q", (0,)) * size
        self._mask = size - 1
        self._shift = 64 - (size.bit_length() - 1)

    def _grow(self) -> None:
        before = self._slots
        self._allot(2 * len(before))
        for one in before:
            if one:
                self._slots[self._place(one)] = one
