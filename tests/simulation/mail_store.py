"""What addresses sent, in quarters of an hour of arrival, and what a judgement reads of it."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta, timezone

from collector.core.heartbeat import Cell, Detail
from collector.core.model import Reason
from collector.core.rates import QUARTER_SECONDS, Window, WindowsAsked
from collector.core.readings import MailFacts, ReceiverFacts
from tests.simulation.journal import Journal

NAMES = tuple(item.name for item in fields(Window))
BLOCK = "reputation_block"
KEPT = timedelta(days=7)
FORGOTTEN_SECONDS = 8 * 86_400  # nobody asks for what was before
RATES = (Reason.BOUNCE_RATE, Reason.COMPLAINT_RATE)

# By name, and the blocked ones.
Counts = dict[str, int]


def slot_of(at: datetime) -> int:
    return int(at.timestamp()) // QUARTER_SECONDS * QUARTER_SECONDS


def grow(journal: Journal, before: Cell | None, now: Cell, *, at: datetime) -> None:
    """What the cell grew by goes into the quarter in which it was told."""
    key, slot = (now.address, now.receiver), slot_of(at)
    journal.mail.pop(now.address, None)
    slots = journal.quarters.setdefault(key, {})
    oldest = next(iter(slots), slot)
    if oldest < slot - FORGOTTEN_SECONDS:
        del slots[oldest]
    quarter = slots.setdefault(slot, {})
    old = {} if before is None else _counted(before)
    for name, count in _counted(now).items():
        grown = count - old.get(name, 0)
        if grown > 0:
            quarter[name] = quarter.get(name, 0) + grown


def _counted(cell: Cell) -> Counts:
    counts = {outcome.value: number for outcome, number in cell.attempts}
    numbers = cell.numbers._asdict()
    return counts | numbers | {BLOCK: _blocked(cell.detail)}


def _blocked(detail: Detail | None) -> int:
    return dict(detail.classes).get(BLOCK, 0) if detail else 0


def of_address(journal: Journal, ip: str, *, now: datetime) -> MailFacts | None:
    """None while nothing was ever counted, and nobody complained."""
    said = (slot_of(now), _since(journal, ip), journal.complaints.get(ip))
    known = journal.mail.get(ip)
    if known is None or known[0] != said:
        known = journal.mail[ip] = (said, _of_address(journal, ip, now=now))
    return known[1]


def _of_address(journal: Journal, ip: str, *, now: datetime) -> MailFacts | None:
    told = {key[1]: slots for key, slots in journal.quarters.items() if key[0] == ip}
    complaints = journal.complaints.get(ip)
    if not told and complaints is None:
        return None
    since = _since(journal, ip)
    week, day = now - KEPT, now - timedelta(days=1)
    begins = [max(one, since).timestamp() if since else one.timestamp() for one in (week, day)]
    of_week, of_day = _sums(told.values(), begins)
    return MailFacts(
        day=of_day,
        week=of_week,
        since=since,
        complaints_day=complaints,
        complaints_week=complaints,
        receivers=tuple(_receivers(told, now=now)),
    )


def _since(journal: Journal, ip: str) -> datetime | None:
    """The end of the last pause for a rate."""
    ends = [
        journal.closed[one.id]
        for one in journal.pauses.values()
        if one.address == ip and one.reason in RATES and one.id in journal.closed
    ]
    return max(ends, default=None)


def _sums(receivers: Iterable[dict[int, Counts]], begins: Sequence[float]) -> list[Window]:
    """One for each moment: what was counted since."""
    sums = [dict.fromkeys(NAMES, 0) for _ in begins]
    for slots in receivers:
        for slot, counts in slots.items():
            for begin, found in zip(begins, sums, strict=True):
                if slot >= begin:
                    for name, count in counts.items():
                        if name in found:
                            found[name] += count
    return [Window(**found) for found in sums]


def windows(journal: Journal, asked: WindowsAsked) -> list[dict[str, object]]:
    """Of quarters, by receiver and slot: what the vigil asks."""
    assert (asked.span, asked.by) == (QUARTER_SECONDS, ("receiver", "slot")), asked
    sums: dict[tuple[str, int], Counts] = {}
    for (_, receiver), slots in journal.quarters.items():
        for slot, counts in slots.items():
            if asked.since.timestamp() <= slot < asked.until.timestamp():
                found = sums.setdefault((receiver, slot), dict.fromkeys(NAMES, 0))
                for name in counts.keys() & found.keys():
                    found[name] += counts[name]
    return [
        {"receiver": receiver, "slot": slot, **counts}
        for (receiver, slot), counts in sorted(sums.items())
    ]


def _receivers(told: dict[str, dict[int, Counts]], *, now: datetime) -> Iterable[ReceiverFacts]:
    """Of the last whole quarter."""
    last = slot_of(now) - QUARTER_SECONDS
    until = datetime.fromtimestamp(last + QUARTER_SECONDS, timezone.utc)
    for receiver, slots in sorted(told.items()):
        counts = slots.get(last)
        if counts:
            attempts = sum(counts.get(name, 0) for name in ("sent", "deferred", "bounced"))
            yield ReceiverFacts(
                receiver=receiver, attempts=attempts, blocked=counts.get(BLOCK, 0), until=until
            )
