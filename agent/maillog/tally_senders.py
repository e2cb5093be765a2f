"""For which sending domain was delivered, deferred and bounced. Pure; bounded.

A delivery's line names no sender: the queue manager's line before it does, each time it takes the
message up. What that said is kept until the message was attempted, across restarts too
(`Underway`). Where it was never read, or too many messages are under way at once, the sender is
`unknown`, and counted as such.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import chain, islice
from typing import Any

from agent.maillog.recipients import INSTANCE_BYTES_MAX, INSTANCES_REMEMBERED_MAX
from agent.maillog.recipients_firsts import LATER, SENT
from agent.model_mail import SenderCount
from deliverability import senders

SENDERS_MAX = 256
NAMES_REMEMBERED_MAX = 1024
# Postfix has 20,000 messages under way at most, unless told otherwise (qmgr_message_active_limit).
UNDERWAY_MAX = 20_480
_DROPPED_AT_ONCE = UNDERWAY_MAX // 8
LOOKS_MAX = 16  # for whose queue it is, in one chunk: each may go through all that is under way
# What follows the domain in `lines.Queued.said`, up to the size.
_BEHIND = b">, size"

# Places of a domain's counts, in a SenderCount's order: attempts, then first ones.
_FIRST = 3
_NUMBERS = 7
_NAMES = tuple(one.name for one in fields(SenderCount))[1:]


class Underway:
    """What was said of the messages that are being attempted; `changed`, then `committed`.

    A message of one recipient is forgotten with its attempt: the next one is announced again.
    One of several is once as many were made.
    """

    def __init__(self, known: Mapping[bytes, tuple[bytes, int]]) -> None:
        # Since the last commit, of one recipient, and of several with how many are left; and those
        # the ledger holds.
        self._fresh: dict[bytes, bytes] = {}
        self.shared: dict[bytes, list[Any]] = {}
        self._kept = dict(known)
        self._let_go: dict[bytes, None] = {}
        self._is_once = True
        # Whose queue it is that an instance delivers from: a service may have a name of its own.
        self._homes: dict[bytes, bytes] = {}
        # The other way round, without those that are their own.
        self._guests: dict[bytes, list[bytes]] = {}
        self._homeless: set[bytes] = set()
        self._looks = 0
        # The quickest way to one of a single recipient. Where it finds nothing, the next is to look
        # into `shared`, and to count there; and then `get`.
        self.pop = self._fresh.pop

    def taken_up(
        self, queued: Sequence[tuple[bytes, bytes]], shared: Sequence[tuple[bytes, bytes, int]]
    ) -> None:
        fresh, before = self._fresh, len(self._fresh)
        fresh.update(queued)
        # Where a message is taken up twice, what was deferred may be under way again.
        self._is_once = len(fresh) - before == len(queued)
        for message, said, recipients in shared:
            earlier = self.shared.get(message)
            left = max(0, earlier[1]) if earlier else 0
            self.shared[message] = [said, left + recipients]
        _bound(fresh)
        _bound(self.shared)
        self._homeless.clear()
        self._looks = 0

    def get(self, instance: bytes, *, queue_id: bytes) -> bytes | None:
        """What was said of a message that was sent or bounced, once for each recipient."""
        return self._get(
            (self._homes.get(instance) or self._home(instance, queue_id=queue_id)) + queue_id
        )

    def get_deferred(self, instance: bytes, *, queue_id: bytes) -> bytes | None:
        """Of one that was deferred: it may be under way once more by now."""
        message = (self._homes.get(instance) or self._home(instance, queue_id=queue_id)) + queue_id
        if self._is_once or message not in self._fresh:
            return self._get(message)
        return self._fresh[message]

    def by_whom(self, gone: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
        """These messages, each by all the names under which its recipients were attempted."""
        if not self._guests:
            return gone
        return (
            (instance, queue_id)
            for home, queue_id in gone
            for instance in (home, *self._guests.get(home, ()))
        )

    def missed(self) -> None:
        """Lines were not read: an id may be another message's by now."""
        self._fresh.clear()
        self.shared.clear()
        self._let_go.update(dict.fromkeys(self._kept))
        self._kept.clear()

    def changed(self) -> tuple[dict[bytes, tuple[bytes, int]], tuple[bytes, ...]]:
        """Who is under way and was not at the last commit, and who is no longer."""
        several = {
            message: (said, left) for message, (said, left) in self.shared.items() if left > 0
        }
        one = {message: (said, 1) for message, said in self._fresh.items()}
        return one | several, tuple(self._let_go)

    def committed(self) -> None:
        taken_up, _ = self.changed()
        for message in taken_up:
            self._kept.pop(message, None)  # to the end: the oldest go first
        self._kept.update(taken_up)
        self._fresh.clear()
        self.shared.clear()
        self._let_go = dict.fromkeys(_bound(self._kept))

    def _get(self, message: bytes) -> bytes | None:
        one = self.shared.get(message)
        if one is not None:
            one[1] -= 1
            told: bytes = one[0]
            return told
        return self._fresh.pop(message, None) or self._get_kept(message)

    def _get_kept(self, message: bytes) -> bytes | None:
        said, left = self._kept.get(message, (None, 0))
        if left > 1:
            assert said is not None
            self._kept[message] = (said, left - 1)
        elif said is not None:
            del self._kept[message]
            self._let_go[message] = None
        return said

    def _home(self, instance: bytes, *, queue_id: bytes) -> bytes:
        """Itself, where messages of its own are under way; else whoever has this id. Looked for
        once in a chunk while nobody has, and for some names alone: a log may have any number."""
        is_vain = instance in self._homeless or len(instance) > INSTANCE_BYTES_MAX
        if is_vain or self._looks >= LOOKS_MAX:
            return instance
        self._looks += 1
        for message in chain(self._fresh, self.shared, self._kept):
            if message.startswith(instance) and message[len(instance) :].isalnum():
                return self._settle(instance, home=instance)
        for message in chain(self._fresh, self.shared, self._kept):
            if message.endswith(queue_id):
                return self._settle(instance, home=message[: -len(queue_id)])
        self._homeless.add(instance)
        return instance

    def _settle(self, instance: bytes, *, home: bytes) -> bytes:
        if len(self._homes) >= INSTANCES_REMEMBERED_MAX:
            self._homes.clear()
            self._guests.clear()
        self._homes[instance] = home
        if home != instance:
            self._guests.setdefault(home, []).append(instance)
        return home


class Senders:
    """Totals by domain since the epoch; `changed`, then `committed`."""

    def __init__(self, known: Iterable[SenderCount]) -> None:
        self._totals = {one.domain: one for one in known}
        self._names: dict[bytes, str] = {}
        # In the order of a SenderCount's numbers.
        self._pending: dict[str, list[int]] = {}
        self._told: tuple[SenderCount, ...] = ()

    def not_a_first(self, said: bytes | None, kind: int) -> None:
        """One that was sent was UNKNOWN or LATER: `sent` takes all for first ones."""
        counts = self._of(said)
        counts[_FIRST + SENT] -= 1
        if kind != LATER:
            counts[_FIRST + kind] += 1

    def refused(self, said: bytes | None, *, outcome: int, kind: int) -> None:
        """One was DEFERRED or BOUNCED, and which of the first ones it was."""
        counts = self._of(said)
        counts[outcome] += 1
        if kind != LATER:
            counts[_FIRST + kind] += 1

    def sent(self, domains: Iterable[bytes], unknown: int) -> None:
        """By domain as it was said, each a first until `not_a_first` says otherwise; and so many of
        which it is not known."""
        names = [(self._name(domain), count) for domain, count in Counter(domains).items()]
        for name, count in (*names, (senders.UNKNOWN, unknown)):
            if count:
                counts = self._pending.setdefault(name, [0] * _NUMBERS)
                counts[SENT] += count
                counts[_FIRST + SENT] += count

    def changed(self) -> tuple[SenderCount, ...]:
        self._told = tuple(
            _added(self._totals.get(name) or SenderCount(domain=name), counts)
            for name, counts in sorted(self._pending.items())
        )
        return self._told

    def committed(self) -> None:
        self._totals.update({one.domain: one for one in self._told})
        self._told = ()
        self._pending.clear()

    def _of(self, said: bytes | None) -> list[int]:
        name = senders.UNKNOWN if said is None else self._name(said.partition(b"=")[0])
        return self._pending.setdefault(name, [0] * _NUMBERS)

    def _name(self, domain: bytes) -> str:
        known = self._names.get(domain)
        if known is None:
            if len(self._names) >= NAMES_REMEMBERED_MAX:
                self._names.clear()
            known = self._names[domain] = self._row(domain)
        return known

    def _row(self, domain: bytes) -> str:
        """A domain without a row when the table is full is OTHER to the end of the epoch."""
        name = senders.name_of(domain.removesuffix(_BEHIND).decode("ascii", "replace"))
        if name not in self._totals and name not in senders.RESERVED:
            if len(self._totals) >= SENDERS_MAX:
                return senders.OTHER
            self._totals[name] = SenderCount(domain=name)
        return name


def _added(before: SenderCount, counts: Sequence[int]) -> SenderCount:
    numbers = {name: getattr(before, name) + n for name, n in zip(_NAMES, counts, strict=True)}
    return SenderCount(domain=before.domain, **numbers)


def _bound(store: dict[bytes, Any]) -> tuple[bytes, ...]:
    """The oldest go when there are too many; which they were."""
    if len(store) <= UNDERWAY_MAX:
        return ()
    gone = tuple(islice(store, len(store) - UNDERWAY_MAX + _DROPPED_AT_ONCE))
    for message in gone:
        del store[message]
    return gone
