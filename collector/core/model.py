# long: the fleet's vocabulary is read on one page
"""The words of the fleet as frozen values. Knows no rule, no storage and no clock.

Times are aware UTC datetimes stamped by the collector unless a name says otherwise; silence is a
duration from the collector's monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from collector.core.incident import Docket
from collector.core.severity import Severity as Severity
from deliverability.catalogue import Catalogue
from deliverability.zones import Sentinels, Verdict


class Lifecycle(Enum):
    REQUESTED = "requested"
    PROVISIONING = "provisioning"
    WARMING = "warming"
    ACTIVE = "active"
    MAINTENANCE = "maintenance"
    DRAINING = "draining"
    DECOMMISSIONED = "decommissioned"
    FAILED = "failed"


class Liveness(Enum):
    """Derived from silence, never stored."""

    UNHEARD = "unheard"
    FRESH = "fresh"
    LATE = "late"
    LOST = "lost"


class Automation(Enum):
    OBSERVE = "observe"
    ACT = "act"


class Reason(Enum):
    """Why an address may not send, or why it left the rotation."""

    LISTED = "LISTED"
    RESTORED = "RESTORED"
    OPERATOR = "OPERATOR"
    SILENCE = "SILENCE"
    # Why a warm-up moved.
    WARMUP = "WARMUP"
    IDLE = "IDLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One open reason not to send. Closed only by the reason that opened it, or by an operator.

    `address` None covers the whole node. `owner` is "automation" or who asked.
    """

    id: str
    node_id: str
    address: str | None
    reason: Reason
    owner: str
    opened_at: datetime
    decision_id: str
    note: str = ""

    def covers(self, address: str) -> bool:
        return self.address is None or self.address == address


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFact:
    """The newest answer of a zone about an address, and how long it has said so.

    `since` is the arrival of the first answer of the present run of equal verdicts, `rounds` the
    number of distinct sweeps in that run.
    """

    address: str
    zone: str
    verdict: Verdict
    answers: tuple[str, ...]
    sentinels: Sentinels
    round: int
    received_at: datetime
    since: datetime
    rounds: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The collector's own resolver on the same question, with the zone's sentinels."""

    address: str
    zone: str
    verdict: Verdict
    answers: tuple[str, ...]
    sentinels: Sentinels
    at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A confirmed period during which a zone lists an address."""

    id: str
    node_id: str
    address: str
    zone: str
    answers: tuple[str, ...]
    opened_at: datetime
    confirmed_by: str
    consequence: str = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the collector last told a node: the whole wanted state, ordered by (term, revision)."""

    term: int
    revision: int
    node_pauses: tuple[str, ...] = ()
    addresses: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def order(self) -> tuple[int, int]:
        return (self.term, self.revision)

    @property
    def is_silent(self) -> bool:
        return bool(self.node_pauses) or any(pauses for _, pauses in self.addresses)

    def says_the_same(self, other: "Order") -> bool:
        return (self.node_pauses, self.addresses) == (other.node_pauses, other.addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obedience:
    """What the node reports of the directive in force."""

    order: tuple[int, int] | None
    convergence: str
    is_silent: bool
    problem: str
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFacts:
    """One sending address: what the zones say of it and whether it is in the rotation."""

    ip: str
    in_rotation: bool
    rotation_reason: Reason | None
    rotation_since: datetime | None
    zones: tuple[ZoneFact, ...] = ()
    looks: tuple[Look, ...] = ()
    listings: tuple[Listing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """Everything one judgement may know of one node."""

    id: str
    name: str
    pool_id: str
    automation: Automation | None
    lifecycle: Lifecycle
    liveness: Liveness
    silence: timedelta
    heard_in_row: int
    addresses: tuple[AddressFacts, ...]
    pauses: tuple[Pause, ...] = ()
    order: Order | None = None
    order_at: datetime | None = None
    obedience: Obedience | None = None
    clock_skew: timedelta = timedelta(0)
    last_usable_answer_at: datetime | None = None
    enrolled_at: datetime
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """A pool's aggregates, counted in addresses."""

    id: str
    name: str
    automation: Automation
    addresses: int
    in_rotation: int
    # The median number in the rotation over 24 h, never below its present number.
    baseline: int
    # Nodes known; of those the ones that fell silent within the last two intervals, and the ones
    # heard now.
    nodes: int
    newly_silent: int
    heard: int = 0
    tenant_id: str | None = None


class Kind(Enum):
    """What a decision does."""

    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"
    ADMIT = "admit"
    # Of a warm-up: to begin (again), a stage further, held, a stage or two back.
    WARM = "warm"
    ADVANCE = "advance"
    HOLD = "hold"
    STEP_BACK = "step_back"


class Fate(Enum):
    """What became of a proposal. WOULD: the pool only observes. OVERRIDDEN: a person said no."""

    MADE = "made"
    WITHHELD = "withheld"
    WOULD = "would"
    OVERRIDDEN = "overridden"


class Brake(Enum):
    ZONE = "zone brake"
    FLOOR = "floor"
    DETECTOR = "detector health"
    STARTUP = "start-up grace"
    STOPPED = "automation stopped"


Evidence = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a decision is about. `address` None: the whole node."""

    node_id: str
    address: str | None
    pool_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a rule asks for, before the brakes have seen the whole batch."""

    kind: Kind
    subject: Subject
    reason: Reason
    rule: str
    evidence: Evidence
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the gate knew beside the snapshot when it judged one proposal: what the whole pass had
    counted and allowed until then. A replay starts from here, so whatever a brake reads stands
    either in the snapshot or here.

    `zones`: newly listed nodes by zone; `removed`: addresses taken out of rotation by pool.
    """

    zones: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A proposal with its fate. `aggregates` is what the brakes saw, for people."""

    proposal: Proposal
    fate: Fate
    brake: Brake | None
    aggregates: Evidence
    policy_revision: int
    at: datetime
    seen: Seen = field(default_factory=Seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest decision about (subject, kind, reason) while its cause still stands."""

    decision_id: str
    fate: Fate
    brake: Brake | None


StandingKey = tuple[str, str | None, Kind, Reason]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneBrake:
    """A zone whose automatic pauses are held."""

    zone: str
    engaged_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFact:
    """An open alert. `key` is cause:subject; one open alert a key. `node_id` None: the fleet's."""

    key: str
    severity: Severity
    text: str
    opened_at: datetime
    node_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """Whether silence may be believed. `healthy_since` None: not healthy now."""

    frozen: bool
    healthy_since: datetime | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The aggregates and switches every judgement sees."""

    addresses: int
    pools: Mapping[str, PoolFacts]
    # Confirmed, still open listings of pausing consequence by zone, newest last.
    open_listings: Mapping[str, tuple[Listing, ...]]
    brakes: Mapping[str, ZoneBrake] = field(default_factory=dict)
    automation_stopped: bool = False
    sending_stopped: bool = False
    in_startup_grace: bool = False
    detector: Detector
    # What the fleet knows of every zone: its codes, its tier, its operator.
    catalogue: Catalogue = field(default_factory=Catalogue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything one judgement may look at, read in one transaction."""

    nodes: tuple[NodeFacts, ...]
    fleet: Fleet
    standing: Mapping[StandingKey, Standing] = field(default_factory=dict)
    alerts: tuple[AlertFact, ...] = ()
    docket: Docket = Docket()
    term: int
