"""What a node says of itself, as the collector keeps it. Agent times are evidence only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from collector.core.heartbeat_zones import HandedOut as HandedOut
from collector.core.heartbeat_zones import NameserverReading as NameserverReading
from collector.core.heartbeat_zones import ZoneCounts as ZoneCounts
from collector.core.heartbeat_zones import ZoneReading as ZoneReading
from collector.core.model import Order
from collector.core.readings import StandingReport
from deliverability.replies import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading:
    """The machine. Byte and packet counters run since its boot."""

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

    active: int | None
    incoming: int | None
    deferred: int | None
    hold: int | None
    maildrop: int | None
    oldest_age_seconds: int | None


class Numbers(NamedTuple):
    """What a cell counted besides attempts. `first_…`: first attempts of unique recipients."""

    rejected: int = 0
    first_sent: int = 0
    first_deferred: int = 0
    first_bounced: int = 0
    first_unknown: int = 0
    bytes_sent: int = 0


class Detail(NamedTuple):
    """`delays`: histograms, packed (`collector.core.histograms`); classes by their names."""

    delays: bytes
    classes: tuple[tuple[str, int], ...]


NUMBERS = Numbers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Counted since the epoch for one address, receiver and instance. Empty instance: all of them,
    told by an agent that does not tell them apart. `detail` None: no news of it."""

    address: str
    receiver: str
    attempts: tuple[tuple[Outcome, int], ...]
    instance: str = ""
    numbers: Numbers = NUMBERS
    detail: Detail | None = None


class SenderCount(NamedTuple):
    """Counted since the epoch for one domain of envelope senders (`deliverability.senders`): what
    left the machine, and the first attempts of unique recipients among it."""

    domain: str
    sent: int = 0
    deferred: int = 0
    bounced: int = 0
    first_sent: int = 0
    first_deferred: int = 0
    first_bounced: int = 0
    first_unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The newest words of a receiver that meant this."""

    receiver: str
    reply_class: str
    outcome: Outcome
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """Attempts in one minute of log time, all receivers together; history."""

    at: datetime
    attempts: tuple[tuple[Outcome, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLines:
    """What of a node's log its agent did not understand, since the epoch.

    `lines`: all that were read. `deliveries` look like a delivery's, `overlong` ones were skipped,
    `daemons` tells of the rest by daemon. `newest`: oldest first, local parts of addresses hidden.
    `hosts`: lines of other machines that write into the same log, not counted.
    """

    lines: int
    deliveries: int
    overlong: int
    daemons: tuple[tuple[str, int], ...]
    newest: tuple[str, ...]
    hosts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """What a node's logs say, counted once more. `problem`: why they say nothing. `is_partial`:
    so far, without the cells; more follows."""

    number: int
    epoch: str
    cells: tuple[Cell, ...]
    lines: int
    bytes: int
    gaps: tuple[tuple[datetime, datetime, str], ...]
    problem: str
    is_partial: bool = False
    counted_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostfixReading:
    """Postfix and the directive in force, as observed on the node."""

    running: bool
    version: str
    outbound: tuple[str, ...]
    deferred: tuple[str, ...]
    reload_at: datetime | None
    order: tuple[int, int] | None
    convergence: str
    problem: str
    deliveries_in_flight: int
    deliveries_begun: int
    is_silent: bool
    standing: StandingReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReading:
    """The agent's own health."""

    started_at: datetime
    lines_read: int
    lines_unparsed: int
    events_lost: int
    state_errors: int
    memory_bytes: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A rare fact from a node. `id` grows within the node's state; (node, epoch, id) is its key."""

    id: int
    kind: str
    at: datetime
    zone: ZoneReading | None
    window: tuple[datetime, datetime] | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """One numbered report. `received_at` is the collector's own clock."""

    node_id: str
    epoch: str
    sequence: int
    sent_at: datetime
    received_at: datetime
    host: HostReading | None
    queue: QueueReading
    services: tuple[tuple[str, str], ...]
    cells: tuple[Cell, ...]
    full_state: bool
    zones: tuple[ZoneReading, ...]
    postfix: PostfixReading
    agent: AgentReading
    events: tuple[Event, ...]
    log_position: bytes
    counted_to: datetime | None
    replies: tuple[Reply, ...] = ()
    # (instance, client, messages), since the epoch.
    intake: tuple[tuple[str, str, int], ...] = ()
    senders: tuple[SenderCount, ...] = ()
    history: tuple[Minute, ...] = ()
    unknown_lines: UnknownLines | None = None
    zone_counts: ZoneCounts = ZoneCounts()
    # Empty: no news.
    nameservers: tuple[NameserverReading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """How a node opens a stream: who it is, what it holds, where its account stands."""

    node_id: str
    agent_version: str
    machine_id: str
    boot_id: str
    run_id: str
    epoch: str
    sequence: int
    counted_from: datetime | None
    applied: Order | None
    term_highest: int
    capabilities: tuple[str, ...]
    sent_at: datetime
    received_at: datetime
    hostname: str
    addresses: tuple[str, ...]
    # Of the zones it was handed out; 0: it looks at its own.
    catalogue_revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The collector's answer to a Hello, with the pace it assigns."""

    term: int
    node_id: str
    heartbeat_interval: timedelta
    heartbeat_jitter: timedelta
    reconnect_spread: timedelta
    sweep_critical: timedelta
    collector_time: datetime
    full_state: bool
    replay_events: bool
    history_after: datetime | None = None
    # Of the zones handed out.
    catalogue_revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEpoch:
    """The node's state came from a snapshot: begin anew where our account of it ends."""

    log_position: bytes
    counted_to: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the journal holds of a node when it says Hello."""

    node_id: str
    machine_id: str
    epoch: str
    sequence: int
    counted_to: datetime | None
    log_position: bytes
    order: Order | None
    lifecycle: str
    addresses: tuple[str, ...]
    last_heartbeat: datetime | None = None
