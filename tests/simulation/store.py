# long: one class behind every port of the journal
"""The journal in memory behind `ports.Store`: every port the collector's floor 2 uses, and of the
views only what the contract suite looks at. Every write is whole or nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from collector.core.heartbeat import Account, Heartbeat, Hello
from collector.core.judgement import Judgement
from collector.core.ledger import Key
from collector.core.model import AlertFact, Automation, Look, Order, Snapshot
from collector.core.policy import Policy
from collector.core.rates import WindowsAsked
from collector.core.rotation import Rotation, Strategy
from collector.ports import AuditEntry, Clock, OperatorPause, PendingEffect, Refused, Row
from collector.ports_identity import ApiToken, Certificate, NewNode, Token
from collector.ports_rotation import Grant, GrantDraft, Kept
from tests.simulation import (
    intake_store,
    judging_store,
    mail_store,
    operating_store,
    rotating_store,
    snapshot_store,
    views_store,
    warming_store,
)
from tests.simulation.journal import AddressRow, Journal, Line, NodeRow, PoolRow, moment

RENEWABLE = timedelta(days=180)
SWITCHES = ("automation_stopped", "sending_stopped")
# Views for people: the simulation judges by the journal itself. Those of counts and of history
# are left out whole.
LEFT_OUT = frozenset({"schema_revision"})


class MemoryStore:
    """`tables` is read by the simulation's goals, and replaced when a backup is restored."""

    def __init__(self, clock: Clock, tables: Journal | None = None) -> None:
        self.tables = tables or Journal(policies=[Policy()])
        self._clock = clock

    @contextmanager
    def _whole(self) -> Iterator[Journal]:
        before = self.tables.copy()
        try:
            yield self.tables
        except BaseException:
            self.tables = before
            raise

    def _audit(self, entry: AuditEntry, *, node_id: str | None = None) -> None:
        details = {
            "actor": entry.actor.name,
            "origin": entry.actor.origin,
            "before": entry.before,
            "after": entry.after,
        }
        text = f"{entry.actor.name}: {entry.action} {entry.subject}"
        self.tables.tell(
            Line(at=moment(entry.at), kind="audit", text=text, node_id=node_id, details=details)
        )

    # The collector's reign.

    async def begin_term(self, *, at_least: int, at: datetime) -> int:
        self.tables.term = 1 + max(self.tables.term, at_least)
        text = f"the collector began term {self.tables.term}"
        self.tables.tell(Line(at=moment(at), kind="event", text=text))
        return self.tables.term

    async def policy(self) -> Policy:
        return self.tables.policies[-1]

    async def set_policy(self, policy: Policy, entry: AuditEntry) -> None:
        newest = self.tables.policies[-1].revision
        if policy.revision <= newest:
            raise Refused("POLICY_STALE", f"policy revision {newest} stands already")
        self.tables.policies.append(policy)
        self._audit(entry)

    async def add_pool(self, name: str, *, automation: Automation, entry: AuditEntry) -> str:
        if any(pool.name == name for pool in self.tables.pools.values()):
            raise Refused("POOL_EXISTS", f"there is a pool {name} already")
        pool_id = self.tables.new_id()
        self.tables.pools[pool_id] = PoolRow(id=pool_id, name=name, automation=automation)
        self._audit(entry)
        return pool_id

    async def set_switch(self, name: str, *, on: bool, entry: AuditEntry) -> None:
        if name not in SWITCHES:
            raise Refused("SWITCH_UNKNOWN", f"no switch {name}; there are {', '.join(SWITCHES)}")
        self.tables.switches[name] = on
        self._audit(entry)

    async def set_automation(
        self,
        *,
        pool_id: str | None,
        node_id: str | None,
        value: Automation | None,
        entry: AuditEntry,
    ) -> None:
        if (pool_id is None) == (node_id is None):
            raise Refused("SUBJECT_UNCLEAR", "automation is set of one pool or of one node")
        if node_id is not None:
            row = intake_store.known(self.tables, node_id)
            self.tables.nodes[node_id] = replace(row, automation=value)
        else:
            pool = self.tables.pools.get(pool_id or "")
            if pool is None or value is None:
                raise Refused("POOL_UNKNOWN", f"no pool {pool_id}, or no automation for it")
            self.tables.pools[pool.id] = replace(pool, automation=value)
        self._audit(entry, node_id=node_id)

    # Identity and access.

    async def add_token(self, token: Token, entry: AuditEntry) -> None:
        if token.pool_id not in self.tables.pools:
            raise Refused("POOL_UNKNOWN", f"no pool {token.pool_id}")
        self.tables.tokens[token.secret_hash] = token
        self._audit(entry, node_id=token.node_id)

    async def token(self, secret_hash: str) -> Token | None:
        return self.tables.tokens.get(secret_hash)

    async def enrol(
        self, secret_hash: str, node: NewNode, *, certificate: Certificate, entry: AuditEntry
    ) -> None:
        token = self.tables.tokens.get(secret_hash)
        if token is None:
            raise Refused("TOKEN_UNKNOWN", "no such join token")
        if token.used_at is not None:
            raise Refused("TOKEN_USED", "the join token was used")
        if node.enrolled_at >= token.expires_at:
            raise Refused("TOKEN_EXPIRED", "the join token ended")
        self.tables.tokens[secret_hash] = replace(token, used_at=node.enrolled_at)
        if token.node_id is None:
            self._add_node(node, token.pool_id)
        else:
            self._enrol_again(node)
        self.tables.certificates[certificate.fingerprint] = certificate
        self._audit(entry, node_id=node.id)

    def _add_node(self, node: NewNode, pool_id: str) -> None:
        """Two machines may have one host name; people must be able to tell the nodes apart."""
        taken, name, number = {row.name for row in self.tables.nodes.values()}, node.name, 1
        while name in taken:
            number += 1
            name = f"{node.name}-{number}"
        self.tables.nodes[node.id] = NodeRow(
            id=node.id,
            name=name,
            pool_id=pool_id,
            machine_id=node.machine_id,
            hostname=node.hostname,
            enrolled_at=moment(node.enrolled_at),
        )
        self._add_addresses(node, pool_id)

    def _enrol_again(self, node: NewNode) -> None:
        row = intake_store.known(self.tables, node.id)
        self._revoke(node.id, at=node.enrolled_at)
        self.tables.nodes[node.id] = replace(
            row, machine_id=node.machine_id, hostname=node.hostname
        )
        self._add_addresses(node, row.pool_id)

    def _add_addresses(self, node: NewNode, pool_id: str) -> None:
        for position, ip in enumerate(node.addresses):
            row = AddressRow(node_id=node.id, ip=ip, pool_id=pool_id, position=position)
            self.tables.addresses.setdefault((node.id, ip), row)
        warming_store.adopt(self.tables, node.id, node.addresses, at=node.enrolled_at)

    async def certificates(self) -> Sequence[Certificate]:
        edge = self._clock.now() - RENEWABLE
        held = (one for one in self.tables.certificates.values() if one.not_after >= edge)
        return sorted(held, key=lambda one: one.not_before)

    async def add_certificate(self, certificate: Certificate, entry: AuditEntry) -> None:
        self.tables.certificates[certificate.fingerprint] = certificate
        self._audit(entry, node_id=certificate.node_id)

    async def revoke(self, node_id: str, entry: AuditEntry) -> Sequence[str]:
        ended = self._revoke(node_id, at=entry.at)
        self._audit(entry, node_id=node_id)
        return ended

    def _revoke(self, node_id: str, *, at: datetime) -> list[str]:
        held = self.tables.certificates
        ended = sorted(
            one.fingerprint
            for one in held.values()
            if one.node_id == node_id and one.revoked_at is None
        )
        for fingerprint in ended:
            held[fingerprint] = replace(held[fingerprint], revoked_at=at)
        return ended

    async def add_audit(self, entry: AuditEntry) -> None:
        self._audit(entry)

    async def set_fleet_name(self, name: str, entry: AuditEntry) -> None:
        if self.tables.fleet_name not in ("", name):
            raise Refused("FLEET_NAMED", "this journal belongs to another fleet")
        self.tables.fleet_name = name
        self._audit(entry)

    async def add_api_token(self, token: ApiToken, entry: AuditEntry) -> None:
        if any(one.name == token.name for one in self.tables.api_tokens.values()):
            raise Refused("TOKEN_EXISTS", f"there is an API token {token.name} already")
        self.tables.api_tokens[token.secret_hash] = token
        self._audit(entry)

    async def api_token(self, secret_hash: str) -> ApiToken | None:
        return self.tables.api_tokens.get(secret_hash)

    # Facts in.

    async def account(self, node_id: str) -> Account | None:
        return intake_store.account(self.tables, node_id)

    async def record_hello(self, hello: Hello) -> None:
        intake_store.record_hello(self.tables, hello)

    async def begin_epoch(self, node_id: str, *, epoch: str) -> None:
        intake_store.begin_epoch(self.tables, node_id, epoch=epoch)

    async def settle(self) -> None:
        """Each call is done when it returns."""

    async def record(self, heartbeat: Heartbeat) -> None:
        intake_store.record(self.tables, heartbeat)

    def heard(self, node_id: str) -> None:
        """A heartbeat that said nothing new came, and was passed over."""
        row, now = self.tables.nodes.get(node_id), moment(self._clock.now())
        if row is not None and row.last_heartbeat is not None:
            self.tables.nodes[node_id] = replace(row, last_heartbeat=max(now, row.last_heartbeat))

    async def record_look(self, look: Look) -> None:
        intake_store.record_look(self.tables, look)

    async def import_restored(self, node_id: str, applied: Order, *, judgement: Judgement) -> None:
        with self._whole() as journal:
            at = moment(judgement.at)
            judging_store.put_order(journal, node_id, order=applied, at=at)
            text = f"the node's directive ({applied.term}, {applied.revision}) was ahead of ours"
            journal.tell(Line(at=at, kind="event", node_id=node_id, text=text))
            judging_store.commit(journal, judgement)

    async def members(self) -> Mapping[str, str]:
        return snapshot_store.members(self.tables)

    async def load(self, node_ids: Sequence[str] | None) -> Snapshot:
        return snapshot_store.load(self.tables, node_ids, now=self._clock.now())

    async def commit(self, judgement: Judgement) -> Sequence[str]:
        if judgement.is_empty:
            return ()
        with self._whole() as journal:
            return judging_store.commit(journal, judgement)

    async def effects(self, *, limit: int) -> Sequence[PendingEffect]:
        return judging_store.pending(self.tables, limit=limit)

    async def finish_effects(self, outcomes: Mapping[str, str], *, at: datetime) -> None:
        judging_store.finish(self.tables, outcomes, at=at)

    async def orders(self, node_ids: Sequence[str]) -> Mapping[str, Order]:
        held = self.tables.orders
        return {node_id: held[node_id][0] for node_id in node_ids if node_id in held}

    async def standing_alerts(self, causes: Collection[str]) -> Sequence[AlertFact]:
        found = sorted(self.tables.alerts.items())
        return [one for key, one in found if key.partition(":")[0] in causes]

    async def operator_pause(self, wish: OperatorPause, entry: AuditEntry) -> None:
        with self._whole() as journal:
            operating_store.operator_pause(journal, wish, entry)
            self._audit(entry, node_id=wish.node_id)

    # Rotation.

    async def rotation(self, pool_id: str) -> Rotation:
        return rotating_store.rotation(self.tables, pool_id, now=self._clock.now())

    async def revisions(self) -> Mapping[str, int]:
        return {pool.id: len(pool.rotations) for pool in self.tables.pools.values()}

    async def strategies(self) -> Mapping[str, tuple[int, Strategy]]:
        pools = self.tables.pools.values()
        return {pool.id: (len(pool.rotations), pool.strategy) for pool in pools}

    async def set_shares(self, pool_id: str, shares: Mapping[Key, int], *, at: datetime) -> None:
        if shares:
            self.tables.shares.update(shares)
            intake_store.revise(self.tables, pool_id, at=moment(at))

    async def keep_grant(self, draft: GrantDraft) -> Kept:
        return rotating_store.keep(self.tables, draft)

    async def grants(self, pool_id: str, *, since: datetime) -> Sequence[Grant]:
        held = self.tables.grants.values()
        return [one for one in held if one.pool_id == pool_id and one.expires_at > since]

    # Views.

    async def nodes(self, *, node: str | None = None) -> Sequence[Row]:
        return views_store.nodes(self.tables, node=node)

    async def pools(self) -> Sequence[Row]:
        return views_store.pools(self.tables, now=self._clock.now())

    async def switches(self) -> Mapping[str, bool]:
        return {name: self.tables.switches.get(name, False) for name in SWITCHES}

    async def alerts(
        self, *, open_only: bool, limit: int, node_id: str | None = None
    ) -> Sequence[Row]:
        found = views_store.alerts(self.tables, open_only=open_only, node_id=node_id)
        return found[:limit]

    async def journal(self, *, after: int, limit: int, node_id: str | None) -> Sequence[Row]:
        return views_store.timeline(self.tables, after=after, limit=limit, node_id=node_id)

    async def windows(self, asked: WindowsAsked) -> Sequence[Row]:
        return mail_store.windows(self.tables, asked)

    async def ailing(self, *, limit: int) -> Sequence[Row]:
        return ()

    async def decisions(self, subject: str, *, limit: int) -> Sequence[Row]:
        return views_store.decisions(self.tables, subject, limit=limit)
