"""One stream to the collector, on a channel of its own. What ends it is explained, not repaired."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import anyio
import grpc
import grpc.aio

from agent import refusal, wire
from agent.membership import CollectorPlace, Identity
from agent.model import FromCollector, Hello, ReconnectAfter, Welcome
from agent.refusal import Trouble, Validity

METHOD = "/mailfleet.v1.Fleet/Connect"
# A storm of 10,000 nodes is served within about 15 s of one core; three times that is patience.
WELCOME_SECONDS_MAX = 45
CLOSE_SECONDS_MAX = 2
OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # The one that gRPC heeds: without it a dead path is found after two minutes, not 40 s.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", wire.MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", wire.MESSAGE_BYTES_MAX),
)


class StreamEnded(Exception):
    """There is no stream (any more), and why. `after`: the collector's or our own fixed wait."""

    def __init__(self, trouble: Trouble, *, after: timedelta | None = None) -> None:
        super().__init__(trouble.problem)
        self.trouble = trouble
        self.after = after


def lost(problem: str, *, after: timedelta | None = None) -> StreamEnded:
    return StreamEnded(Trouble(problem=problem, is_refusal=False), after=after)


class Stream:
    """One call on its own channel. Its errors are StreamEnded, explained."""

    def __init__(
        self, place: CollectorPlace, identity: Identity, *, now: Callable[[], datetime]
    ) -> None:
        self.welcome: Welcome | None = None
        self._validity = Validity(not_before=identity.not_before, not_after=identity.not_after)
        self._now = now
        credentials = grpc.ssl_channel_credentials(
            root_certificates=identity.ca,
            private_key=identity.key,
            certificate_chain=identity.certificate,
        )
        options = list(OPTIONS)
        if place.name:
            options.append(("grpc.ssl_target_name_override", place.name))
        self._channel = grpc.aio.secure_channel(
            place.target(place.fleet_port), credentials, options=options
        )
        # Raw bytes both ways: what a message is, and whether it is one, only wire.py says.
        self._call: grpc.aio.StreamStreamCall[bytes, bytes]
        self._call = self._channel.stream_stream(METHOD)()

    async def begin(self, hello: Hello) -> None:
        """Hello out, Welcome in."""
        try:
            with anyio.fail_after(WELCOME_SECONDS_MAX):
                await self.write(wire.encode_hello(hello))
                message = await self.read()
        except TimeoutError:
            raise lost(f"no Welcome within {WELCOME_SECONDS_MAX} s") from None
        if not isinstance(message, Welcome):
            raise lost(f"{type(message).__name__} before Welcome")
        self.welcome = message

    async def read(self) -> FromCollector:
        """Never under a timeout while the stream shall live: a cancelled read ends the call."""
        try:
            data = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise StreamEnded(self._explain(error)) from error
        if not isinstance(data, bytes):  # grpc.aio.EOF
            raise lost("the collector ended the stream")
        try:
            message = wire.decode(data)
        except wire.WireError as error:
            raise lost(f"the collector sent what the wire does not allow: {error}") from error
        if isinstance(message, ReconnectAfter):
            text = f"the collector asked to reconnect after {message.delay}"
            raise lost(text, after=message.delay)
        return message

    async def write(self, data: bytes) -> None:
        """A call that has ended swallows the message; the reader is told why it ended."""
        try:
            await self._call.write(data)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return

    async def close(self) -> None:
        with anyio.move_on_after(CLOSE_SECONDS_MAX, shield=True):
            await self._channel.close()

    def _explain(self, error: grpc.aio.AioRpcError) -> Trouble:
        return refusal.explain(
            error.code().name,
            details=error.details() or "",
            validity=self._validity,
            now=self._now(),
        )
