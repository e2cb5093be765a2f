"""The stream to the collector: opened, kept, resumed. Builds no heartbeat and obeys nothing.

One task reads, one writes. The next stream follows after a wait that suits the reason why the
last one ended. With a renewed identity a second stream is welcomed before the first is closed.
"""

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent import backoff, wire, wire_counts
from agent.membership import CollectorPlace, Identity
from agent.model import FromCollector, Heartbeat, Hello, Recount, Welcome
from agent.stream import Stream, StreamEnded, lost

HANDOVER_RETRY_SECONDS = 60
UNENROLLED_RETRY = timedelta(seconds=10)

log = structlog.get_logger()


class Listener(Protocol):
    """Whom the stream serves. Called on the loop; what it does must be quick."""

    @property
    def reconnect_spread(self) -> timedelta | None: ...

    def hello(self) -> Hello: ...

    def received(self, message: FromCollector) -> None:
        """Every message but ReconnectAfter, in order; Welcome comes first."""

    def stream_lost(self) -> None:
        """No stream, for a new reason; `Uplink.problem` says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the uplink asks of the world: the identity in place, and the time."""

    identity: Callable[[], Identity | None]
    now: Callable[[], datetime]


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
        """To be called only when `is_ready`; whether it arrived, the acknowledgement tells.

        A stream that is just ending may still look ready: its writer is cancelled already.
        """
        assert self._outbox is not None
        with contextlib.suppress(anyio.WouldBlock):
            self._outbox.send_nowait(wire.encode_heartbeat(heartbeat))

    async def answer(self, recount: Recount) -> None:
        """By the stream there is; without one nobody waits for it any more."""
        if self._outbox is not None:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._outbox.send(wire_counts.encode_recount(recount))

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
        stream: Stream | None = None
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

    async def _open(self) -> Stream:
        identity = self._outside.identity()
        if identity is None:
            raise lost("not enrolled: run mailfleet-agent enrol", after=UNENROLLED_RETRY)
        stream = Stream(self._place, identity, now=self._outside.now)
        try:
            await stream.begin(self._listener.hello())
        except BaseException:
            await stream.close()
            raise
        return stream

    async def _serve(self, stream: Stream) -> Stream:
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

    async def _read(self, stream: Stream) -> StreamEnded:
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
        self.successor: Stream | None = None
        self.idle = anyio.Event()
        self.idle.set()

    def __enter__(self) -> None:
        self.idle = anyio.Event()

    def __exit__(self, *_: object) -> None:
        self.idle.set()


async def _write(stream: Stream, outgoing: MemoryObjectReceiveStream[bytes]) -> None:
    async for data in outgoing:
        await stream.write(data)
