"""A collector's gRPC side on loopback with the real store and CA, and nodes that speak to it.

A node here is a bare gRPC client: what the agent does with the answers is tested elsewhere.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
from grpc import aio

from collector.adapters import ca, secrets
from collector.adapters import store as journal
from collector.adapters.ca import FileAuthority
from collector.adapters.doorbell import Bell
from collector.adapters.store import SqlStore
from collector.core.heartbeat import HandedOut
from collector.core.model import Automation
from collector.core.policy import Policy
from collector.identity import Register
from collector.intake import Around, Intake
from collector.ports import Actor, AuditEntry
from collector.presence import Presence
from collector.reign import Reign
from collector.rejections import Rejections
from collector.rpc.enrolment import EnrolmentFace
from collector.rpc.fleet import Behind, FleetFace
from collector.rpc.listeners import Listeners
from collector.rpc.options import Pace
from collector.rpc.servers import Place, Server, Setup, serve_enrolment, serve_fleet
from collector.rpc.streams import LiveStreams
from protos import fleet_pb2 as pb
from tests.rpc_node import (
    ANSWER_SECONDS_MAX,
    Call,
    Identity,
    key_pem,
    milliseconds,
    new_key,
    request,
)

FLEET = "fleet.test"
NAMES = ("localhost", "127.0.0.1")
OPERATOR = Actor(name="operator", origin="test")


@dataclass
class Hands:
    """A clock moved by the test; it runs by itself besides."""

    off: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self.off

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.off.total_seconds()


class Bed:
    """The collector. Its parts may be looked at; `server` ports are real."""

    def __init__(self, folder: Path, store: SqlStore, authority: FileAuthority) -> None:
        self.folder = folder
        self.clock = Hands()
        self.store = store
        self.authority = authority
        self.policy = Policy()
        self.handed_out: HandedOut | None = None
        self.bell = Bell()
        self.presence = Presence(started_at=self.clock.monotonic())
        self.streams = LiveStreams(self.clock)
        self.reign = Reign(store=store, clock=self.clock)
        self.register = Register(
            store=store, authority=authority, streams=self.streams, clock=self.clock
        )
        around = Around(
            clock=self.clock,
            doorbell=self.bell,
            policy=lambda: self.policy,
            fleet_size=lambda: 100,
            handed_out=lambda: self.handed_out,
        )
        self.intake = Intake(store, presence=self.presence, terms=self.reign, around=around)
        self.rejections = Rejections(store=store, clock=self.clock)
        self.listeners = Listeners(authority, names=NAMES, clock=self.clock)
        self.fleet: Server | None = None
        self.enrolment: Server | None = None
        self.pool = ""
        self._channels: list[aio.Channel] = []

    @property
    def behind(self) -> Behind:
        return Behind(
            intake=self.intake,
            register=self.register,
            rejections=self.rejections,
            streams=self.streams,
            clock=self.clock,
            fleet=self.authority.fleet,
        )

    async def serve(self, *, pace: Pace | None = None, hello_seconds: float = 10.0) -> None:
        await self.register.load()
        await self.intake.load()
        pools = [str(row["id"]) for row in await self.store.pools()]
        self.pool = pools[0] if pools else await self._add_pool()
        await self.reign.begin()
        setup = Setup(listeners=self.listeners, fleet_size=100, pace=pace or Pace())
        place = Place(address="127.0.0.1", port=0)
        face = FleetFace(self.behind, hello_seconds=hello_seconds)
        self.fleet = await serve_fleet(face, place, setup=setup)
        enrolment = EnrolmentFace(self.register, rejections=self.rejections)
        self.enrolment = await serve_enrolment(enrolment, place, setup=setup)

    async def _add_pool(self) -> str:
        made = entry("pool created", "default", now=self.clock.now())
        return await self.store.add_pool("default", automation=Automation.OBSERVE, entry=made)

    async def stop(self) -> None:
        for channel in self._channels:
            await channel.close()
        for server in (self.fleet, self.enrolment):
            if server is not None:
                await server.stop()

    async def token(self, node_id: str | None = None) -> str:
        return await self.register.new_token(self.pool, actor=OPERATOR, node_id=node_id)

    async def enrol(self, *, token: str | None = None, **changes: object) -> Identity:
        """Over the wire, as an agent does."""
        key = new_key()
        values: dict[str, object] = {
            "token": token or await self.token(),
            "csr_der": request(key),
            "machine_id": "machine-1",
            "hostname": "node1.test",
            "agent_version": "0.1.0",
            "addresses": ["198.51.100.7"],
            "sent_at_ms": milliseconds(self.clock.now()),
        }
        message = pb.EnrolRequest(**(values | changes))  # type: ignore[arg-type]
        answer = await self.ask("Enrol", message.SerializeToString())
        issued = pb.EnrolReply.FromString(answer).issued
        return Identity(issued.node_id, key_pem(key), issued.certificate_pem, issued.ca_pem)

    async def ask(self, method: str, data: bytes, *, trust: bytes | None = None) -> bytes:
        """A call on the enrolment port. AioRpcError when refused."""
        assert self.enrolment is not None
        credentials = grpc.ssl_channel_credentials(trust or self.authority.ca_pem())
        async with aio.secure_channel(f"127.0.0.1:{self.enrolment.port}", credentials) as channel:
            call: aio.UnaryUnaryMultiCallable[bytes, bytes]
            call = channel.unary_unary(f"/mailfleet.v1.Enrolment/{method}")
            return await call(data, timeout=ANSWER_SECONDS_MAX)

    async def renew(self, identity: Identity, **changes: object) -> Identity:
        key = new_key()
        asked: dict[str, object] = {
            "certificate_der": identity.certificate_der,
            "csr_der": request(key),
        }
        first = pb.RenewRequest(**asked)  # type: ignore[arg-type]
        nonce = pb.RenewReply.FromString(await self.ask("Renew", first.SerializeToString())).nonce
        proof: dict[str, object] = {
            "nonce": nonce,
            "signature": identity.sign(nonce + first.csr_der),
        }
        second = pb.RenewRequest(**(asked | proof | changes))  # type: ignore[arg-type]
        answer = await self.ask("Renew", second.SerializeToString())
        issued = pb.RenewReply.FromString(answer).issued
        return Identity(issued.node_id, key_pem(key), issued.certificate_pem, issued.ca_pem)

    def channel(self, identity: Identity, *options: tuple[str, int], port: int = 0) -> aio.Channel:
        assert self.fleet is not None
        credentials = grpc.ssl_channel_credentials(
            root_certificates=identity.ca,
            private_key=identity.key,
            certificate_chain=identity.certificate,
        )
        channel = aio.secure_channel(
            f"127.0.0.1:{port or self.fleet.port}",
            credentials,
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.enable_retries", 0),
                *options,
            ],
        )
        self._channels.append(channel)
        return channel

    async def counted(self, identity: Identity, upto: int) -> Call:
        """A stream on which so many heartbeats came."""
        call = self.connect(identity)
        await call.greet()
        for sequence in range(1, upto + 1):
            await call.beat(sequence)
        return call

    def connect(self, identity: Identity, *options: tuple[str, int]) -> Call:
        return Call(self.channel(identity, *options))

    async def bell_for(self) -> set[str]:
        """For whom it was rung since this was last asked."""
        return set(self.bell.take() or ())

    async def audit(self) -> list[dict[str, object]]:
        """What the audit log says, oldest first."""
        rows = await self.store.journal(after=0, limit=1000, node_id=None)
        return [dict(row) for row in rows if row["kind"] == "audit"]


@contextlib.asynccontextmanager
async def bed(
    folder: Path, *, serve: bool = True, fleet: str = FLEET, **how: object
) -> AsyncIterator[Bed]:
    """A collector in this folder; a second one in the same folder takes up where it ended."""
    clock = Hands()
    key = folder / "master.key"
    sealing = secrets.load(key) if key.exists() else secrets.create(key)
    place = folder / "ca"
    if place.exists():
        authority = ca.load(place, secrets=sealing)
    else:
        authority = ca.create(place, fleet, secrets=sealing, now=clock.now())
    store = await journal.open(folder, clock)
    made = Bed(folder, store, authority)
    directives = asyncio.create_task(made.streams.run())
    try:
        if serve:
            await made.serve(**how)  # type: ignore[arg-type]
        yield made
    finally:
        await made.stop()
        directives.cancel()
        await asyncio.wait([directives])
        await store.close()


def entry(action: str, subject: str, *, now: datetime) -> AuditEntry:
    return AuditEntry(actor=OPERATOR, action=action, subject=subject, at=now)
