"""The agent's own values: readings, the directive, what is told and heard; those of mail and of
zones stand beside. No protobuf, no IO, no clock.

Times are aware UTC datetimes. What is not known is None, never zero.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from agent.maillog.unknown import UnknownLines
from agent.model_mail import Cell as Cell
from agent.model_mail import CellKey as CellKey
from agent.model_mail import Counted as Counted
from agent.model_mail import Intake as Intake
from agent.model_mail import Minute as Minute
from agent.model_mail import MinuteCount as MinuteCount
from agent.model_mail import Recount as Recount
from agent.model_mail import RecountRequest as RecountRequest
from agent.model_mail import Reply as Reply
from agent.model_mail import SenderCount as SenderCount
from agent.model_zones import HandedOut as HandedOut
from agent.model_zones import NameserverReading as NameserverReading
from agent.model_zones import ZoneCounts as ZoneCounts
from agent.model_zones import ZoneReading as ZoneReading
from agent.self_silence import SelfSilence as SelfSilence
from agent.self_silence import StandingOrders as StandingOrders
from deliverability.nameservers_judged import NameserverState as NameserverState


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading:
    """The machine; byte and packet counters run since its boot."""

    cpu_ratio: float
    cpu_count: int
    memory_bytes_total: int
    memory_bytes_used: int
    load_1m: float
    disk_bytes_total: int
    disk_bytes_used: int
    inodes_total: int
    inodes_used: int
    network_bytes_received: int
    network_bytes_sent: int
    network_packets_received: int
    network_packets_sent: int
    uptime_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReading:
    """Messages by queue. None: could not be counted."""

    active: int | None = None
    incoming: int | None = None
    deferred: int | None = None
    hold: int | None = None
    maildrop: int | None = None
    oldest_age: timedelta | None = None


class ServiceState(Enum):
    RUNNING = "running"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReading:
    name: str
    state: ServiceState


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressOrder:
    """Reasons why this address may not send; none: it may."""

    address: str
    pauses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """The whole wanted state of this node, ordered by (term, revision)."""

    term: int
    revision: int
    node_pauses: tuple[str, ...] = ()
    addresses: tuple[AddressOrder, ...] = ()
    standing: StandingOrders | None = None
    standing_lifted: datetime | None = None

    @property
    def order(self) -> tuple[int, int]:
        return (self.term, self.revision)

    @property
    def wants_silence(self) -> bool:
        """Paused as a whole. With one address a node, its address's pause silences the node."""
        return bool(self.reasons)

    @property
    def reasons(self) -> frozenset[str]:
        """Of the node and of all its addresses."""
        of_addresses = (reason for order in self.addresses for reason in order.pauses)
        return frozenset((*self.node_pauses, *of_addresses))


@dataclass(frozen=True, slots=True, kw_only=True)
class PostfixObserved:
    """What the helper saw: configuration and processes, all instances together.

    `paused`: our own mark of a pause (`mailfleet_paused` in main.cf) stands in some instance.
    """

    running: bool
    version: str
    outbound: tuple[str, ...]
    deferred: tuple[str, ...]
    config_changed_at: datetime
    qmgr_started_at: datetime | None
    paused: bool = False

    @property
    def is_closed(self) -> bool:
        """Every outbound service is deferred, and the queue manager has read it."""
        return set(self.outbound) <= set(self.deferred) and self.is_loaded

    @property
    def is_loaded(self) -> bool:
        """The running queue manager started after the configuration's last change."""
        if not self.running:
            return True
        return self.qmgr_started_at is not None and self.qmgr_started_at >= self.config_changed_at


class Convergence(Enum):
    PENDING = "pending"
    VERIFIED = "verified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostfixReading:
    """What a heartbeat says about Postfix and the directive in force."""

    observed: PostfixObserved | None = None
    reload_at: datetime | None = None
    directive_order: tuple[int, int] | None = None
    convergence: Convergence = Convergence.PENDING
    problem: str = ""
    deliveries_in_flight: int = 0
    deliveries_begun: int = 0
    is_silent: bool = False
    standing: SelfSilence | None = None


class EventKind(Enum):
    ZONE_CHANGED = "zone_changed"
    LOG_GAP = "log_gap"
    EPOCH_BEGUN = "epoch_begun"
    CONVERGED = "converged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A rare fact, kept seven days. `id` grows and is never reused."""

    id: int
    kind: EventKind
    at: datetime
    zone: ZoneReading | None = None
    window: tuple[datetime, datetime] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """An event before the state file gave it its number."""

    kind: EventKind
    at: datetime
    zone: ZoneReading | None = None
    window: tuple[datetime, datetime] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReading:
    """The agent's own health."""

    started_at: datetime
    lines_read: int = 0
    lines_unparsed: int = 0
    events_lost: int = 0
    state_errors: int = 0
    memory_bytes: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """All this node says of itself at one moment, numbered within an epoch."""

    epoch: str
    sequence: int
    sent_at: datetime
    host: HostReading | None
    queue: QueueReading
    services: tuple[ServiceReading, ...]
    cells: tuple[Cell, ...]
    full_state: bool
    zones: tuple[ZoneReading, ...]
    postfix: PostfixReading
    agent: AgentReading
    events: tuple[Event, ...]
    log_position: bytes
    counted_to: datetime | None
    replies: tuple[Reply, ...] = ()
    intake: tuple[Intake, ...] = ()
    senders: tuple[SenderCount, ...] = ()
    history: tuple[Minute, ...] = ()
    zone_counts: ZoneCounts = ZoneCounts()
    nameservers: tuple[NameserverReading, ...] = ()
    unknown_lines: UnknownLines | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    agent_version: str
    machine_id: str
    boot_id: str
    run_id: str
    epoch: str
    sequence: int
    counted_from: datetime | None
    applied: Directive | None
    term_highest: int
    capabilities: tuple[str, ...]
    sent_at: datetime
    hostname: str
    addresses: tuple[str, ...]
    # Of the zones the collector handed out; 0: we look at our own.
    catalogue_revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    term: int
    node_id: str
    heartbeat_interval: timedelta
    heartbeat_jitter: timedelta
    reconnect_spread: timedelta
    sweep_critical: timedelta
    collector_time: datetime
    full_state: bool = False
    replay_events: bool = False
    history_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    epoch: str
    sequence: int
    events_upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEpoch:
    """Begin a new epoch at this log position (else after this log time)."""

    log_position: bytes = b""
    counted_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectAfter:
    delay: timedelta = field(default=timedelta(0))


FromCollector = Welcome | Ack | Directive | NewEpoch | ReconnectAfter | RecountRequest | HandedOut
