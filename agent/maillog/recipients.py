"""Which recipients are deferred at present, so that a first attempt is told from a later one.

64-bit hashes in arrays, bounded; knows no receiver and keeps nothing on disk. Half of a hash is of
the message, half of the recipient: all recipients of a message stand together, and leave together
when it is removed.
"""

from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

from agent.maillog.recipients_slots import Slots

OPEN_MAX = 500_000
INSTANCES_REMEMBERED_MAX = 64
INSTANCE_BYTES_MAX = 128  # of one that is remembered
ROW_LONG = 64
CROWD_MIN = 32  # of one message in a long row: they get a table of their own
CROWD_LEFT_MAX = 8
_SLOTS_MIN = 1024
_CROWD_SLOTS_MIN = 64
_RECIPIENT = (1 << 32) - 1
_MESSAGE = _RECIPIENT << 32
_begun: dict[bytes, int] = {}  # the sum over an instance's name, which that of an id goes on from


def message_of(instance: bytes, *, queue_id: bytes) -> int:
    """The upper half of its recipients' hashes. Alike in every run, since it is stored."""
    begun = _begun.get(instance)
    if begun is None:
        begun = crc32(instance + b"\0")
        if len(instance) <= INSTANCE_BYTES_MAX:
            if len(_begun) >= INSTANCES_REMEMBERED_MAX:
                _begun.clear()
            _begun[instance] = begun
    return crc32(queue_id, begun) << 32


def hash_of(message: int, recipient: bytes) -> int:
    """Never 0."""
    return message | (crc32(recipient) or 1)


class OpenRecipients:
    """A set of such hashes. To add, to ask and to take out costs the same however many of them are
    one message's; half a million take 8 to 13 MiB.

    All stand in one table, those of a message side by side. Very many of one message would make a
    row that is walked for each of them: they get a table of their own, until few are left.
    """

    __slots__ = ("_crowds", "_table", "count")

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        self.count = 0
        self._table = Slots(64, slots_min=_SLOTS_MIN)
        self._crowds: dict[int, Slots] = {}  # by message: halves of recipients, spread
        for one in hashes:
            self.add(one)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        yield from self._table
        for message, crowd in self._crowds.items():
            yield from _hashes(message, crowd)

    def __contains__(self, one: int) -> bool:
        if self._crowds and (crowd := self._crowds.get(one & _MESSAGE)) is not None:
            return crowd.slots[crowd.place(_spread(one))] != 0
        table = self._table
        return table.slots[table.place(one)] != 0

    def add(self, one: int) -> bool:
        """Whether it is in; False when there is no room."""
        to, half = self._table, one
        if self._crowds and (crowd := self._crowds.get(one & _MESSAGE)) is not None:
            to, half = crowd, _spread(one)
        place = to.place(half)
        if to.slots[place]:
            return True
        if self.count >= OPEN_MAX:
            return False
        is_far = (place - (half >> to.shift)) & to.mask >= ROW_LONG
        to.put(half, at=place)
        self.count += 1
        if is_far and to is self._table:
            self._part(one & _MESSAGE)
        return True

    def discard(self, one: int) -> bool:
        """Whether it was in."""
        crowd = self._crowds.get(one & _MESSAGE) if self._crowds else None
        was_in = self._table.discard(one) if crowd is None else crowd.discard(_spread(one))
        self.count -= was_in
        if crowd is not None and crowd.count <= CROWD_LEFT_MAX:
            del self._crowds[one & _MESSAGE]
            for left in _hashes(one & _MESSAGE, crowd):
                self._table.add(left)
        return was_in

    def has_message(self, message: int) -> bool:
        """Whether any recipient of it is open: seldom, and quickly told."""
        slots, mask = self._table.slots, self._table.mask
        place = message >> self._table.shift
        while one := slots[place]:
            if one ^ message < 1 << 32:
                return True
            place = (place + 1) & mask
        return message in self._crowds

    def perhaps(self, messages: Sequence[int]) -> list[int]:
        """Those that may have an open recipient: most of the others are told by one look."""
        slots, shift, crowds = self._table.slots, self._table.shift, self._crowds
        if crowds:
            return [one for one in messages if slots[one >> shift] or one in crowds]
        return [one for one in messages if slots[one >> shift]]

    def discard_message(self, message: int) -> Iterable[int]:
        """All recipients of the message; which they were."""
        crowd = self._crowds.pop(message, None) if self._crowds else None
        if crowd is not None:
            self.count -= crowd.count
            return _hashes(message, crowd)
        found = self._table.discard_between(message, last=message | _RECIPIENT)
        self.count -= len(found)
        return found

    def _part(self, message: int) -> None:
        """Gives the message a table of its own if it is what made its row long."""
        slots, mask = self._table.slots, self._table.mask
        place, count = message >> self._table.shift, 0
        while one := slots[place]:
            count += one ^ message < 1 << 32
            place = (place + 1) & mask
        if count < CROWD_MIN:
            return
        crowd = self._crowds[message] = Slots(32, slots_min=_CROWD_SLOTS_MIN)
        for one in self._table.discard_between(message, last=message | _RECIPIENT):
            crowd.add(_spread(one))


def _spread(one: int) -> int:
    """A recipient's half so that it differs in its uppermost bits, other ones for each message:
    who chooses the recipients does not choose the queue id."""
    return one * (one >> 32 | 1) & _RECIPIENT


def _hashes(message: int, crowd: Slots) -> list[int]:
    back = pow(message >> 32 | 1, -1, 1 << 32)
    return [message | half * back & _RECIPIENT for half in crowd]
