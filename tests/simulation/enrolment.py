"""A node enters the journal by a token, as an operator and an installer would bring it."""

from datetime import timedelta

from collector.ports import AuditEntry, Certificate, NewNode, Token
from tests.simulation.agent import Agent
from tests.simulation.store import MemoryStore


async def enrol(store: MemoryStore, agent: Agent, pool_id: str, *, entry: AuditEntry) -> None:
    now, name = entry.at, agent.name
    token = Token(
        secret_hash=f"token of {name}",
        pool_id=pool_id,
        created_at=now,
        expires_at=now + timedelta(minutes=30),
        created_by=entry.actor.name,
    )
    certificate = Certificate(
        fingerprint=agent.node_id,
        node_id=agent.node_id,
        serial=int(agent.node_id[-12:]),
        not_before=now,
        not_after=now + timedelta(days=30),
    )
    node = NewNode(
        id=agent.node_id,
        name=name,
        pool_id=pool_id,
        machine_id=agent.machine_id,
        hostname=name,
        addresses=agent.addresses,
        enrolled_at=now,
    )
    await store.add_token(token, entry)
    await store.enrol(token.secret_hash, node, certificate=certificate, entry=entry)
