"""A heartbeat with one of everything that is counted, for tests of the wire."""

from dataclasses import replace
from datetime import timedelta

from agent.model import Cell, CellKey, Heartbeat, Intake, Minute, Recount, RecountRequest, Reply
from deliverability.delays import BUCKETS, PARTS
from deliverability.replies import Outcome, ReplyClass
from tests.agent.samples import ADDRESS, HEARTBEAT, NOW

DELAYS = tuple((0, 7, *[0] * (BUCKETS - 3), 1 + part) for part in range(len(PARTS)))
CELL = Cell(
    key=CellKey(ADDRESS, "google", "postfix-out"),
    attempts={Outcome.SENT: 100, Outcome.DEFERRED: 5, Outcome.OURS: 2},
    rejected=3,
    first_sent=98,
    first_deferred=4,
    first_bounced=1,
    first_unknown=2,
    bytes_sent=4_711_000,
    delays=DELAYS,
    classes={ReplyClass.RATE_LIMITED: 4, ReplyClass.MAILBOX_FULL: 1},
)
COUNTED: Heartbeat = replace(
    HEARTBEAT,
    cells=(CELL, Cell(key=CellKey(ADDRESS, "local", "postfix"), rejected=9)),
    full_state=False,
    replies=(
        Reply(
            receiver="google",
            reply_class=ReplyClass.RATE_LIMITED,
            outcome=Outcome.DEFERRED,
            text="421-4.7.28 unusual rate of mail to …@example.com",
            at=NOW - timedelta(seconds=2),
        ),
    ),
    intake=(Intake(instance="postfix", client="203.0.113.9", messages=41),),
    history=(
        Minute(
            at=NOW.replace(second=0) - timedelta(hours=1),
            attempts={Outcome.SENT: 40, Outcome.EXPIRED: 1},
        ),
    ),
)
RECOUNT = Recount(
    number=7,
    epoch="epoch-1",
    cells=(CELL,),
    lines=12_345,
    bytes=1_234_567,
    gaps=((NOW - timedelta(days=1), NOW, "mail.log.3.gz was not read"),),
    problem="",
)
RECOUNT_REQUEST = RecountRequest(number=7, epoch="epoch-1", log_position=b"\x00position")
