"""What floor 2 needs of the outside world, in its own words. Adapters live in `collector/adapters`.

Every method that writes returns only when the write is durable in the journal.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from collector.core.heartbeat import Account, Heartbeat, Hello, Recount
from collector.core.judgement import Judgement
from collector.core.model import AlertFact, Automation, Look, Order, Snapshot
from collector.core.policy import Policy
from collector.ports_counts import CountViews
from collector.ports_history import HistoryViews
from collector.ports_identity import ApiToken, Certificate, NewNode, Token


class StoreError(Exception):
    """The journal could not do it. `retryable`: the same call may succeed later."""

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.retryable = retryable


class Refused(Exception):
    """The collector will not do this. `code` is stable, the text is for people, `remedy` helps:
    a command where there is one."""

    def __init__(self, code: str, text: str, *, remedy: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.remedy = remedy


class Clock(Protocol):
    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


class Doorbell(Protocol):
    """Wakes the control pass. Ringing is cheap and may be repeated."""

    def ring(self, node_id: str | None = None) -> None:
        """For one node, or for everybody."""

    async def wait(self, *, at_most: float) -> bool:
        """Until rung, or `at_most` seconds have passed. Whether it was rung."""

    def take(self) -> frozenset[str] | None:
        """Whom it was rung for since the last take; None: for everybody."""


class Resolver(Protocol):
    """The collector's own look at a zone, with the zone's sentinels through the same resolver."""

    async def look(self, zone: str, *, address: str, not_by: str = "") -> Look:
        """`not_by`: the resolver that found it, which cannot confirm itself. Unknown, with
        `reputation.ONE_RESOLVER` as the reason, where there is no other."""


class Streams(Protocol):
    """The live streams. Sending keeps only the newest directive of a node, and never waits."""

    def send(self, node_id: str, order: Order) -> bool:
        """False when the node has no stream now: it gets its directive at its next Hello."""

    def close(self, node_id: str, *, code: str, text: str) -> None:
        """Ends the node's stream at once; the agent sees `code`: REVOKED, DUPLICATE_IDENTITY."""

    def connected(self) -> frozenset[str]: ...

    async def recount(self, node_id: str, *, epoch: str, log_position: bytes) -> Recount:
        """What the node's logs say up to there; after a moment how far it is (`is_partial`): ask
        for the same again. Refused NOT_CONNECTED, RECOUNT_LATE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEffect:
    """Something to be done because of a decision. `key` makes doing it twice harmless."""

    key: str
    kind: str
    node_id: str | None
    payload: Mapping[str, object]
    created_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asked, and from where: for the audit log."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    actor: Actor
    action: str
    subject: str
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPause:
    """An operator's word about one node (`address` None) or one of its addresses."""

    node_id: str
    address: str | None
    pausing: bool
    note: str
    # Resume although a listing is open; automation leaves the address alone until it closes.
    override: bool = False


Row = Mapping[str, object]


class ReignStore(Protocol):
    """The collector's own standing: terms, policy, switches."""

    async def begin_term(self, *, at_least: int, at: datetime) -> int:
        """1 + max(stored, at_least), durable before it is returned."""

    async def policy(self) -> Policy: ...

    async def set_policy(self, policy: Policy, entry: AuditEntry) -> None: ...

    async def add_pool(self, name: str, *, automation: Automation, entry: AuditEntry) -> str:
        """The new pool's id. Refused: POOL_EXISTS."""

    async def set_switch(self, name: str, *, on: bool, entry: AuditEntry) -> None:
        """Names: automation_stopped, sending_stopped."""

    async def set_automation(
        self,
        *,
        pool_id: str | None,
        node_id: str | None,
        value: Automation | None,
        entry: AuditEntry,
    ) -> None:
        """Of a pool, or of a node (None: as its pool)."""


class IdentityStore(Protocol):
    """Tokens, nodes and certificates."""

    async def add_token(self, token: Token, entry: AuditEntry) -> None: ...

    async def enrol(
        self, secret_hash: str, node: NewNode, *, certificate: Certificate, entry: AuditEntry
    ) -> None:
        """Uses the token and adds or re-enrols the node in one transaction.

        A token made for an existing node re-enrols it: the node keeps its id and facts, its older
        certificates are revoked. Refused: TOKEN_UNKNOWN, TOKEN_USED, TOKEN_EXPIRED.
        """

    async def token(self, secret_hash: str) -> Token | None: ...

    async def certificates(self) -> Sequence[Certificate]:
        """Every certificate not yet 180 days past its end, revoked ones too."""

    async def add_certificate(self, certificate: Certificate, entry: AuditEntry) -> None: ...

    async def revoke(self, node_id: str, entry: AuditEntry) -> Sequence[str]:
        """Revokes the node's certificates; their fingerprints."""

    async def add_audit(self, entry: AuditEntry) -> None: ...


class AccessStore(Protocol):
    """Whose journal this is, and who may use the REST API."""

    async def set_fleet_name(self, name: str, entry: AuditEntry) -> None:
        """The trust domain `init` was given. Refused FLEET_NAMED when another name stands."""

    async def add_api_token(self, token: ApiToken, entry: AuditEntry) -> None: ...

    async def api_token(self, secret_hash: str) -> ApiToken | None: ...


class IntakeStore(Protocol):
    """Facts in. Heartbeats are committed in groups (250 rows or 100 ms)."""

    async def account(self, node_id: str) -> Account | None: ...

    async def record_hello(self, hello: Hello) -> None: ...

    async def begin_epoch(self, node_id: str, *, epoch: str) -> None:
        """The node counts anew from here; totals of earlier epochs stay. The present epoch again
        changes nothing. Refused EPOCH_USED: it counted in that one before."""

    async def record(self, heartbeat: Heartbeat) -> None:
        """Returns once committed. A heartbeat not newer than the last of its epoch changes
        nothing but is not an error: its ack was lost. Refused: NODE_UNKNOWN, EPOCH_UNKNOWN,
        FACT_ABSURD. StoreError: not committed, not to be acknowledged."""

    async def settle(self) -> None:
        """Returns once every Hello, epoch and heartbeat handed in before is committed or refused.
        StoreError: some of them were not."""

    async def record_look(self, look: Look) -> None: ...

    async def import_restored(self, node_id: str, applied: Order, *, judgement: Judgement) -> None:
        """The node's directive is ahead of ours: keep it as told, with the RESTORED pauses."""


class JudgementStore(Protocol):
    """What the control pass reads and commits."""

    async def load(self, node_ids: Sequence[str] | None) -> Snapshot:
        """Nodes (None: all) with fleet aggregates, in one transaction. Liveness, silence, grace
        and detector are filled in by the caller, who alone knows them."""

    async def commit(self, judgement: Judgement) -> Sequence[str]:
        """Decisions, listings, pauses, rotation, alerts, directives and effects in one
        transaction. Ids of the decisions, in order."""

    async def effects(self, *, limit: int) -> Sequence[PendingEffect]: ...

    async def finish_effects(self, outcomes: Mapping[str, str], *, at: datetime) -> None:
        """What came of each, by key, in one transaction. One finished before is passed over."""

    async def orders(self, node_ids: Sequence[str]) -> Mapping[str, Order]: ...

    async def standing_alerts(self, causes: Collection[str]) -> Sequence[AlertFact]:
        """Open alerts of these causes, in the order of their keys."""

    async def members(self) -> Mapping[str, str]:
        """Node → pool, of everybody not decommissioned: who is to be judged in a round."""


class ViewStore(CountViews, HistoryViews, Protocol):
    """What people read. Rows are JSON-ready: ids and enums as text, times as ISO 8601 with Z.
    Liveness is never in them: `operate` adds it from the collector's memory."""

    async def nodes(self, *, node: str | None = None) -> Sequence[Row]:
        """id, name, pool, automation (own or None), lifecycle, addresses [{ip, in_rotation,
        rotation_reason, rotation_since, score {value, median, lost}}], pauses [{id, address,
        receiver, reason, owner, opened_at, expires_at, probe_at, note, decision_id}], listings,
        zones, order, obedience, latest (the newest readings), epoch, sequence, last_heartbeat,
        clock_skew_seconds, agent_version, reputation_score, current_load; totals when one node is
        asked for (by id, name, or address)."""

    async def pools(self) -> Sequence[Row]: ...

    async def switches(self) -> Mapping[str, bool]: ...

    async def alerts(
        self, *, open_only: bool, limit: int, node_id: str | None = None
    ) -> Sequence[Row]:
        """Newest first; of one node when it is named."""

    async def journal(self, *, after: int, limit: int, node_id: str | None) -> Sequence[Row]:
        """The timeline `events` shows, oldest first: decisions, alerts, listings, node events,
        effects' outcomes, audit. Each row has a growing `seq`, `at`, `kind`, `node_id`,
        `severity`, `text`, `details`. A negative `after`: so many rows before the end."""

    async def decisions(self, subject: str, *, limit: int) -> Sequence[Row]:
        """Newest first, about a node (id or name), an address, or one decision id: fate, brake,
        kind, reason, rule, evidence, aggregates, thresholds, policy_revision, core_version, at,
        effects [{key, kind, state, outcome, at}]."""

    async def schema_revision(self) -> str: ...


class Store(
    ReignStore, IdentityStore, AccessStore, IntakeStore, JudgementStore, ViewStore, Protocol
):
    """The journal and the samples behind one door."""

    async def operator_pause(self, wish: OperatorPause, entry: AuditEntry) -> None:
        """Opens an OPERATOR pause, or closes the OPERATOR and RESTORED ones; with `override` the
        automatic ones too, leaving a denial of the causes that stand. Audited. The caller rings
        the doorbell: the next pass writes rotation and directive."""

    async def prune(self) -> int:
        """One small slice of what is older than its keeping; how many rows went. It commits even
        when nothing is due: its return shows that the writer lives."""

    async def backup(self, folder: str) -> None:
        """A consistent copy of the journal into an existing empty folder (SQLite backup API)."""

    async def close(self) -> None: ...
