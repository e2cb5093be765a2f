# long: the fleet's vocabulary is read on one page
"""The words of the fleet as frozen values. Knows no rule, no storage and no clock.

Times are aware UTC datetimes stamped by the collector unless a name says otherwise; silence is a
duration from the collector's monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from collector.core.asked import Asked
from collector.core.asked import Evidence as Evidence
from collector.core.incident import Docket
from collector.core.readings import (
    CertificateFact,
    DnsFact,
    HostFacts,
    MailFacts,
    ScoreFacts,
    ServiceFact,
    StandingOrders,
    StandingReport,
    TargetFact,
)
from collector.core.severity import Severity as Severity
from collector.core.warmup_plan import Warming
from collector.core.words import Automation as Automation
from collector.core.words import Brake as Brake
from collector.core.words import Fate as Fate
from collector.core.words import Kind as Kind
from collector.core.words import Lifecycle as Lifecycle
from collector.core.words import Liveness as Liveness
from collector.core.words import Reason as Reason
from deliverability.catalogue import Catalogue
from deliverability.zones import Sentinels, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One open reason not to send. Closed only by the reason that opened it, or by an operator.

    `address` None covers the whole node; with a `receiver`, only mail to it. That one is obeyed
    where mail is given out: grants and rotation leave the address out for this receiver, but for
    probes. No directive carries it: what a node has already, Postfix goes on trying.
    `owner` is "automation" or who asked. Of a rate's pause: at `expires_at` it ends whatever the
    rate says, or at `probe_at` a few messages may try again.
    """

    id: str
    node_id: str
    address: str | None
    reason: Reason
    owner: str
    opened_at: datetime
    decision_id: str
    note: str = ""
    receiver: str | None = None
    expires_at: datetime | None = None
    probe_at: datetime | None = None

    def covers(self, address: str, receiver: str | None = None) -> bool:
        """Whether the address may not send to this receiver; None: to anybody at all."""
        return self.address in (None, address) and self.receiver in (None, receiver)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFact:
    """The newest answer of a zone about an address, and how long it has said so.

    `since` is the arrival of the first of the present run of equal verdicts, and of equal codes
    while listed; `rounds` the number of distinct sweeps in that run.
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
    # The zone's own words about a listing.
    reason: str = ""
    # Through which of its nameservers the collector itself found this; empty: the node's finding.
    resolver: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The collector's own resolver on the same question, with the zone's sentinels.

    `cleared_at`: of a look that told nothing, when the last one that told something said clear;
    None where that one said listed. `resolver`: the nameserver that was asked; empty: none.
    """

    address: str
    zone: str
    verdict: Verdict
    answers: tuple[str, ...]
    sentinels: Sentinels
    at: datetime
    why: str = ""
    cleared_at: datetime | None = None
    resolver: str = ""


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
    """What the collector last told a node: the whole wanted state, ordered by (term, revision).

    `standing_lifted`: silences of the node's own that began until then, by its clock, are over.
    """

    term: int
    revision: int
    node_pauses: tuple[str, ...] = ()
    addresses: tuple[tuple[str, tuple[str, ...]], ...] = ()
    standing: StandingOrders | None = None
    standing_lifted: datetime | None = None

    @property
    def order(self) -> tuple[int, int]:
        return (self.term, self.revision)

    @property
    def is_silent(self) -> bool:
        return bool(self.node_pauses) or any(pauses for _, pauses in self.addresses)

    def says_the_same(self, other: "Order") -> bool:
        return self == replace(other, term=self.term, revision=self.revision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obedience:
    """What the node reports of the directive in force."""

    order: tuple[int, int] | None
    convergence: str
    is_silent: bool
    problem: str


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
    mail: MailFacts | None = None
    dns: tuple[DnsFact, ...] = ()
    score: ScoreFacts | None = None
    # Attempts it may make in this hour; None: no cap.
    hour_cap: int | None = None
    # None: nobody keeps one of it.
    warmup: Warming | None = None


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
    services: tuple[ServiceFact, ...] = ()
    host: HostFacts | None = None
    certificates: tuple[CertificateFact, ...] = ()
    targets_missed: tuple[TargetFact, ...] = ()
    standing: StandingReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """A pool's aggregates, counted in addresses."""

    id: str
    name: str
    automation: Automation
    addresses: int
    in_rotation: int
    # The median number in the rotation over 24 h, never below its present number together with
    # what automation took out within a week and would take back.
    baseline: int
    # Nodes known; of those the ones that fell silent within the last two intervals, and the ones
    # heard now.
    nodes: int
    newly_silent: int
    heard: int = 0
    # Messages a month it is meant for, 0 when nobody said: which ladder a new address begins on.
    monthly: int = 0
    tenant_id: str | None = None
    # Addresses that automation took out of the rotation, or put back, within the brakes' span.
    removed_lately: int = 0
    admitted_lately: int = 0
    # Addresses paused for one receiver alone, by receiver; of those, since when the span began.
    blocked: Mapping[str, int] = field(default_factory=dict)
    blocked_lately: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a decision is about. `address` None: the whole node; `receiver` None: all of them."""

    node_id: str
    address: str | None
    pool_id: str
    receiver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal(Asked):
    """What a rule asks for of somebody, before the brakes have seen the whole batch."""

    kind: Kind
    subject: Subject
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the gate knew beside the snapshot when it judged one proposal: what the whole pass had
    counted and allowed until then. A replay starts from here, so whatever a brake reads stands
    either in the snapshot or here.

    `zones`: newly listed addresses by zone; `removed`, `admitted`: addresses by pool.
    """

    zones: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)
    admitted: Mapping[str, int] = field(default_factory=dict)


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


class StandingKey(NamedTuple):
    """What a standing decision is about, or a person's no to a pause."""

    node_id: str
    address: str | None
    kind: Kind
    reason: Reason
    receiver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A person resumed although the cause stood: as long as that one does, automation does not
    pause for it again.

    `about`: which causes, where there may be several: ids of listings, the beginning of a node's
    own silence. Empty: whatever there was.
    """

    decision_id: str
    at: datetime
    about: tuple[str, ...] = ()


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
    # Nodes known and nodes heard now, in all pools together.
    nodes: int = 0
    heard: int = 0
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
    # What people said no to, by what automation would do.
    denials: Mapping[StandingKey, Denial] = field(default_factory=dict)
    alerts: tuple[AlertFact, ...] = ()
    docket: Docket = Docket()
    term: int
    # Sending domains with a day that waits to be judged.
    domains: tuple[Warming, ...] = ()
