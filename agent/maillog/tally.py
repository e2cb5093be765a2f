"""What was counted by address, receiver and instance since the epoch. Pure; keeps the uncommitted
apart.

One delivery line is one attempt for one recipient. Every table is bounded, and no total ever moves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from agent.maillog import histogram, recipients_firsts, tally_names
from agent.maillog.lines import Delivery, Expiry, Parsed, Queued, Rejected
from agent.maillog.recipients_firsts import KIND_OF, KINDS, NONE, SENT, Firsts
from agent.maillog.tally_intake import Clients
from agent.maillog.tally_names import Names
from agent.maillog.times import STAMP_BYTES_MAX, LineClock
from agent.model import Cell, CellKey, Counted, Intake, MinuteCount, Reply
from deliverability import receivers, replies
from deliverability.replies import Outcome, ReplyClass

SHORTCUTS_MAX = 4096
# Messages whose size is known, of those between the queue manager's line and their deliveries'.
SIZES_MAX = 8192

_Key = TypeVar("_Key")
_Place = tuple[str, str]  # receiver and instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger holds, to go on from."""

    cells: Iterable[Cell] = ()
    intake: Iterable[Intake] = ()
    open_recipients: Iterable[int] = ()
    blind_until: datetime | None = None


class _Row:
    """What is not committed yet, of one cell."""

    __slots__ = ("bytes_sent", "classes", "firsts", "key", "place", "rejected")

    def __init__(self, key: CellKey) -> None:
        self.key = key
        self.place = (key.receiver, key.instance)
        self.reset()

    def reset(self) -> None:
        self.classes: dict[ReplyClass, int] = {}
        self.firsts = [0] * KINDS
        self.rejected = 0
        self.bytes_sent = 0


class _Count:
    """Attempts not committed yet, of one cell and outcome; `noted` of them in a minute's count.

    `delays` has two texts of each attempt at a receiver, `delay=` and `delays=`; `unasked` are the
    attempts no receiver was asked about.
    """

    __slots__ = ("delays", "kind", "noted", "outcome", "row", "unasked")

    def __init__(self, row: _Row, outcome: Outcome) -> None:
        self.row = row
        self.outcome = outcome
        self.kind = KIND_OF.get(outcome, NONE)
        self.reset()

    def reset(self) -> None:
        self.delays: list[bytes] = []
        self.unasked = self.noted = 0

    @property
    def pending(self) -> int:
        return self.unasked + len(self.delays) // 2


class Tally:
    """Totals of one node's address. `fold`, then `counted`, then `committed`; what could not be
    stored is forgotten with the tally. `pipes_out`: relay names of pipes that leave the machine.
    """

    def __init__(
        self,
        address: str,
        known: Known,
        *,
        clock: LineClock,
        pipes_out: frozenset[bytes] = frozenset(),
    ) -> None:
        self._address = address
        self._clock = clock
        self._totals = {cell.key: cell for cell in known.cells if cell.key.address == address}
        self._names = Names(self._totals, pipes_out=pipes_out)
        self._clients = Clients(known.intake)
        self._firsts = Firsts(known.open_recipients, blind_until=known.blind_until)
        self._rows: dict[_Place, _Row] = {}
        self._counts: dict[tuple[_Place, str], _Count] = {}
        # By instance, daemon, relay and status: nearly every line is one of few such four.
        self._shortcuts: dict[tuple[bytes, bytes, bytes, bytes], _Count] = {}
        self._sizes: dict[bytes, bytes] = {}
        self._stamp = b""
        self._stamp_bytes = 1
        self._minute: datetime | None = None
        self._history: list[MinuteCount] = []
        self._replies: dict[tuple[str, ReplyClass], tuple[Outcome, bytes, datetime]] = {}
        self._told: Counted | None = None

    def fold(self, parsed: Parsed) -> None:
        """Counts the facts of some lines."""
        if parsed.accepted:
            self._clients.add(parsed.accepted, self._names)
        if parsed.queued:
            self._remember_sizes(parsed.queued)
        for event in parsed.events:
            # `type` and not isinstance: one look at what nearly every event is.
            if type(event) is Delivery:
                self._deliver(event)
            elif isinstance(event, Rejected):
                self._row(receivers.LOCAL, event.instance).rejected += 1
            elif isinstance(event, Expiry):
                self._turn(event.stamp)
                count = self._count(receivers.UNKNOWN, event.instance, outcome=Outcome.EXPIRED)
                count.unasked += 1
        self._firsts.removed(parsed.removed)

    def missed(self, until: datetime) -> None:
        """Lines of before may never have been read."""
        self._firsts.missed(until)

    def counted(self) -> Counted:
        """What is to be stored: whole new totals of every cell anything pending belongs to."""
        self._note_minute()
        opened, closed = self._firsts.changed()
        self._told = Counted(
            cells=tuple(self._changed_cells()),
            intake=self._clients.changed(),
            replies=tuple(
                Reply(
                    receiver=receiver,
                    reply_class=meant,
                    outcome=outcome,
                    text=replies.redact(text),
                    at=at,
                )
                for (receiver, meant), (outcome, text, at) in self._replies.items()
            ),
            history=tuple(self._history),
            opened=opened,
            closed=closed,
            blind_until=self._firsts.blind_until,
        )
        return self._told

    def committed(self) -> None:
        """What `counted` gave last is stored."""
        assert self._told is not None
        self._totals |= {cell.key: cell for cell in self._told.cells}
        self._told = None
        for row in self._rows.values():
            row.reset()
        for count in self._counts.values():
            count.reset()
        self._clients.committed()
        self._firsts.committed()
        self._history.clear()
        self._replies.clear()

    def _deliver(self, event: Delivery) -> None:
        """Deliveries without an outcome (address probes) are not attempts."""
        # Unpacked at once: half of the time would go into asking for one field after the other.
        stamp, instance, daemon, queue_id, _, relay, delay, delays, _, status, _ = event
        if stamp[: self._stamp_bytes] != self._stamp:
            self._turn(stamp)
        key = (instance, daemon, relay, status)
        count = self._shortcuts.get(key) or self._find(event, key)
        if count is None:
            return
        kind = count.kind
        if kind == NONE:
            count.unasked += 1
            return
        count.delays += (delay, delays)
        row = count.row
        if kind != SENT:
            row.firsts[self._firsts.kind(kind, event)] += 1
            self._classify(event, count)
            return
        row.firsts[SENT if self._firsts.is_plain else self._firsts.kind(SENT, event)] += 1
        size = self._sizes.get(instance + queue_id)
        if size is not None:
            row.bytes_sent += int(size)

    def _classify(self, event: Delivery, count: _Count) -> None:
        row = count.row
        meant = replies.classify(
            receiver=row.key.receiver, outcome=count.outcome, dsn=event.dsn, text=event.text
        )
        row.classes[meant] = row.classes.get(meant, 0) + 1
        at = self._minute or self._clock.now
        self._replies[row.key.receiver, meant] = (count.outcome, event.text, at)

    def _find(self, event: Delivery, key: tuple[bytes, bytes, bytes, bytes]) -> _Count | None:
        outcome = replies.outcome_of(event.daemon, status=event.status, text=event.text)
        if outcome is None:
            return None
        by_relay = self._names.by_relay(event)
        receiver = by_relay or tally_names.by_domain(event.recipient)
        count = self._count(receiver, event.instance, outcome=outcome)
        if by_relay and event.relay != b"none":
            if len(self._shortcuts) >= SHORTCUTS_MAX:
                self._shortcuts.clear()
            self._shortcuts[key] = count
        return count

    def _count(self, receiver: str, instance: bytes, *, outcome: Outcome) -> _Count:
        """At most one for each row and outcome."""
        row = self._row(receiver, instance)
        place = (row.place, outcome._value_)
        count = self._counts.get(place)
        if count is None:
            count = self._counts[place] = _Count(row, outcome)
        return count

    def _row(self, receiver: str, instance: bytes) -> _Row:
        place = (self._names.receiver(receiver), self._names.instance(instance))
        row = self._rows.get(place)
        if row is None:
            row = self._rows[place] = _Row(CellKey(self._address, *place))
        return row

    def _remember_sizes(self, queued: list[Queued]) -> None:
        self._sizes.update({one.instance + one.queue_id: one.size for one in queued})
        if len(self._sizes) > SIZES_MAX:
            newest = list(self._sizes.items())[-SIZES_MAX // 2 :]
            self._sizes = dict(newest)

    def _turn(self, stamp: bytes) -> None:
        """The lines that follow are of this time."""
        self._stamp_bytes = _minute_bytes(stamp)
        self._stamp = stamp[: self._stamp_bytes]
        at = self._clock.read(stamp)
        if at is None:
            return
        minute = at.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._note_minute()
            self._minute = minute
        self._firsts.at(at)

    def _note_minute(self) -> None:
        """What was counted in the minute that is over, or not yet over."""
        found: dict[tuple[str, Outcome], int] = {}
        for count in self._counts.values():
            if count.pending > count.noted and self._minute is not None:
                key = (count.row.key.receiver, count.outcome)
                found[key] = found.get(key, 0) + count.pending - count.noted
            count.noted = count.pending
        for (receiver, outcome), attempts in found.items():
            assert self._minute is not None
            self._history.append(
                MinuteCount(
                    minute=self._minute,
                    address=self._address,
                    receiver=receiver,
                    outcome=outcome,
                    attempts=attempts,
                )
            )

    def _changed_cells(self) -> Iterable[Cell]:
        pending: dict[CellKey, list[_Count]] = {}
        for count in self._counts.values():
            if count.pending:
                pending.setdefault(count.row.key, []).append(count)
        for row in self._rows.values():
            if row.rejected or row.key in pending:
                yield _cell(row, self._totals.get(row.key), counts=pending.get(row.key, ()))


def _cell(row: _Row, before: Cell | None, *, counts: Sequence[_Count]) -> Cell:
    before = before or Cell(key=row.key)
    sent, deferred, bounced, unknown = row.firsts[: recipients_firsts.LATER]
    delays = [text for count in counts for text in count.delays]
    return replace(
        before,
        attempts=_sum(before.attempts, more={one.outcome: one.pending for one in counts}),
        rejected=before.rejected + row.rejected,
        first_sent=before.first_sent + sent,
        first_deferred=before.first_deferred + deferred,
        first_bounced=before.first_bounced + bounced,
        first_unknown=before.first_unknown + unknown,
        bytes_sent=before.bytes_sent + row.bytes_sent,
        delays=histogram.add(before.delays, delays),
        classes=_sum(before.classes, more=row.classes),
    )


def _sum(before: Mapping[_Key, int], *, more: Mapping[_Key, int]) -> dict[_Key, int]:
    return {**before, **{key: before.get(key, 0) + count for key, count in more.items()}}


def _minute_bytes(stamp: bytes) -> int:
    """How much of a stamp tells its minute, in every form of it: up to the second colon."""
    second = stamp.find(b":", stamp.find(b":") + 1)
    return second + 1 if 0 <= second < STAMP_BYTES_MAX else STAMP_BYTES_MAX
