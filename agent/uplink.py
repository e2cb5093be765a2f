"""The one stream to the collector: opened, kept, resumed. Builds no heartbeat and obeys nothing.

A stream lives on its own channel with its own identity. One task reads, one writes; whatever ends
a stream is explained, and the next one follows after a wait that suits the reason. A renewed
identity is handed over: a second stream is welcomed before the first is closed.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import anyio
import grpc
import grpc.aio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent import backoff, refusal, wire
from agent.membership import CollectorPlace, Identity
from agent.model import FromCollector, Heartbeat, Hello, ReconnectAfter, Welcome
from agent.refusal import Trouble, Validity

METHOD = "/mailfleet.v1.Fleet/Connect"
# A storm of 10,000 nodes is served within about 15 s of one core; three times that is patience.
WELCOME_SECONDS_MAX = 45
CLOSE_SECONDS_MAX = 2
HANDOVER_RETRY_SECONDS = 60
UNENROLLED_RETRY = timedelta(seconds=10)
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

log = structlog.get_logger()


class Listener(Protocol):
    """Whom the stream serves. Called on the loop; what it does must be quick."""

    @property
    def reconnect_spread(self) -> timedelta | None: ...

    def hello(self) -> Hello: ...

    def received(self, message: FromCollector) -> None:
        """Every message but ReconnectAfter, in order; Welcome comes first."""

    def stream_lost(self) -> None:
        """There is no stream, for another reason than before; `Uplink.problem` says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the uplink asks of the world: the identity in place, and the time."""

    identity: Callable[[], Identity | None]
    now: Callable[[], datetime]


class StreamEnded(Exception):
    """There is no stream (any more), and why. `after`: the collector's or our own fixed wait."""

    def __init__(self, trouble: Trouble, *, after: timedelta | None = None) -> None:
        super().__init__(trouble.problem)
        self.trouble = trouble
        self.after = after


def _lost(problem: str, *, after: timedelta | None = None) -> StreamEnded:
    return StreamEnded(Trouble(problem=problem, is_refusal=False), after=after)


class Uplink:
    def __init__(self, place: CollectorPlace, listener: Listener, *, outside: Outside) -> None:
        wire.require_upb()
        self.problem = "not connected yet"
        self._place = place
        self._listener = listener
        self._outside = outside
        self._outbox: MemoryObjectSendStream[bytes] | None = None
        self._identity_changed = anyio.Event()

    @property
    def is_ready(self) -> bool:
        """Welcomed, and the last heartbeat has left: another one may be sent."""
        return self._outbox is not None and self._outbox.statistics().tasks_waiting_receive > 0

    @property
    def is_connected(self) -> bool:
        return self._outbox is not None

    def send(self, heartbeat: Heartbeat) -> None:
        """To be called only when `is_ready`; whether it arrived, the acknowledgement tells."""
        assert self._outbox is not None
        self._outbox.send_nowait(wire.encode_heartbeat(heartbeat))

    def identity_changed(self) -> None:
        """Another identity is in place: use it now."""
        self._identity_changed.set()

    async def run(self) -> None:
        """Keep a stream until cancelled."""
        failures = 0
        while True:
            opened, ended = await self._live()
            failures = 0 if opened else failures + 1
            self._say(ended.trouble.problem)
            with anyio.move_on_after(self._wait_before(failures, ended).total_seconds()):
                await self._identity_changed.wait()
            self._identity_changed = anyio.Event()

    async def _live(self) -> tuple[bool, StreamEnded]:
        """One stream and its successors: whether there was one, and why there is none."""
        stream: _Stream | None = None
        try:
            stream = await self._open()
            while True:
                stream = await self._serve(stream)
        except StreamEnded as ended:
            return stream is not None, ended

    def _wait_before(self, failures: int, ended: StreamEnded) -> timedelta:
        fraction = random.random()  # noqa: S311  (spreads reconnects, guards nothing)
        if ended.after is not None:
            return ended.after
        if ended.trouble.is_refusal:
            return backoff.refused(fraction)
        spread = self._listener.reconnect_spread
        return backoff.reconnect(failures, spread=spread, fraction=fraction)

    def _say(self, problem: str) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        log.warning("no stream to the collector", problem=problem, target=self._place.host)
        self._listener.stream_lost()

    async def _open(self) -> "_Stream":
        identity = self._outside.identity()
        if identity is None:
            raise _lost("not enrolled: run mailfleet-agent enrol", after=UNENROLLED_RETRY)
        stream = _Stream(self._place, identity, now=self._outside.now)
        try:
            await stream.begin(self._listener.hello())
        except BaseException:
            await stream.close()
            raise
        return stream

    async def _serve(self, stream: "_Stream") -> "_Stream":
        """Use the stream until it ends (StreamEnded) or its successor is welcomed."""
        assert stream.welcome is not None
        self._outbox, outgoing = anyio.create_memory_object_stream[bytes](0)
        handover = _Handover()
        try:
            async with outgoing, anyio.create_task_group() as tasks:
                tasks.start_soon(_write, stream, outgoing)
                tasks.start_soon(self._hand_over, handover, tasks.cancel_scope)
                self._connected(stream.welcome)
                ended = await self._read(stream)
                # The collector drops the old stream as soon as it sees the new one's Hello.
                await handover.idle.wait()
                tasks.cancel_scope.cancel()
        finally:
            self._outbox.close()
            self._outbox = None
            await stream.close()
        if handover.successor is None:
            raise ended
        return handover.successor

    def _connected(self, welcome: Welcome) -> None:
        self.problem = ""
        log.info("connected", target=self._place.host, node=welcome.node_id, term=welcome.term)
        self._listener.received(welcome)

    async def _read(self, stream: "_Stream") -> StreamEnded:
        """Hand on what comes; the reason why nothing more will."""
        while True:
            try:
                message = await stream.read()
            except StreamEnded as ended:
                return ended
            self._listener.received(message)

    async def _hand_over(self, handover: "_Handover", scope: anyio.CancelScope) -> None:
        """Open a second stream whenever the identity changes; the first ends with the scope."""
        while True:
            await self._identity_changed.wait()
            self._identity_changed = anyio.Event()
            try:
                with handover:
                    handover.successor = await self._open()
            except StreamEnded as ended:
                log.warning("the new identity finds no stream yet", problem=ended.trouble.problem)
                await anyio.sleep(HANDOVER_RETRY_SECONDS)
                self._identity_changed.set()
            else:
                scope.cancel()
                return


class _Handover:
    """The second stream, and whether it is being opened at this moment."""

    def __init__(self) -> None:
        self.successor: _Stream | None = None
        self.idle = anyio.Event()
        self.idle.set()

    def __enter__(self) -> None:
        self.idle = anyio.Event()

    def __exit__(self, *_: object) -> None:
        self.idle.set()


class _Stream:
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
            raise _lost(f"no Welcome within {WELCOME_SECONDS_MAX} s") from None
        if not isinstance(message, Welcome):
            raise _lost(f"{type(message).__name__} before Welcome")
        self.welcome = message

    async def read(self) -> FromCollector:
        """Never under a timeout while the stream shall live: a cancelled read ends the call."""
        try:
            data = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise StreamEnded(self._explain(error)) from error
        if not isinstance(data, bytes):  # grpc.aio.EOF
            raise _lost("the collector ended the stream")
        try:
            message = wire.decode(data)
        except wire.WireError as error:
            raise _lost(f"the collector sent what the wire does not allow: {error}") from error
        if isinstance(message, ReconnectAfter):
            text = f"the collector asked to reconnect after {message.delay}"
            raise _lost(text, after=message.delay)
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


async def _write(stream: _Stream, outgoing: MemoryObjectReceiveStream[bytes]) -> None:
    async for data in outgoing:
        await stream.write(data)
