"""What every act of an operator needs at hand, and the rules all acts share: audit and guard."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from collector.census import Census
from collector.core.channels import Route
from collector.core.ledger import Wanted
from collector.core.policy import Policy
from collector.operate.audits import Audits
from collector.ports import Actor, AuditEntry, Clock, Doorbell, Refused, Store, Streams
from collector.ports_identity import Authority
from collector.ports_notify import Channel, NotifyStore
from collector.ports_rotation import Answer, RotationStore
from collector.ports_zones import TellingResolver
from collector.presence import Presence
from deliverability.catalogue import Catalogue, Override
from deliverability.zones import Zone
from deliverability.zones_pace import Size

CAPACITY_RATIO_MAX = 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The collector's own facts, for `status` and `doctor`. Seconds are of the monotonic clock."""

    version: str
    started_at: datetime
    term: Callable[[], int]
    state: str
    names: tuple[str, ...]
    # Listener name -> port, as bound.
    ports: Mapping[str, int]
    zones: tuple[str, ...]
    has_zone_key: bool
    # Name of a loop -> how many seconds ago it last advanced, and how many it may take.
    progress: Callable[[], Mapping[str, tuple[float, float]]]
    certificate_ends_at: Callable[[], datetime]
    # One for each root trusted now, newest first.
    ca_ends_at: Callable[[], tuple[datetime, ...]]
    # Bytes in all and bytes free where the state lies.
    disk: Callable[[], tuple[int, int]]


class Governor(Protocol):
    """The policy in force, as `collector.governor` keeps it."""

    async def adopt(self, policy: Policy, entry: AuditEntry) -> Policy: ...


class Zoning(Protocol):
    """Which zones the fleet looks at and how often, as `collector.zoning` keeps it."""

    def catalogue(self) -> Catalogue: ...

    def size(self) -> Size: ...

    def limited(self, zone: Zone) -> Size:
        """The part of the fleet that the limit of this zone's operator is for."""

    def without_key(self, zone: Zone) -> int:
        """How many nodes say that they hold no key of this zone's operator; 0 where it has none."""

    def preview(self, overrides: Mapping[str, Override]) -> Catalogue:
        """With the paces there would be."""

    async def change(self, zone: str, override: Override | None, *, entry: AuditEntry) -> None: ...


class Granting(Protocol):
    """Who may send now, as `collector.rotations` keeps it."""

    async def pool_id(self, pool: str) -> str: ...

    async def grant(self, pool_id: str, asked: Wanted, *, key: str) -> Answer: ...

    async def wait(self, pool_id: str, *, after: int, seconds: float) -> None: ...

    def changed(self) -> None: ...


class Register(Protocol):
    """Identities, as `collector.identity` keeps them."""

    async def new_token(self, pool_id: str, *, actor: Actor, node_id: str | None = None) -> str: ...

    async def revoke(self, node_id: str, entry: AuditEntry) -> int: ...

    async def rotate_ca(self, entry: AuditEntry) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bureau:
    """How people are told: what the journal knows of it, and every channel by its name."""

    store: NotifyStore
    channels: Mapping[str, Channel] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The ports behind every act."""

    store: Store
    clock: Clock
    presence: Presence
    census: Census
    policy: Callable[[], Policy]
    governor: Governor
    zoning: Zoning
    doorbell: Doorbell
    authority: Authority
    register: Register
    streams: Streams
    resolver: TellingResolver
    standing: Standing
    bureau: Bureau
    rotating: RotationStore
    rotations: Granting
    audits: Audits = field(default_factory=Audits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How an act is wanted. `affected_max`: the count a person confirmed, None when not asked."""

    actor: Actor
    reason: str = ""
    affected_max: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an act changed, or would change. `text` is one sentence for people."""

    text: str
    changed: bool
    dry_run: bool
    affected: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        return {
            "text": self.text,
            "changed": self.changed,
            "dry_run": self.dry_run,
            "affected": list(self.affected),
            **self.details,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """For the audit log: what, of whom, before and after."""

    action: str
    subject: str
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)


def entry(desk: Desk, wish: Wish, *, change: Change) -> AuditEntry:
    """The audit log's line for an act, with the reason the person gave."""
    reason = {"reason": wish.reason} if wish.reason else {}
    return AuditEntry(
        actor=wish.actor,
        action=change.action,
        subject=change.subject,
        before=change.before,
        after={**change.after, **reason},
        at=desk.clock.now(),
    )


def guard(wish: Wish, *, affected: int, capacity_ratio: float) -> None:
    """More than one node, or a fifth of capacity, wants the count said. Refused: AFFECTS_MANY."""
    if affected <= 1 and capacity_ratio <= CAPACITY_RATIO_MAX:
        return
    if wish.dry_run or (wish.affected_max is not None and affected <= wish.affected_max):
        return
    nodes = "1 node" if affected == 1 else f"{affected} nodes"
    raise Refused(
        "AFFECTS_MANY",
        f"it affects {nodes}, {capacity_ratio:.0%} of what may send",
        remedy=f"look with --dry-run, then confirm the count: --max-affected {affected}",
    )
