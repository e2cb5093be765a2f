"""A node enters the journal by a token, as an operator and an installer would bring it."""

from datetime import timedelta

from collector.ports import AuditEntry
from collector.ports_identity import Certificate, NewNode, Token
from tests.simulation.agent import Agent
from tests.simulation.clock import VirtualClock
from tests.simulation.link import PoolPlan, address
from tests.simulation.store import MemoryStore
from tests.simulation.world import World, known


async def found(store: MemoryStore, plan: PoolPlan, *, entry: AuditEntry) -> str:
    """The pool's id."""
    return await store.add_pool(plan.name, automation=plan.automation, entry=entry)


def agent_of(number: int, plan: PoolPlan, *, world: World, clock: VirtualClock) -> Agent:
    return Agent(
        f"00000000-0000-4000-8000-{number:012}",
        f"n{number}",
        addresses=tuple(address(number, place, plan) for place in range(plan.addresses)),
        zones=known(plan.zones),
        clock=clock,
        world=world,
        luck=0.5,
    )


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
