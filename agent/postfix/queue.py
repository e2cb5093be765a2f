"""Counts the messages of every queue by the entries of its directories; opens no message.

Works on descriptors of directories that somebody else opened (they are 0700 postfix), and owns
them from then on. A queue of which any directory cannot be read is None: a part is not a count.
The oldest age comes from long queue ids, which begin with their time; with short ones it is None.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice
from operator import attrgetter, itemgetter

from agent.model import QueueReading
from agent.postfix.client import PostfixClient, PostfixError, QueueDirectory

QUEUES = ("active", "incoming", "deferred", "hold", "maildrop")
# Held mail waits for a person and maildrop is not taken in yet: neither says how late mail is.
AGED = frozenset(("active", "incoming", "deferred"))
# A directory's time moves in steps of the kernel's tick: unchanged, and by then older than this,
# it has the same entries.
SETTLED_NS = 2_000_000_000

# Long queue ids (enable_long_queue_ids in postconf(5)): seconds since 1970 in 6 digits to this
# base (until the year 2596), 4 digits of microseconds, "z", the inode. They sort as they count.
DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
SECONDS_DIGITS = 6
SEPARATOR, SEPARATOR_AT = "z", 10
SEPARATOR_OF = itemgetter(slice(SEPARATOR_AT, SEPARATOR_AT + 1))
NO_ID = "~"  # sorts after every queue id
NAME: Callable[["os.DirEntry[str]"], str] = attrgetter("name")
# Some 10,000 names on ext4.
LISTED_BYTES_MAX = 256 * 1024
PIECE = 4096
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One directory: its messages, the smallest long queue id, the hashed levels below it."""

    messages: int
    oldest: str
    has_short_ids: bool
    hashes: frozenset[str]


@dataclass(slots=True)
class _Directory:
    """An open one, with its last count and the time of the directory that count belongs to."""

    name: str
    descriptor: int
    children: set[str] = field(default_factory=set)
    counted_ns: int = -1
    count: Count | None = None


class QueueReader:
    """Owns the descriptors it was given, until they are replaced or it is closed."""

    def __init__(self) -> None:
        self._directories: dict[str, _Directory] = {}
        # Ask the helper again: nothing there yet, a new hashed level, a directory that went away.
        self.is_stale = True

    def replace(self, opened: Iterable[QueueDirectory]) -> None:
        self.close()
        for name, descriptor in ((one.name, one.descriptor) for one in opened):
            self._directories[name] = _Directory(name, descriptor)
            parent, _, own = name.rpartition("/")
            if parent in self._directories:
                self._directories[parent].children.add(own)
        found = {name for name in self._directories if "/" not in name}
        labels = {name.partition(":")[0] for name in found}
        self.is_stale = found != {f"{label}:{queue}" for label in labels for queue in QUEUES}

    def read(self, now: datetime) -> QueueReading:
        """`now`: the wall clock that the file system uses."""
        counts = {queue: self._count_queue(queue, now) for queue in QUEUES}
        ages = [counts[queue] for queue in AGED]
        return QueueReading(
            **{queue: None if it is None else it.messages for queue, it in counts.items()},
            oldest_age=_age([it for it in ages if it is not None], now) if all(ages) else None,
        )

    def close(self) -> None:
        for directory in self._directories.values():
            os.close(directory.descriptor)
        self._directories.clear()
        self.is_stale = True

    def _count_queue(self, queue: str, now: datetime) -> Count | None:
        """All its directories, of all instances."""
        wanted = f":{queue}"
        counts = [
            self._count(directory, now)
            for name, directory in self._directories.items()
            if name.partition("/")[0].endswith(wanted)
        ]
        labels = {name.partition(":")[0] for name in self._directories}
        tops = sum(1 for name in self._directories if name.endswith(wanted))
        whole = [count for count in counts if count is not None]
        if not whole or len(whole) < len(counts) or tops < len(labels):
            return None
        return _sum(whole)

    def _count(self, directory: _Directory, now: datetime) -> Count | None:
        """The cached count while the directory is unchanged. None, and stale: not to be trusted."""
        try:
            status = os.fstat(directory.descriptor)
            if status.st_mtime_ns != directory.counted_ns or directory.count is None:
                directory.count = count_entries(directory.descriptor, size=status.st_size)
                age_ns = _nanoseconds(now) - status.st_mtime_ns
                directory.counted_ns = status.st_mtime_ns if age_ns > SETTLED_NS else -1
        except OSError:
            self.is_stale = True
            return None
        if status.st_nlink == 0 or not directory.count.hashes <= directory.children:
            self.is_stale = True
            return None
        return directory.count


async def read_queue(client: PostfixClient, reader: QueueReader, now: datetime) -> QueueReading:
    """The counts, with new descriptors when the old ones do not show all.

    When the helper does not answer, what could be counted; the rest is None.
    """
    try:
        if reader.is_stale:
            reader.replace(await client.queue_descriptors())
        reading = reader.read(now)
        if not reader.is_stale:
            return reading
        reader.replace(await client.queue_descriptors())
    except PostfixError:  # whoever observes Postfix through the same helper says so
        pass
    return reader.read(now)


def count_entries(descriptor: int, *, size: int) -> Count:
    """Entries of an open directory of this st_size. Raises OSError.

    A small one is listed at once, which is faster; a large one piece by piece, so that a long
    queue costs time and no memory.
    """
    if size <= LISTED_BYTES_MAX:
        return _count(os.listdir(descriptor))
    with os.scandir(descriptor) as entries:
        names = map(NAME, entries)
        return _sum(map(_count, iter(lambda: list(islice(names, PIECE)), [])))


def _count(names: list[str]) -> Count:
    """Most directories hold one kind of name: told by built-in functions alone."""
    hashes = frozenset[str]()
    are_long = set(map(SEPARATOR_OF, names)) <= {SEPARATOR}
    if not are_long and min(map(len, names)) == 1:
        hashes = frozenset(name for name in names if len(name) == 1)
        names = [name for name in names if len(name) > 1]
        are_long = set(map(SEPARATOR_OF, names)) <= {SEPARATOR}
    return Count(
        messages=len(names),
        oldest=min(names, default=NO_ID) if are_long else NO_ID,
        has_short_ids=not are_long,
        hashes=hashes,
    )


def _sum(counts: Iterable[Count]) -> Count:
    messages, oldest, has_short_ids, hashes = 0, NO_ID, False, frozenset[str]()
    for count in counts:
        messages += count.messages
        oldest = min(oldest, count.oldest)
        has_short_ids |= count.has_short_ids
        hashes |= count.hashes
    return Count(messages=messages, oldest=oldest, has_short_ids=has_short_ids, hashes=hashes)


def queued_at(long_id: str) -> datetime:
    """The second a long queue id was given out. Raises ValueError for what is none."""
    seconds = 0
    for digit in long_id[:SECONDS_DIGITS]:
        seconds = seconds * len(DIGITS) + DIGITS.index(digit)
    return EPOCH + timedelta(seconds=seconds)


def _age(counts: list[Count], now: datetime) -> timedelta | None:
    """Of the oldest message. None: there is none, or some do not say."""
    oldest = min(count.oldest for count in counts)
    if oldest == NO_ID or any(count.has_short_ids for count in counts):
        return None
    try:
        return max(timedelta(0), now - queued_at(oldest))
    except ValueError:  # a foreign file
        return None


def _nanoseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000
