"""Attempts by address, receiver and outcome since the epoch. Pure; keeps the uncommitted apart.

One delivery line is one attempt for one recipient. The table is bounded: a receiver without a row
when the table is full counts as `other` to the end of the epoch, so that no total ever moves.
"""

from collections.abc import Iterable, Mapping

from agent.maillog.parse import Delivery, Expiry
from agent.model import Cell, CellKey
from deliverability import receivers, replies
from deliverability.replies import Outcome

# Rows of `local`, `unknown` and `other` not counted. Known providers always find one.
RECEIVERS_MAX = 32
STRANGERS_MAX = RECEIVERS_MAX - len(receivers.KNOWN)
NAMES_REMEMBERED_MAX = 4096

_AT_HOME = frozenset((b"local", b"virtual", b"discard"))


class _Count:
    """Attempts not committed yet, of one receiver and outcome."""

    __slots__ = ("outcome", "pending", "receiver")

    def __init__(self, receiver: str, outcome: Outcome) -> None:
        self.receiver = receiver
        self.outcome = outcome
        self.pending = 0


class Tally:
    """Totals of one node's address. `add`, then `changed`, then `committed` or `discard`.

    `pipes_out`: relay names of pipes that leave the machine.
    """

    def __init__(
        self, address: str, cells: Iterable[Cell], *, pipes_out: frozenset[bytes] = frozenset()
    ) -> None:
        self._address = address
        self._pipes_out = pipes_out
        self._totals = {
            cell.key.receiver: dict(cell.attempts) for cell in cells if cell.key.address == address
        }
        self._strangers = self._committed_strangers()
        self._counts: dict[tuple[str, Outcome], _Count] = {}
        # By daemon, relay and status: nearly every line is one of few such three.
        self._shortcuts: dict[tuple[bytes, bytes, bytes], _Count] = {}

    def add(self, event: Delivery | Expiry) -> None:
        """Deliveries without an outcome (address probes) are not attempts."""
        if isinstance(event, Expiry):
            self._count(receivers.UNKNOWN, Outcome.EXPIRED).pending += 1
            return
        key = (event.daemon, event.relay, event.status)
        count = self._shortcuts.get(key)
        if count is None:
            outcome = replies.outcome_of(event.daemon, status=event.status, text=event.text)
            if outcome is None:
                return
            by_relay = self._receiver_by_relay(event)
            count = self._count(by_relay or _receiver_by_domain(event.recipient), outcome)
            if by_relay and event.relay != b"none":
                if len(self._shortcuts) >= NAMES_REMEMBERED_MAX:
                    self._shortcuts.clear()
                self._shortcuts[key] = count
        count.pending += 1

    def changed(self) -> Mapping[CellKey, Mapping[Outcome, int]]:
        """Totals, with what is pending, of every cell that anything pending belongs to."""
        cells: dict[CellKey, dict[Outcome, int]] = {}
        for count in self._counts.values():
            if count.pending:
                key = CellKey(self._address, count.receiver)
                cell = cells.setdefault(key, dict(self._totals.get(count.receiver, {})))
                cell[count.outcome] = cell.get(count.outcome, 0) + count.pending
        return cells

    def committed(self) -> None:
        """What was pending is stored."""
        self._totals |= {key.receiver: dict(cell) for key, cell in self.changed().items()}
        for count in self._counts.values():
            count.pending = 0

    def discard(self) -> None:
        """What was pending was not stored and will be read again."""
        self._counts.clear()
        self._shortcuts.clear()
        self._strangers = self._committed_strangers()

    def _committed_strangers(self) -> set[str]:
        return self._totals.keys() - receivers.RESERVED - receivers.KNOWN

    def _count(self, receiver: str, outcome: Outcome) -> _Count:
        """At most one for each row and outcome."""
        row = self._row(receiver)
        return self._counts.setdefault((row, outcome), _Count(row, outcome))

    def _row(self, receiver: str) -> str:
        if receiver in receivers.RESERVED or receiver in receivers.KNOWN:
            return receiver
        if receiver not in self._strangers:
            if len(self._strangers) >= STRANGERS_MAX:
                return receivers.OTHER
            self._strangers.add(receiver)
        return receiver

    def _receiver_by_relay(self, delivery: Delivery) -> str:
        """Empty: the recipient's domain decides."""
        if delivery.daemon in _AT_HOME:
            return receivers.LOCAL
        if delivery.daemon == b"pipe":
            return "" if delivery.relay in self._pipes_out else receivers.LOCAL
        # `host[ip]:port`, `none`, `host[/a/socket]`
        host, _, rest = delivery.relay.partition(b"[")
        place = rest.partition(b"]")[0]
        if b"/" in place or place.startswith(b"127.") or place == b"::1":
            return receivers.LOCAL
        name = receivers.receiver_of(
            relay_host=host.decode("ascii", "replace"), recipient_domain=""
        )
        return "" if name == receivers.UNKNOWN else name


def _receiver_by_domain(recipient: bytes) -> str:
    _, at, domain = recipient.rpartition(b"@")
    return receivers.receiver_of(
        relay_host="", recipient_domain=domain.decode("ascii", "replace") if at else ""
    )
