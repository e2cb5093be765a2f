"""What is known of an address's mail and of its machine, as frozen values. Knows no rule.

Every one of them may be missing: unknown neither pauses nor resumes. Times are the collector's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from collector.core.rates import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverFacts:
    """One address at one receiver in the last whole quarter of an hour, which ended at `until`.

    `attempts`: of the receiver's own answers; `blocked`: those it refused for reputation.
    """

    receiver: str
    attempts: int
    blocked: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFacts:
    """What one address sent.

    `day`, `week`: the last 24 hours and 7 days, none of it before `since`, the end of its last rate
    pause: what was paid for is not counted twice. Complaints are counted over the same windows;
    None: nobody tells. `hour_attempts`: in the last whole hour.
    """

    day: Window
    week: Window
    since: datetime | None = None
    complaints_day: int | None = None
    complaints_week: int | None = None
    hour_attempts: int = 0
    receivers: tuple[ReceiverFacts, ...] = ()


class DnsState(Enum):
    """Of a record that must be published. Unknown: no resolver could say."""

    VALID = "valid"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsFact:
    """A record an address or its domain needs. `is_essential`: without it receivers refuse mail
    (forward-confirmed PTR); the others are worth an alert. `since`: of the present state."""

    record: str
    name: str
    state: DnsState
    since: datetime
    is_essential: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFacts:
    """The score last kept, and the median of seven days; None: not known for long enough."""

    score: int
    median: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFact:
    """`state` is running, stopped or unknown, and has been so since then."""

    name: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """`disk_ratio`: of the queue's filesystem, inodes or bytes, whichever is fuller.
    `cpu_busy_since`: since when every heartbeat told of a busy processor; None: the last did not.
    """

    disk_ratio: float | None = None
    cpu_ratio: float | None = None
    cpu_busy_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFact:
    name: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFact:
    """One of the owners' health targets that is missed: since when, and when last seen so."""

    name: str
    value: str
    target: str
    since: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOrders:
    """What a node may do without us: silence itself, when it heard nobody for so long and so many
    sweeps of a critical zone in a row listed it."""

    unheard_for: timedelta
    sweeps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingReport:
    """The node silenced itself by its standing orders. `since` is the node's own clock, and names
    this silence: the collector lifts it by naming it."""

    since: datetime
    text: str
