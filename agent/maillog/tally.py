"""What was counted by address, receiver and instance since the epoch. Pure; keeps the uncommitted
apart.

One delivery line is one attempt for one recipient. Every table is bounded, and no total ever moves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.maillog import histogram, lines, tally_cells, tally_names
from agent.maillog.lines import (
    Delivery,
    Expiry,
    MailEvent,
    Parsed,
    Rejected,
    Sent,
    delivery_of,
    is_nearby,
)
from agent.maillog.recipients_firsts import BOUNCED, NONE, SENT, Firsts
from agent.maillog.tally_cells import Count, Row
from agent.maillog.tally_intake import Clients
from agent.maillog.tally_names import Names, remember
from agent.maillog.tally_senders import Senders, Underway
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock, minute_of
from agent.model import Cell, CellKey, Counted, Intake, MinuteCount, Reply, SenderCount
from deliverability import receivers, replies
from deliverability.replies import Outcome, ReplyClass

UNGATHERED_MAX = 64  # so many are made counts at once: to do that for a few costs as much
RELAY_BYTES_MAX = 320  # of one that is remembered: a name of DNS, an address and a port
REPLY_BYTES_MAX = replies.TEXT_BYTES_MAX + 1  # that it was longer is to be seen

_BY_HOST = frozenset((b"smtp", b"lmtp"))

_Way = tuple[bytes, bytes, bytes, bytes]  # instance, daemon, relay and status
_Place = tuple[str, str, str]  # address, receiver and instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger holds, to go on from."""

    cells: Iterable[Cell] = ()
    intake: Iterable[Intake] = ()
    senders: Iterable[SenderCount] = ()
    underway: Mapping[bytes, tuple[bytes, int]] = field(default_factory=dict)
    open_recipients: Iterable[int] = ()
    blind_until: datetime | None = None


class Tally:
    """Totals of one node. `fold`, then `counted`, then `committed`; what could not be stored is
    forgotten with the tally.
    """

    def __init__(self, whose: Whose, known: Known, *, clock: LineClock) -> None:
        self._whose = whose
        self._clock = clock
        self._totals = {cell.key: cell for cell in known.cells}
        self._names = Names(self._totals, pipes_out=whose.pipes_out)
        self._clients = Clients(known.intake)
        self._senders = Senders(known.senders)
        self._underway = Underway(known.underway)
        self._firsts = Firsts(known.open_recipients, blind_until=known.blind_until)
        self._rows: dict[_Place, Row] = {}
        # By instance, daemon, relay and status: nearly every line is one of few such four.
        self._shortcuts: dict[_Way, Count] = {}
        # Of what was sent by instance/daemon and then by relay, or by both and the relay's host.
        self._sent: dict[bytes, dict[bytes, Count]] = {}
        self._hosts: dict[tuple[bytes, bytes], Count] = {}
        self._stamp = b""
        self._stamp_bytes = 1
        self._minute: datetime | None = None
        self._history: list[MinuteCount] = []
        self._replies: dict[tuple[str, ReplyClass], tuple[Delivery, Outcome, datetime]] = {}
        self._told: Counted | None = None
        self._ungathered = 0

    def fold(self, parsed: Parsed) -> None:
        """Counts the facts of some lines."""
        if parsed.accepted:
            self._clients.add(parsed.accepted, self._names)
        if parsed.queued or parsed.shared:
            self._underway.taken_up(parsed.queued, parsed.shared)
        self._fold_events(parsed.events)
        self._ungathered += len(parsed.events)
        if self._ungathered > UNGATHERED_MAX:
            self._gather()
        self._firsts.removed(self._underway.by_whom(parsed.removed))

    def missed(self, until: datetime) -> None:
        """Lines of before may never have been read."""
        self._firsts.missed(until)
        self._underway.missed()

    def counted(self) -> Counted:
        """What is to be stored: whole new totals of every cell anything pending belongs to."""
        self._note_minute()
        self._gather()
        closed, opened, still_open = self._firsts.changed()
        taken_up, let_go = self._underway.changed()
        self._told = Counted(
            cells=tally_cells.changed(self._rows.values(), self._totals),
            intake=self._clients.changed(),
            senders=self._senders.changed(),
            taken_up=taken_up,
            let_go=let_go,
            replies=tuple(
                Reply(
                    receiver=receiver,
                    reply_class=meant,
                    outcome=outcome,
                    text=replies.redact(event.text, recipient=event.recipient),
                    at=at,
                )
                for (receiver, meant), (event, outcome, at) in self._replies.items()
            ),
            history=tuple(self._history),
            at=self._clock.now,
            closed=closed,
            opened=opened,
            open_recipients=still_open,
            blind_until=self._firsts.blind_until,
        )
        return self._told

    def committed(self) -> None:
        """What `counted` gave last is stored."""
        assert self._told is not None
        self._totals |= {cell.key: cell for cell in self._told.cells}
        self._told = None
        for row in self._rows.values():
            row.committed()
        self._clients.committed()
        self._senders.committed()
        self._underway.committed()
        self._firsts.committed()
        self._history.clear()
        self._replies.clear()

    def _gather(self) -> None:
        self._ungathered = 0
        self._senders.sent(*tally_cells.gather(self._rows.values()))

    def _fold_events(self, events: Sequence[Any]) -> None:
        """The loop that most of the time goes into: as little as may be for what was sent.

        `events`: MailEvents and Sents, told apart by their exact type.
        """
        firsts, pop, shared = self._firsts, self._underway.pop, self._underway.shared
        at = tag = instance = b""
        counts: dict[bytes, Count] = {}
        for event in events:
            if type(event) is not tuple:
                at = b""
                self._fold_other(event)
                continue
            # Unpacked at once: half of the time would go into asking for one field after the other.
            stamp, writer, queue_id, _, relay, delays, _, _, _, _, _, _ = event
            if stamp != at:
                at = stamp
                if stamp[: self._stamp_bytes] != self._stamp:
                    self._turn(stamp)
            if writer != tag:
                tag, instance = writer, writer.rpartition(b"/")[0]
                counts = self._sent.setdefault(tag, {})
            count = counts.get(relay) or self._find_sent(event)
            if count is None:
                continue
            count.delays.append(delays)
            message = instance + queue_id
            if said := pop(message, None):
                count.said.append(said)
            elif one := shared.get(message):
                one[1] -= 1
                said = one[0]
                count.said.append(said)
            elif said := self._underway.get(instance, queue_id=queue_id):
                count.said.append(said)
            if not firsts.is_plain and (found := firsts.sent(event, instance)) != SENT:
                self._not_a_first(count, said, found)

    def _fold_delivery(self, event: Delivery) -> None:
        if event.stamp[: self._stamp_bytes] != self._stamp:
            self._turn(event.stamp)
        count = self._shortcuts.get(_way(event)) or self._find(event)
        if count is None:
            return
        is_over = count.kind in (SENT, BOUNCED)
        get = self._underway.get if is_over else self._underway.get_deferred
        said = get(event.instance, queue_id=event.queue_id)
        if count.kind == NONE:
            count.unasked += 1
            return
        count.delays.append(histogram.text_of(event.delay, delays=event.delays))
        kind = self._firsts.kind(count.kind, event)
        if count.kind != SENT:
            count.row.firsts[kind] += 1
            if count.row.is_away:
                self._senders.refused(said, outcome=count.kind, kind=kind)
            self._classify(event, count)
            return
        if said is not None:
            count.said.append(said)
        if kind != SENT:
            self._not_a_first(count, said, kind)

    def _not_a_first(self, count: Count, said: bytes | None, kind: int) -> None:
        count.not_a_first(kind)
        if count.row.is_away:
            self._senders.not_a_first(said, kind)

    def _fold_other(self, event: MailEvent) -> None:
        if isinstance(event, Delivery):
            self._fold_delivery(event)
        elif isinstance(event, Rejected):
            self._row(receivers.LOCAL, event.instance).rejected += 1
        elif isinstance(event, Expiry):
            self._turn(event.stamp)
            self._row(receivers.UNKNOWN, event.instance).count(Outcome.EXPIRED).unasked += 1

    def _classify(self, event: Delivery, count: Count) -> None:
        row = count.row
        meant = replies.classify(
            receiver=row.key.receiver, outcome=count.outcome, dsn=event.dsn, text=event.text
        )
        row.classes[meant] = row.classes.get(meant, 0) + 1
        at = self._minute or self._clock.now
        kept = lines.cut(event, most=REPLY_BYTES_MAX)
        self._replies[row.key.receiver, meant] = (kept, count.outcome, at)

    def _find_sent(self, event: Sent) -> Count | None:
        """None: no receiver was asked, and it is counted. A new address of a host that is known
        goes where its others go: only one of this machine is told apart by its address.
        """
        _, tag, _, _, relay, *_ = event
        host, is_address, _ = relay.partition(b"[")
        is_far = is_address and not is_nearby(relay)
        count = self._hosts.get((tag, host)) if is_far else None
        if count is None:
            delivery = delivery_of(event)
            count = self._find(delivery)
            if count is None or count.kind != SENT:
                self._fold_delivery(delivery)
                return None
            if self._shortcuts.get(_way(delivery)) is not count:
                return count  # its recipient decided
            if is_far and delivery.daemon in _BY_HOST:
                remember(self._hosts, (tag, host), value=count)
        if len(relay) <= RELAY_BYTES_MAX:
            remember(self._sent[tag], relay, value=count)
        return count

    def _find(self, event: Delivery) -> Count | None:
        """None: without an outcome (an address probe) it is no attempt."""
        daemon, relay = event.daemon, event.relay
        outcome = replies.outcome_of(daemon, status=event.status, text=event.text)
        if outcome is None:
            return None
        by_relay = self._names.by_relay(daemon, relay=relay)
        receiver = by_relay or tally_names.by_domain(event.recipient)
        count = self._row(receiver, event.instance).count(outcome)
        is_long = len(relay) > RELAY_BYTES_MAX or len(event.instance) > RELAY_BYTES_MAX
        if by_relay and relay != b"none" and not is_long:
            remember(self._shortcuts, _way(event), value=count)
        return count

    def _row(self, receiver: str, instance: bytes) -> Row:
        address, names = self._whose.address_of(instance), self._names
        place = (address, names.receiver(receiver), names.instance(instance))
        row = self._rows.get(place)
        if row is None:
            row = self._rows[place] = Row(CellKey(*place))
        return row

    def _turn(self, stamp: bytes) -> None:
        """The lines that follow are of this time."""
        self._stamp = minute_of(stamp)
        self._stamp_bytes = len(self._stamp)
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
        self._history += tally_cells.noted(self._rows.values(), self._minute)


def _way(event: Delivery) -> _Way:
    return event.instance, event.daemon, event.relay, event.status
