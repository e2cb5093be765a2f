"""What the journal in memory holds: tables of frozen rows, so that a copy is a backup.

Knows no rule and no transaction; `store` writes, this only says what there is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

from collector.core.heartbeat import Cell, Heartbeat, SenderCount
from collector.core.incident import Incident
from collector.core.inputs import Inputs
from collector.core.model import (
    AlertFact,
    Automation,
    Decision,
    Denial,
    Lifecycle,
    Listing,
    Look,
    Order,
    Pause,
    Reason,
    Standing,
    StandingKey,
    ZoneBrake,
    ZoneFact,
)
from collector.core.policy import Policy
from collector.core.readings import DnsFact, MailFacts
from collector.core.rotation import Strategy
from collector.core.warmup_plan import Plan
from collector.ports import PendingEffect
from collector.ports_identity import ApiToken, Certificate, Token
from collector.ports_rotation import Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRow:
    id: str
    name: str
    automation: Automation
    # (at, size): every revision of its rotation.
    rotations: tuple[tuple[datetime, int], ...] = ()
    strategy: Strategy = Strategy.ROUND_ROBIN


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """A node with what it last said; `epochs` are those it ever began."""

    id: str
    name: str
    pool_id: str
    machine_id: str
    hostname: str
    enrolled_at: datetime
    automation: Automation | None = None
    lifecycle: Lifecycle = Lifecycle.ACTIVE
    agent_version: str = ""
    epoch: str = ""
    epochs: frozenset[str] = frozenset()
    sequence: int = 0
    counted_to: datetime | None = None
    log_position: bytes = b""
    last_heartbeat: datetime | None = None
    clock_skew: timedelta = timedelta(0)
    latest: Heartbeat | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRow:
    node_id: str
    ip: str
    pool_id: str
    position: int
    is_present: bool = True
    in_rotation: bool = False
    rotation_reason: Reason | None = None
    rotation_since: datetime | None = None
    rotation_decision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    pending: PendingEffect
    batch: str
    outcome: str | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """`inputs` None: a person decided."""

    id: str
    batch: str
    term: int
    decision: Decision
    inputs: Inputs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the timeline."""

    at: datetime
    kind: str
    text: str
    node_id: str | None = None
    severity: str = "info"
    details: Mapping[str, object] = field(default_factory=dict)


CellKey = tuple[str, str, str]


@dataclass(slots=True)
class Journal:
    """Every table. Rows are frozen; a list only grows."""

    term: int = 0
    ids: int = 0
    fleet_name: str = ""
    switches: dict[str, bool] = field(default_factory=dict)
    policies: list[Policy] = field(default_factory=list)
    pools: dict[str, PoolRow] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    api_tokens: dict[str, ApiToken] = field(default_factory=dict)
    nodes: dict[str, NodeRow] = field(default_factory=dict)
    # By (node, address); an address that moves has a row at each node.
    addresses: dict[tuple[str, str], AddressRow] = field(default_factory=dict)
    # By (node, address, zone), with the arrival of the last usable answer.
    zone_facts: dict[tuple[str, str, str], tuple[ZoneFact, datetime | None]] = field(
        default_factory=dict
    )
    looks: dict[tuple[str, str], Look] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    pauses: dict[str, Pause] = field(default_factory=dict)
    # When what is no longer open ended, by id.
    closed: dict[str, datetime] = field(default_factory=dict)
    orders: dict[str, tuple[Order, datetime]] = field(default_factory=dict)
    standing: dict[StandingKey, Standing] = field(default_factory=dict)
    denials: dict[StandingKey, Denial] = field(default_factory=dict)
    alerts: dict[str, AlertFact] = field(default_factory=dict)
    resolved: list[tuple[AlertFact, datetime]] = field(default_factory=list)
    brakes: dict[str, ZoneBrake] = field(default_factory=dict)
    effects: dict[str, EffectRow] = field(default_factory=dict)
    decisions: dict[str, DecisionRow] = field(default_factory=dict)
    # By node and epoch.
    totals: dict[tuple[str, str], dict[CellKey, Cell]] = field(default_factory=dict)
    events: set[tuple[str, str, int]] = field(default_factory=set)
    # By address and receiver: what each quarter of an hour added, by its begin.
    quarters: dict[tuple[str, str], dict[int, dict[str, int]]] = field(default_factory=dict)
    # What was last made of an address's quarters, and of what.
    mail: dict[str, tuple[object, MailFacts | None]] = field(default_factory=dict)
    # By number.
    incidents: dict[int, Incident] = field(default_factory=dict)
    # By node and service: since when it is so.
    services: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)
    # Who left or joined a pool's rotation by automation: (at, pool, address, joined).
    moves: list[tuple[datetime, str, str, bool]] = field(default_factory=list)
    # Complaints about an address; real ones have no wire yet.
    complaints: dict[str, int] = field(default_factory=dict)
    # What is published about an address; nobody looks yet, so tests say.
    dns: dict[str, tuple[DnsFact, ...]] = field(default_factory=dict)
    # By node, epoch and domain, since the epoch; and by domain and day (since 1970), of all nodes.
    senders: dict[tuple[str, str, str], SenderCount] = field(default_factory=dict)
    sender_days: dict[tuple[str, int], SenderCount] = field(default_factory=dict)
    # By node and address: how each warms up ('' and domain: a sending domain), and its weight in a
    # rotation.
    warmups: dict[tuple[str, str], Plan] = field(default_factory=dict)
    shares: dict[tuple[str, str], int] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    timeline: list[Line] = field(default_factory=list)

    def copy(self) -> "Journal":
        made = replace(self)
        for item in fields(made):
            value = getattr(made, item.name)
            if isinstance(value, dict | list | set):
                setattr(made, item.name, value.copy())
        made.totals = {key: cells.copy() for key, cells in self.totals.items()}
        made.quarters = {
            key: {slot: counts.copy() for slot, counts in slots.items()}
            for key, slots in self.quarters.items()
        }
        return made

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:08}"

    def tell(self, line: Line) -> None:
        self.timeline.append(line)

    def addresses_of(self, node_id: str) -> list[AddressRow]:
        """Those it sends from now, in its own order."""
        found = [
            row for (owner, _), row in self.addresses.items() if owner == node_id and row.is_present
        ]
        return sorted(found, key=lambda row: row.position)


def moment(at: datetime) -> datetime:
    """As the journal keeps times: whole milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
