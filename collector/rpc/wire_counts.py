"""A node's counts from messages: a part of the wire. Refuses, and never repairs.

A cell comes more often than all else: its checks are written out where others call.
"""

from collections.abc import Mapping, Sequence

from collector.core import histograms
from collector.core.heartbeat import (
    NUMBERS,
    Cell,
    Detail,
    Minute,
    Numbers,
    Recount,
    Reply,
    SenderCount,
    UnknownLines,
)
from collector.rpc import bounds
from collector.rpc.bounds import ATTEMPTS_MAX, NAME_MAX, WireError
from deliverability import senders
from deliverability.delays import BUCKETS
from deliverability.replies import Outcome, ReplyClass
from protos import fleet_pb2 as pb

OUTCOMES: Mapping[int, Outcome] = {pb.Outcome.Value(f"OUTCOME_{one.name}"): one for one in Outcome}
CLASSES: Mapping[int, str] = {
    pb.ReplyClass.Value(f"REPLY_CLASS_{one.name}"): one.value for one in ReplyClass
}
MINUTE_MAX = bounds.TIME_MS_MAX // 60_000


def cell(m: pb.Cell) -> Cell:
    receiver, address, instance = m.receiver, m.address, m.instance
    if not 0 < len(receiver) <= NAME_MAX or not receiver.isprintable():
        raise WireError(f"cell: receiver {receiver[:80]!r}")
    if len(instance) > NAME_MAX or not instance.isprintable():
        raise WireError(f"cell: instance {instance[:80]!r}")
    numbers = Numbers(
        m.rejected, m.first_sent, m.first_deferred, m.first_bounced, m.first_unknown, m.bytes_sent
    )
    if max(numbers[:5]) > ATTEMPTS_MAX or numbers.bytes_sent > bounds.BYTES_MAX:
        raise WireError(f"cell: {max(numbers)} of something")
    return Cell(
        # Without an address: not attributed to any.
        address=address and bounds.address(address),
        receiver=receiver,
        attempts=attempts("cell", m.outcomes),
        instance=instance,
        numbers=numbers if any(numbers) else NUMBERS,
        detail=_detail(m.detail) if m.HasField("detail") else None,
    )


def attempts(what: str, outcomes: Sequence[pb.OutcomeCount]) -> tuple[tuple[Outcome, int], ...]:
    found, told = [], 0
    for one in outcomes:
        code, count = one.outcome, one.attempts
        if code not in OUTCOMES or count > ATTEMPTS_MAX or told >> code & 1:
            raise WireError(f"{what}: outcome {code} with {count} attempts, or twice")
        told |= 1 << code
        found.append((OUTCOMES[code], count))
    return tuple(found)


def _detail(m: pb.CellDetail) -> Detail:
    parts = (m.total, m.before, m.queue, m.connect, m.transmit)
    for part in parts:
        if len(part) > BUCKETS or max(part, default=0) > histograms.COUNT_MAX:
            raise WireError(f"cell: a histogram of {len(part)} buckets, up to {max(part)}")
    bounds.few("classes", len(m.classes), most=len(CLASSES))
    classes = tuple(
        (
            bounds.known("reply_class", one.reply_class, names=CLASSES),
            bounds.number("class", one.attempts, most=ATTEMPTS_MAX),
        )
        for one in m.classes
    )
    return Detail(delays=histograms.pack(parts), classes=classes)


def reply(m: pb.Reply) -> Reply:
    return Reply(
        receiver=bounds.name("reply.receiver", value=m.receiver),
        reply_class=bounds.known("reply_class", m.reply_class, names=CLASSES),
        outcome=bounds.known("reply.outcome", m.outcome, names=OUTCOMES),
        text=bounds.text("reply.text", value=m.text),
        at=bounds.moment("reply.at", m.at_ms),
    )


def intake(m: pb.Intake) -> tuple[str, str, int]:
    return (
        bounds.text("intake.instance", value=m.instance, most=NAME_MAX),
        bounds.name("intake.client", value=m.client),
        bounds.number("intake.messages", m.messages, most=ATTEMPTS_MAX),
    )


def sender(m: pb.Sender) -> SenderCount:
    """A domain in lower case, or one of the words for what has none: no mailbox."""
    if m.domain not in senders.RESERVED and not senders.is_domain(m.domain):
        raise WireError(f"sender: {m.domain[:80]!r} is no domain")
    counts = (m.sent, m.deferred, m.bounced)
    firsts = (m.first_sent, m.first_deferred, m.first_bounced, m.first_unknown)
    if max(*counts, *firsts) > ATTEMPTS_MAX:
        raise WireError(f"sender: {max(*counts, *firsts)} of something")
    return SenderCount(m.domain, *counts, *firsts)


def minute(m: pb.HistoryMinute) -> Minute:
    at = bounds.number("history.minute", m.minute, least=1, most=MINUTE_MAX)
    return Minute(
        at=bounds.moment("history.minute", at * 60_000), attempts=attempts("history", m.outcomes)
    )


def unknown_lines(m: pb.UnknownLines) -> UnknownLines:
    bounds.few("daemons", len(m.daemons), most=bounds.DAEMONS_MAX)
    bounds.few("unknown lines", len(m.newest), most=bounds.UNKNOWN_LINES_MAX)
    bounds.few("other hosts", len(m.hosts), most=bounds.HOSTS_MAX)
    return UnknownLines(
        lines=bounds.number("unknown.lines", m.lines),
        deliveries=bounds.number("unknown.deliveries", m.deliveries),
        overlong=bounds.number("unknown.overlong", m.overlong),
        daemons=tuple(
            (
                bounds.name("unknown.daemon", value=one.daemon),
                bounds.number("unknown.daemon", one.lines),
            )
            for one in m.daemons
        ),
        newest=tuple(bounds.text("unknown.newest", value=one) for one in m.newest),
        hosts=tuple(
            (
                bounds.name("unknown.host", value=one.host),
                bounds.number("unknown.host", one.lines),
            )
            for one in m.hosts
        ),
    )


def recount(m: pb.Recount) -> Recount:
    bounds.few("recounted cells", len(m.cells), most=bounds.CELLS_RECOUNTED_MAX)
    bounds.few("gaps", len(m.gaps), most=bounds.EVENTS_MAX)
    return Recount(
        number=bounds.number("recount.number", m.number, least=1),
        epoch=bounds.name("recount.epoch", value=m.epoch),
        cells=tuple(map(cell, m.cells)),
        lines=bounds.number("recount.lines", m.lines),
        bytes=bounds.number("recount.bytes", m.bytes),
        gaps=tuple(
            (
                bounds.moment("gap.from", one.from_ms),
                bounds.moment("gap.to", one.to_ms),
                bounds.text("gap.text", value=one.text),
            )
            for one in m.gaps
        ),
        problem=bounds.text("recount.problem", value=m.problem),
        is_partial=m.is_partial,
        counted_to=bounds.moment_or_none("recount.counted_to", m.counted_to_ms),
    )
