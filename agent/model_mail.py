"""The agent's values about mail: what was counted, and counted once more. No protobuf, no IO, no
clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.maillog.unknown import UnknownLines
from deliverability.replies import Outcome, ReplyClass


@dataclass(frozen=True, slots=True)
class CellKey:
    """One sending address, one receiver (its roll-up name), one Postfix instance (syslog_name)."""

    address: str
    receiver: str
    instance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What was counted since the epoch.

    `attempts` by outcome, one for each recipient each time; `rejected` at the door. The `first_…`
    are first attempts of unique recipients by what came of them; `first_unknown`: it could not be
    told whether they were the first. `delays`: a histogram for each of `deliverability.delays`'
    PARTS. `classes`: attempts not sent, by what the reply meant.
    """

    key: CellKey
    attempts: Mapping[Outcome, int] = field(default_factory=dict)
    rejected: int = 0
    first_sent: int = 0
    first_deferred: int = 0
    first_bounced: int = 0
    first_unknown: int = 0
    bytes_sent: int = 0
    delays: tuple[tuple[int, ...], ...] = ()
    classes: Mapping[ReplyClass, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The newest words of a receiver that meant this, local parts of addresses hidden."""

    receiver: str
    reply_class: ReplyClass
    outcome: Outcome
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Messages that came in from one client since the epoch."""

    instance: str
    client: str
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderCount:
    """What was counted since the epoch for the envelope senders of one domain; its name, or one of
    those that `deliverability.senders` keeps for what has none.

    Attempts that left the machine, and the first ones of unique recipients among them, as in a
    Cell.
    """

    domain: str
    sent: int = 0
    deferred: int = 0
    bounced: int = 0
    first_sent: int = 0
    first_deferred: int = 0
    first_bounced: int = 0
    first_unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteCount:
    """Attempts in one minute of log time, all instances together."""

    minute: datetime
    address: str
    receiver: str
    outcome: Outcome
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """Attempts in one minute of log time, all addresses and receivers together."""

    at: datetime
    attempts: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What lines changed, to be stored together with how far they were read.

    Cells, intake and senders are whole new values; `history` is to be added up, and is of about
    the present (`at`; there is none without it). `taken_up` are
    messages under way with what was said of them, after those `let_go` are forgotten
    (`agent.maillog.tally_senders`). `closed` and `opened` are hashes of deferred recipients
    (`agent.maillog.recipients`), in this order; `open_recipients` are all who are deferred then.
    `blind_until`: whose message came before may have been attempted where nobody counted.
    `unknown_lines`: None, as before.
    """

    cells: Sequence[Cell] = ()
    intake: Sequence[Intake] = ()
    senders: Sequence[SenderCount] = ()
    taken_up: Mapping[bytes, tuple[bytes, int]] = field(default_factory=dict)
    let_go: Sequence[bytes] = ()
    replies: Sequence[Reply] = ()
    history: Sequence[MinuteCount] = ()
    at: datetime | None = None
    closed: Sequence[int] = ()
    opened: Sequence[int] = ()
    open_recipients: Iterable[int] = field(default=(), compare=False)
    blind_until: datetime | None = None
    unknown_lines: UnknownLines | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecountRequest:
    """Count the logs once more, from the beginning of this epoch up to this place."""

    number: int
    epoch: str
    log_position: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """What the logs say. `gaps`: windows of log time that are not in them, each with its reason.

    `problem`: why there is no count; empty when there is. `is_partial`: so far, without the cells.
    """

    number: int
    epoch: str
    cells: tuple[Cell, ...] = ()
    lines: int = 0
    bytes: int = 0
    gaps: tuple[tuple[datetime, datetime, str], ...] = ()
    problem: str = ""
    is_partial: bool = False
    counted_to: datetime | None = None
