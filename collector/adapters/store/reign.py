"""The collector's own standing: terms, policy, switches, automation."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import encode, rotation
from collector.adapters.store.database import Part
from collector.adapters.store.moments import to_ms
from collector.adapters.store.schema import meta, nodes, policies, pools
from collector.adapters.store.timeline import Told, audited, new_id, tell
from collector.core import policy_values
from collector.core.model import Automation
from collector.core.policy import Policy
from collector.ports import AuditEntry, Refused

META = select(meta.c.value).where(meta.c.key == bindparam("key"))
NEWEST = select(policies.c.body).order_by(policies.c.revision.desc()).limit(1)
SWITCHES = ("automation_stopped", "sending_stopped")


class Reign(Part):
    async def begin_term(self, *, at_least: int, at: datetime) -> int:
        def job(connection: Connection) -> int:
            term = 1 + max(read_term(connection), at_least)
            put(connection, "term", value=str(term))
            text = f"the collector began term {term}"
            details = {"kind": "term", "term": term}
            tell(connection, Told(at=to_ms(at), kind="event", text=text, details=details))
            return term

        return await self._database.write(job)

    async def policy(self) -> Policy:
        return await self._database.read(read_policy)

    async def set_policy(self, policy: Policy, entry: AuditEntry) -> None:
        def job(connection: Connection) -> None:
            newest = connection.scalar(select(func.max(policies.c.revision))) or 0
            if policy.revision <= newest:
                raise Refused("POLICY_STALE", f"policy revision {newest} stands already")
            connection.execute(
                insert(policies).values(
                    revision=policy.revision,
                    body=encode.text(policy_values.of(policy)),
                    at=to_ms(entry.at),
                    made_by=entry.actor.name,
                    note=str(entry.after.get("reason", "")),
                )
            )
            audited(connection, entry)

        await self._database.write(job)

    async def add_pool(self, name: str, *, automation: Automation, entry: AuditEntry) -> str:
        def job(connection: Connection) -> str:
            if connection.scalar(select(pools.c.id).where(pools.c.name == name)) is not None:
                raise Refused("POOL_EXISTS", f"there is a pool {name} already")
            pool_id = new_id()
            connection.execute(
                insert(pools).values(
                    id=pool_id, name=name, automation=automation.value, created_at=to_ms(entry.at)
                )
            )
            audited(connection, entry)
            return pool_id

        return await self._database.write(job)

    async def set_switch(self, name: str, *, on: bool, entry: AuditEntry) -> None:
        if name not in SWITCHES:
            raise Refused("SWITCH_UNKNOWN", f"no switch {name}; there are {', '.join(SWITCHES)}")

        def job(connection: Connection) -> None:
            put(connection, name, value="on" if on else "off")
            if name == "sending_stopped":
                # Whoever watches a rotation must not take the last one for today's.
                for pool_id in connection.scalars(select(pools.c.id)).all():
                    rotation.revise(connection, pool_id, at=to_ms(entry.at))
            audited(connection, entry)

        await self._database.write(job)

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
        if pool_id is not None and value is None:
            raise Refused("AUTOMATION_MISSING", "a pool observes or acts; only a node may follow")

        def job(connection: Connection) -> None:
            table, key = (pools, pool_id) if pool_id is not None else (nodes, node_id)
            statement = update(table).where(table.c.id == key)
            stored = value.value if value else None
            if connection.execute(statement.values(automation=stored)).rowcount != 1:
                raise Refused(f"{table.name[:-1].upper()}_UNKNOWN", f"no {table.name[:-1]} {key}")
            audited(connection, entry, node_id=node_id)

        await self._database.write(job)


def read_term(connection: Connection) -> int:
    return int(get(connection, "term") or 0)


def read_switches(connection: Connection) -> dict[str, bool]:
    return {name: get(connection, name) == "on" for name in SWITCHES}


def read_policy(connection: Connection) -> Policy:
    """The newest; the defaults while none was ever set."""
    body = connection.scalar(NEWEST)
    return Policy() if body is None else policy_values.made(encode.value(body))


def begin_policy(connection: Connection, at: datetime) -> None:
    """A journal without a policy begins with the defaults, so that decisions can name them."""
    if connection.scalar(select(func.count()).select_from(policies)) == 0:
        policy = Policy()
        body = encode.text(policy_values.of(policy))
        values = {"revision": policy.revision, "body": body, "at": to_ms(at)}
        connection.execute(insert(policies).values(**values, made_by="default"))


def get(connection: Connection, key: str) -> str | None:
    return connection.scalar(META, {"key": key})


def put(connection: Connection, key: str, *, value: str) -> None:
    statement = upsert(meta).values(key=key, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"value": value})
    )
