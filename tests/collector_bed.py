"""A whole collector in this process: founded, journal, CA, control, dispatch, REST on a socket.

Its resolver asks a real DNS server on loopback. Nodes speak to the intake as by the gRPC face.
"""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import anyio

from collector import config as configuration
from collector.cli.__main__ import run as run_command
from collector.config import Config
from collector.core import credentials
from collector.core.channels import Settings
from collector.core.heartbeat import (
    AgentReading,
    Cell,
    Heartbeat,
    PostfixReading,
    QueueReading,
    ZoneReading,
)
from collector.core.model import Automation
from collector.core.policy import Policy
from collector.ports import Actor, AuditEntry
from collector.ports_identity import Certificate, NewNode
from collector.service import governing, http, parts
from collector.service.founding import Founded
from collector.service.parts import Parts
from deliverability.replies import Outcome
from deliverability.zones import Sentinels, Verdict, ZoneKeys
from demo.dns import DnsServer
from tests import store_bed

ZEN = "zen.spamhaus.org"
ROUNDS_MAX, NO_KEYS = 6, ZoneKeys()
OPERATOR = Actor(name="operator", origin="test")
QUICK = Policy(
    second_sweep_after=timedelta(seconds=1),
    look_again_after=timedelta(seconds=1),
)


def config(folder: Path, *, nameservers: tuple[str, ...] = ()) -> Config:
    """Every port free, everything under `folder`."""
    return Config(
        fleet="fleet.test",
        names=("localhost", "127.0.0.1"),
        state=folder / "state",
        socket=folder / "c.sock",
        listen_address="127.0.0.1",
        https_port=0,
        enrolment_port=0,
        fleet_port=0,
        nameservers=nameservers,
    )


@dataclass(slots=True)
class Spoken:
    """What a node says of itself in its next heartbeat."""

    id: str
    name: str
    address: str
    sequence: int = 0
    round: int = 0
    obeys: bool = True
    answers: tuple[str, ...] = ()


class Bed:
    """`nodes` by name. `settle` lets control and dispatch finish what they have."""

    def __init__(self, parts: Parts, world: DnsServer, made: Founded) -> None:
        self.parts = parts
        self.world = world
        self.made = made
        self.nodes: dict[str, Spoken] = {}
        # Where nodes have their addresses.
        self.network = "192.0.2"

    async def join(self, *names: str) -> None:
        """Enrols nodes; each is heard often enough to be in the rotation."""
        (pool,) = await self.parts.store.pools()
        async with anyio.create_task_group() as tasks:
            for name in names:
                number = len(self.nodes) + 1
                id_ = f"00000000-0000-4000-8000-{number:012}"
                node = Spoken(id=id_, name=name, address=f"{self.network}.{number}")
                self.nodes[name] = node
                tasks.start_soon(self._enrol, node, str(pool["id"]))
        for _ in range(2):  # told its directive, then in step with it
            await self.hear(*names)
            await self.settle()

    async def hear(self, *names: str) -> None:
        """One heartbeat of each, with a fresh sweep."""
        async with anyio.create_task_group() as tasks:
            for name in names:
                node = self.nodes[name]
                node.sequence += 1
                node.round += 1
                beat = await self._heartbeat(node)
                tasks.start_soon(self.parts.intake.heartbeat, beat)

    async def list(self, name: str, *codes: str) -> None:
        """The world lists the node's address; the node sees it; everything follows."""
        node = self.nodes[name]
        self.world.list(node.address, *codes)
        node.answers = codes
        await self.hear(name)
        await self.settle()
        await self.hear(name)
        await self.settle()

    async def delist(self, name: str) -> None:
        node = self.nodes[name]
        self.world.delist(node.address)
        node.answers = ()
        for _ in range(3):
            await self.hear(name)
            await self.settle()

    async def automation(self, value: Automation) -> None:
        (pool,) = await self.parts.store.pools()
        now = self.parts.clock.now()
        entry = AuditEntry(actor=OPERATOR, action="automation", subject="pool", at=now)
        await self.parts.store.set_automation(
            pool_id=str(pool["id"]), node_id=None, value=value, entry=entry
        )

    async def settle(self) -> None:
        """Judges and carries out until nothing is left to do."""
        for _ in range(ROUNDS_MAX):
            judged = await self.parts.control.once(None)
            async with anyio.create_task_group() as tasks:
                await self.parts.dispatch.once(tasks)
            if judged.is_empty:
                return

    async def tell(self) -> None:
        """Hands out what is to be told, and sends it."""
        async with anyio.create_task_group() as tasks:
            await self.parts.courier.once(tasks)

    async def mailfleet(self, *arguments: str) -> tuple[int, str, str]:
        """The command line against this collector: exit code, stdout, stderr."""
        out, err = io.StringIO(), io.StringIO()

        def run() -> int:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                return run_command(list(arguments))

        code = await asyncio.to_thread(run)
        return code, out.getvalue(), err.getvalue()

    async def _enrol(self, node: Spoken, pool_id: str) -> None:
        now = self.parts.clock.now()
        text = await self.parts.register.new_token(pool_id, actor=OPERATOR)
        certificate = Certificate(
            fingerprint=f"{int(node.id[-12:]):064x}",
            node_id=node.id,
            serial=int(node.id[-12:]),
            not_before=now,
            not_after=now + timedelta(days=30),
        )
        new = NewNode(
            id=node.id,
            name=node.name,
            pool_id=pool_id,
            machine_id=f"machine of {node.name}",
            hostname=node.name,
            addresses=(node.address,),
            enrolled_at=now,
        )
        entry = AuditEntry(actor=OPERATOR, action="node enrolled", subject=node.id, at=now)
        await self.parts.store.enrol(_hash(text), new, certificate=certificate, entry=entry)
        await self.parts.store.begin_epoch(node.id, epoch="epoch-1")
        now_, interval = self.parts.clock.monotonic(), QUICK.heartbeat_interval
        earlier = now_ - interval.total_seconds()
        self.parts.desk.presence.heard(node.id, now=earlier, interval=interval)

    async def _heartbeat(self, node: Spoken) -> Heartbeat:
        now = self.parts.clock.now()
        order = (await self.parts.store.orders([node.id])).get(node.id)
        silent = order is not None and order.is_silent and node.obeys
        return Heartbeat(
            node_id=node.id,
            epoch="epoch-1",
            sequence=node.sequence,
            sent_at=now,
            received_at=now,
            host=store_bed.host(),
            queue=QueueReading(
                active=1, incoming=0, deferred=2, hold=0, maildrop=0, oldest_age_seconds=None
            ),
            services=(("postfix@-", "running"),),
            cells=(
                Cell(
                    address=node.address,
                    receiver="gmail.com",
                    attempts=((Outcome.SENT, 10 * node.sequence),),
                ),
            ),
            full_state=True,
            zones=(_zone(node, now),),
            postfix=replace(
                _POSTFIX,
                order=order.order if order is not None and node.obeys else None,
                is_silent=silent,
                reload_at=now if silent else None,
                deliveries_in_flight=2 if silent else 0,
            ),
            agent=AgentReading(
                started_at=now,
                lines_read=10,
                lines_unparsed=0,
                events_lost=0,
                state_errors=0,
                memory_bytes=40_000_000,
                problems=(),
            ),
            events=(),
            log_position=b"here",
            counted_to=now,
        )


@asynccontextmanager
async def running(
    folder: Path,
    *,
    channels: tuple[Settings, ...] = (),
    keys: ZoneKeys = NO_KEYS,
    dns: Sequence[str] = (),
    policy: Policy = QUICK,
) -> AsyncIterator[Bed]:
    """REST and socket are served; control and dispatch move by `settle` alone. `dns`: who is asked
    instead of the bed's own `world`."""
    async with DnsServer() as world:
        asked = tuple(dns) or (world.address,)
        chosen = replace(config(folder, nameservers=asked), channels=channels)
        path = folder / "collector.toml"
        made = await governing.found(chosen, path, policy=policy, actor=OPERATOR)
        loaded = configuration.load(path)
        async with parts.made(loaded, keys=keys) as built:
            trust = http.server_trust(built.listeners.certificate.path)
            async with http.listening(built, trust):
                yield Bed(built, world, made)


def _hash(text: str) -> str:
    secret = credentials.token_secret(text)
    assert secret is not None
    return credentials.secret_hash(secret)


def _zone(node: Spoken, now: datetime) -> ZoneReading:
    return ZoneReading(
        address=node.address,
        zone=ZEN,
        verdict=Verdict.LISTED if node.answers else Verdict.CLEAR,
        answers=node.answers,
        sentinels=Sentinels.RIGHT,
        round=node.round,
        checked_at=now,
        why="",
    )


_POSTFIX = PostfixReading(
    running=True,
    version="3.7.11",
    outbound=("smtp",),
    deferred=(),
    reload_at=None,
    order=None,
    convergence="verified",
    problem="",
    deliveries_in_flight=0,
    deliveries_begun=0,
    is_silent=False,
)
