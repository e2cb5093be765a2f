"""A node on the wire: its identity, its messages, its stream. A bare client, not the agent."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc import aio

from protos import fleet_pb2 as pb

CONNECT = "/mailfleet.v1.Fleet/Connect"
ANSWER_SECONDS_MAX = 10.0
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


@dataclass(frozen=True)
class Identity:
    """A node's key and certificate (PEM), and the CA it trusts."""

    node_id: str
    key: bytes
    certificate: bytes
    ca: bytes

    @property
    def certificate_der(self) -> bytes:
        return x509.load_pem_x509_certificate(self.certificate).public_bytes(DER)

    def sign(self, message: bytes) -> bytes:
        key = serialization.load_pem_private_key(self.key, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key.sign(message, ec.ECDSA(hashes.SHA256()))


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def request(key: ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(DER)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def hello(**changes: object) -> pb.Hello:
    now = milliseconds(datetime.now(timezone.utc))
    values: dict[str, object] = {
        "agent_version": "0.1.0",
        "wire_version": 1,
        "machine_id": "machine-1",
        "boot_id": "boot-1",
        "run_id": "run-1",
        "epoch": "epoch-1",
        "counted_from_ms": now,
        "sent_at_ms": now,
        "hostname": "node1.test",
        "addresses": ["198.51.100.7"],
    }
    return pb.Hello(**(values | changes))  # type: ignore[arg-type]


def heartbeat(sequence: int, **changes: object) -> pb.Heartbeat:
    now = milliseconds(datetime.now(timezone.utc))
    values: dict[str, object] = {
        "epoch": "epoch-1",
        "sequence": sequence,
        "sent_at_ms": now,
        "host": pb.HostReading(cpu_ratio=0.1, cpu_count=2, load_1m=0.2, uptime_seconds=100),
        "queue": pb.QueueReading(active=1, deferred=2),
        "postfix": pb.PostfixReading(
            running=True, version="3.7.11", outbound=["smtp"], convergence=pb.CONVERGENCE_VERIFIED
        ),
        "agent": pb.AgentReading(started_at_ms=now),
        "log_position": b"position-%d" % sequence,
        "counted_to_ms": now,
    }
    return pb.Heartbeat(**(values | changes))  # type: ignore[arg-type]


class Call:
    """One open stream, spoken in messages."""

    def __init__(self, channel: aio.Channel) -> None:
        self.channel = channel
        self.call: aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(CONNECT)()

    async def say(self, message: pb.Hello | pb.Heartbeat | bytes) -> None:
        if isinstance(message, pb.Hello):
            message = pb.AgentMessage(hello=message).SerializeToString()
        elif isinstance(message, pb.Heartbeat):
            message = pb.AgentMessage(heartbeat=message).SerializeToString()
        await self.call.write(message)

    async def hear(self) -> pb.CollectorMessage:
        """The next message. AioRpcError when the collector ended the stream with a reason."""
        data = await asyncio.wait_for(self.call.read(), ANSWER_SECONDS_MAX)
        assert isinstance(data, bytes), "the collector ended the stream without a reason"
        return pb.CollectorMessage.FromString(data)

    async def greet(self, **changes: object) -> pb.Welcome:
        await self.say(hello(**changes))
        heard = await self.hear()
        assert heard.welcome.term > 0, heard
        return heard.welcome

    async def beat(self, sequence: int, **changes: object) -> pb.Ack:
        await self.say(heartbeat(sequence, **changes))
        heard = await self.hear()
        assert heard.ack.sequence == sequence, heard
        return heard.ack

    async def refusal(self) -> aio.AioRpcError:
        """How the collector ends the stream; whatever it says before is passed over."""
        try:
            while True:
                await self.hear()
        except aio.AioRpcError as error:
            return error
