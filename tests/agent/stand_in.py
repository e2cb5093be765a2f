"""A small real gRPC listener with mTLS that plays the collector's side of a stream, for tests."""

import asyncio
import contextlib
import functools
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import grpc
import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from agent.membership import CollectorPlace, Identity
from protos import fleet_pb2 as pb

DAY = timedelta(days=1)


@dataclass
class Issuer:
    """A certification authority of one test."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: new_key())
    name: str = "test fleet CA"
    made_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    @functools.cached_property
    def pem(self) -> bytes:
        return self._sign(
            self.name, self.key.public_key(), life=3650 * DAY, names=(), is_ca=True
        ).public_bytes(Encoding.PEM)

    def certify(
        self, key: ec.EllipticCurvePublicKey, *names: x509.GeneralName, life: timedelta = 30 * DAY
    ) -> bytes:
        certificate = self._sign("leaf", key, life=life, names=names, is_ca=False)
        return certificate.public_bytes(Encoding.PEM)

    def identity(self, node_id: str, *, life: timedelta = 30 * DAY) -> Identity:
        key = new_key()
        uri = x509.UniformResourceIdentifier(f"spiffe://test/node/{node_id}")
        certificate = self.certify(key.public_key(), uri, life=life)
        read = x509.load_pem_x509_certificate(certificate)
        return Identity(
            node_id=node_id,
            fleet="test",
            not_before=read.not_valid_before_utc,
            not_after=read.not_valid_after_utc,
            key=key_pem(key),
            certificate=certificate,
            ca=self.pem,
        )

    def _sign(
        self,
        subject: str,
        key: ec.EllipticCurvePublicKey,
        *,
        life: timedelta,
        names: tuple[x509.GeneralName, ...],
        is_ca: bool,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(self.name))
            .public_key(key)
            .serial_number(1 if is_ca else x509.random_serial_number())
            .not_valid_before(self.made_at.replace(microsecond=0) - DAY)
            .not_valid_after(self.made_at.replace(microsecond=0) + life)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass
class Peer:
    """The collector's end of one stream."""

    context: Context
    # grpc.aio refuses a write while another is under way.
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self) -> pb.AgentMessage | None:
        data = await self.context.read()
        # The stubs do not know of grpc.aio.EOF, which stands at the stream's end.
        said: object = data
        return pb.AgentMessage.FromString(said) if isinstance(said, bytes) else None

    async def send(self, **body: object) -> None:
        message = pb.CollectorMessage(**body)  # type: ignore[arg-type]
        async with self.writing:
            await self.context.write(message.SerializeToString())

    async def welcome(self, **changes: int | bool | str) -> pb.Hello:
        """Read the Hello and answer it as a collector with the given pace would."""
        first = await self.read()
        assert first is not None
        assert first.WhichOneof("body") == "hello"
        await self.send(welcome=welcome(**changes))
        return first.hello


def welcome(**changes: int | bool | str) -> pb.Welcome:
    values: dict[str, int | bool | str] = {
        "term": 1,
        "node_id": "node-1",
        "heartbeat_interval_ms": 200,
        "heartbeat_jitter_ms": 20,
        "reconnect_spread_ms": 100,
        "sweep_critical_ms": 500,
        "collector_time_ms": 1_800_000_000_000,
    }
    return pb.Welcome(**{**values, **changes})  # type: ignore[arg-type]


@dataclass
class StandIn:
    """Where it listens, and every stream it was given."""

    place: CollectorPlace
    server: grpc.aio.Server
    streams: list[Peer] = field(default_factory=list)

    async def stop(self) -> None:
        await self.server.stop(None)


@contextlib.asynccontextmanager
async def serving(
    issuer: Issuer, handler: Callable[[Peer], Awaitable[None]], *, port: int = 0
) -> AsyncIterator[StandIn]:
    """A fleet listener on loopback; `handler` plays each stream, its errors end the stream."""
    key = new_key()
    names = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    credentials = grpc.ssl_server_credentials(
        [(key_pem(key), issuer.certify(key.public_key(), *names))],
        root_certificates=issuer.pem,
        require_client_auth=True,
    )
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    place = CollectorPlace(host="127.0.0.1", name="", enrolment_port=1, fleet_port=1, https_port=1)
    stand_in = StandIn(place=place, server=server)

    async def connect(_: AsyncIterator[bytes], context: Context) -> None:
        peer = Peer(context)
        stand_in.streams.append(peer)
        await handler(peer)

    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(connect)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("mailfleet.v1.Fleet", {"Connect": method}),)
    )
    bound = server.add_secure_port(f"127.0.0.1:{port}", credentials)
    stand_in.place = replace(place, fleet_port=bound)
    await server.start()
    try:
        yield stand_in
    finally:
        await server.stop(None)


async def eventually(condition: Callable[[], object], *, seconds: float = 10) -> None:
    """Until the condition holds; TimeoutError otherwise."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError("the condition did not come true")
        await asyncio.sleep(0.01)
