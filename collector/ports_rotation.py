"""What rotation and warm-up need of the journal: members with counts, shares, grants, plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Protocol

from collector.core.capacity import DomainUse
from collector.core.ledger import Key
from collector.core.rotation import Member, Rotation, Strategy
from collector.core.warmup_plan import Plan
from collector.ports import AuditEntry, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One that is kept."""

    key: str
    pool_id: str
    receiver: str
    asked: int
    at: datetime
    expires_at: datetime
    to: tuple[tuple[Key, int], ...]
    # The sending domain; its caps bind when it warms up.
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantDraft(Grant):
    """One to be kept, made of the rotation's `revision`."""

    revision: int

    @property
    def kept(self) -> Grant:
        return Grant(**{one.name: getattr(self, one.name) for one in fields(Grant)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a draft: kept (`grant` is it), known by its key before (`grant` is the
    earlier one, `is_new` false), or not kept: the rotation, or what is left of the sending
    domain's caps, is another by now (`is_stale`), or some of its addresses may not send, with the
    reason."""

    grant: Grant | None = None
    is_new: bool = False
    is_stale: bool = False
    unfit: tuple[tuple[Key, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A plan with its place: `node_id` and `pool_id` are '' for a sending domain."""

    plan: Plan
    node_id: str
    pool_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`grant` None: hold the mail, for the reasons in `held` (how many addresses each)."""

    pool: str
    revision: int
    grant: Grant | None
    names: dict[Key, Member] = field(default_factory=dict)
    held: tuple[tuple[str, int], ...] = ()
    retry_at: datetime | None = None


class RotationStore(Protocol):
    async def pool_id(self, pool: str) -> str:
        """Of a pool's id or name. Refused: POOL_UNKNOWN."""

    async def rotation(self, pool_id: str) -> Rotation:
        """Every present address of the pool with what stands against it, its caps and what it
        sent in this day and hour. Long work for a large pool."""

    async def revisions(self) -> Mapping[str, int]:
        """Pool -> revision of its rotation, 0 when it never had one."""

    async def strategies(self) -> Mapping[str, tuple[int, Strategy]]:
        """Pool -> revision and strategy."""

    async def set_shares(self, pool_id: str, shares: Mapping[Key, int], *, at: datetime) -> None:
        """A new revision; changes nothing without shares."""

    async def set_pool(
        self,
        pool_id: str,
        *,
        strategy: Strategy,
        region: str,
        monthly: int,
        entry: AuditEntry,
    ) -> None:
        """A new revision. Refused: POOL_UNKNOWN."""

    async def keep_grant(self, draft: GrantDraft) -> Kept:
        """In one transaction: every address may send at this moment, or nothing is kept."""

    async def domain_use(self, domain: str, *, receiver: str, at: datetime) -> DomainUse | None:
        """None: nobody keeps a plan of it, or it has no cap any more."""

    async def grants(self, pool_id: str, *, since: datetime) -> Sequence[Grant]:
        """Those not over by then, oldest first."""

    async def warmups(self, *, subject: str | None = None) -> Sequence[Row]:
        """kind, subject, node, pool, ladder, stage, stages, cap_day, cap_hour, cap_receiver,
        sent_today, since, started_at, healthy_days, idle_days, usual, judged, sent_on, held_by,
        held_why, last_day, last_why, decision_id; those with a cap first."""

    async def warmup_days(self, subject: str, *, limit: int) -> Sequence[Row]:
        """Newest first: day, volume, cap, deferred, bounced, best_hour, why."""

    async def warmup(self, subject: str) -> Standing | None:
        """A sending domain's plan, or an address's that some node has now."""

    async def set_warmup(
        self, standing: Standing, entry: AuditEntry, *, before: Plan | None
    ) -> None:
        """A person's word: the plan as it stands from now on, with a decision to show it. Refused:
        WARMUP_CHANGED, where another plan than `before` stands by now."""
