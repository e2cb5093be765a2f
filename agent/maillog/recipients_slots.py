"""A set of whole numbers in one array: open addressing with linear probing, at most half full.

A Python set of as many takes six times the memory. A number's place is told by its uppermost bits,
so numbers are to differ in these; those alike in them stand side by side. Pure.
"""

from array import array
from collections.abc import Iterator
from typing import Literal

_TYPECODES = {32: "I", 64: "Q"}
_THIN = 16  # so many times the room that is needed is more than enough


class Slots:
    """Of numbers from 1 up to so many `bits`. `count` of them are in it.

    Taken apart by its one user, whose questions are too many for a call each: a number stands at
    `slots[number >> shift]` or in one of those that follow, round `mask`; 0 is an empty slot.
    """

    __slots__ = ("_bits", "_slots_min", "count", "mask", "shift", "slots")

    def __init__(self, bits: Literal[32, 64], *, slots_min: int) -> None:
        assert array(_TYPECODES[bits]).itemsize * 8 == bits
        self._bits = bits
        self._slots_min = slots_min
        self.count = 0
        self._allot(slots_min)

    def __iter__(self) -> Iterator[int]:
        return (one for one in self.slots if one)

    def place(self, one: int) -> int:
        """Where it is, or the free slot where it would go."""
        slots, mask = self.slots, self.mask
        place = one >> self.shift
        while (found := slots[place]) and found != one:
            place = (place + 1) & mask
        return place

    def add(self, one: int) -> bool:
        """Whether it is new."""
        place = self.place(one)
        if self.slots[place]:
            return False
        self.put(one, at=place)
        return True

    def put(self, one: int, *, at: int) -> None:
        """One that is not in it, into the free slot where it is looked for."""
        self.slots[at] = one
        self.count += 1
        if 2 * self.count > len(self.slots):
            self._move(2 * len(self.slots))

    def discard(self, one: int) -> bool:
        """Whether it was in."""
        place = self.place(one)
        if not self.slots[place]:
            return False
        self.count -= 1
        self._close_gap(place)
        if _THIN * self.count < len(self.slots) > self._slots_min:
            self._move(len(self.slots) // 4)
        return True

    def discard_between(self, first: int, *, last: int) -> list[int]:
        """All from `first` to `last`, which begin alike, so that they stand in one row with what
        stands between and behind them; which they were. The others are put in anew once, and not
        after each of them."""
        slots, mask = self.slots, self.mask
        place, row = first >> self.shift, []
        while one := slots[place]:
            row.append(one)
            place = (place + 1) & mask
        found = [one for one in row if first <= one <= last]
        if len(found) <= 1:
            for one in found:
                self.discard(one)
            return found
        for back in range(1, len(row) + 1):
            slots[(place - back) & mask] = 0
        for one in row:
            if not first <= one <= last:
                slots[self.place(one)] = one
        self.count -= len(found)
        return found

    def _close_gap(self, gap: int) -> None:
        """Moves back whoever could not be found behind an empty slot."""
        slots, mask, shift = self.slots, self.mask, self.shift
        place = gap
        while True:
            slots[gap] = 0
            while True:
                place = (place + 1) & mask
                if not (one := slots[place]):
                    return
                if (place - (one >> shift)) & mask >= (place - gap) & mask:
                    break
            slots[gap] = one
            gap = place

    def _allot(self, size: int) -> None:
        self.slots = array(_TYPECODES[self._bits], (0,)) * size
        self.mask = size - 1
        self.shift = self._bits - (size.bit_length() - 1)

    def _move(self, size: int) -> None:
        before = self.slots
        self._allot(max(size, self._slots_min))
        slots = self.slots
        for one in before:
            if one:
                slots[self.place(one)] = one
