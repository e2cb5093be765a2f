"""The counts of a node as messages: a part of the wire. The node's own words are cut to fit."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from agent.maillog.unknown import UnknownLines
from agent.model import Cell, Intake, Minute, Recount, Reply, SenderCount
from deliverability.delays import PARTS
from deliverability.replies import Outcome, ReplyClass
from protos import fleet_pb2 as pb

TEXT_MAX = 300
NAME_MAX = 64
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
OUTCOMES = {one: pb.Outcome.Value(f"OUTCOME_{one.name}") for one in Outcome}
CLASSES = {one: pb.ReplyClass.Value(f"REPLY_CLASS_{one.name}") for one in ReplyClass}


def encode_recount(recount: Recount) -> bytes:
    message = pb.Recount(
        number=recount.number,
        epoch=recount.epoch,
        cells=[cell_out(cell) for cell in recount.cells],
        lines=recount.lines,
        bytes=recount.bytes,
        gaps=[
            pb.Window(
                from_ms=milliseconds(begin), to_ms=milliseconds(end), text=cut(text, TEXT_MAX)
            )
            for begin, end, text in recount.gaps
        ],
        problem=cut(recount.problem, TEXT_MAX),
        is_partial=recount.is_partial,
        counted_to_ms=milliseconds(recount.counted_to),
    )
    return pb.AgentMessage(recount=message).SerializeToString()


def cell_out(cell: Cell) -> pb.Cell:
    return pb.Cell(
        address=cell.key.address,
        receiver=cut(cell.key.receiver, NAME_MAX),
        outcomes=_outcomes_out(cell.attempts),
        instance=cut(cell.key.instance, NAME_MAX),
        rejected=cell.rejected,
        first_sent=cell.first_sent,
        first_deferred=cell.first_deferred,
        first_bounced=cell.first_bounced,
        first_unknown=cell.first_unknown,
        bytes_sent=cell.bytes_sent,
        detail=detail_out(cell) if cell.delays or cell.classes else None,
    )


def _outcomes_out(attempts: Mapping[Outcome, int]) -> list[pb.OutcomeCount]:
    return [
        pb.OutcomeCount(outcome=OUTCOMES[outcome], attempts=count)
        for outcome, count in sorted(attempts.items(), key=lambda pair: pair[0].value)
    ]


def detail_out(cell: Cell) -> pb.CellDetail:
    message = pb.CellDetail(
        classes=[
            pb.ClassCount(reply_class=CLASSES[meant], attempts=count)
            for meant, count in sorted(cell.classes.items(), key=lambda pair: pair[0].value)
        ]
    )
    for part, counts in zip(PARTS, cell.delays, strict=False):
        used = max((k for k, count in enumerate(counts) if count), default=-1) + 1
        getattr(message, part).extend(counts[:used])
    return message


def reply_out(reply: Reply) -> pb.Reply:
    return pb.Reply(
        receiver=cut(reply.receiver, NAME_MAX),
        reply_class=CLASSES[reply.reply_class],
        outcome=OUTCOMES[reply.outcome],
        text=cut(reply.text, TEXT_MAX),
        at_ms=milliseconds(reply.at),
    )


def intake_out(intake: Intake) -> pb.Intake:
    return pb.Intake(
        instance=cut(intake.instance, NAME_MAX),
        client=cut(intake.client, NAME_MAX),
        messages=intake.messages,
    )


def sender_out(sender: SenderCount) -> pb.Sender:
    return pb.Sender(**{name: getattr(sender, name) for name in SenderCount.__slots__})


def minute_out(minute: Minute) -> pb.HistoryMinute:
    return pb.HistoryMinute(
        minute=milliseconds(minute.at) // 60_000, outcomes=_outcomes_out(minute.attempts)
    )


def unknown_out(unknown: UnknownLines) -> pb.UnknownLines:
    return pb.UnknownLines(
        lines=unknown.lines,
        deliveries=unknown.deliveries,
        overlong=unknown.overlong,
        daemons=[
            pb.DaemonLines(daemon=cut(daemon, NAME_MAX), lines=count)
            for daemon, count in sorted(unknown.by_daemon.items())
        ],
        newest=[cut(line, TEXT_MAX) for line in unknown.newest],
        hosts=[
            pb.HostLines(host=cut(host, NAME_MAX), lines=count)
            for host, count in sorted(unknown.by_host.items())
        ],
    )


def milliseconds(moment: datetime | None) -> int:
    return 0 if moment is None else (moment - EPOCH) // timedelta(milliseconds=1)


def cut(text: str, length: int) -> str:
    """What may be written: no control characters, no halves of characters, not too long."""
    text = text[:length]
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "?" for one in text)
