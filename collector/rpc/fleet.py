"""The fleet stream: Hello in, Welcome out, then heartbeats in and acks out. Decides nothing.

Who speaks is the certificate's name. One task reads a stream and never under a time limit of its
own; whatever ends a stream ends no other one.
"""

import asyncio
from dataclasses import dataclass

import structlog

from collector.core.duplicates import Claim, Ruling
from collector.core.heartbeat import Heartbeat, Hello, Recount
from collector.identity import Register, check_clock
from collector.intake import Intake, Opening
from collector.ports import Clock, Refused, StoreError
from collector.rejections import Rejections
from collector.rpc import peers, refusals, wire
from collector.rpc.bounds import MESSAGE_BYTES_MAX, WireError
from collector.rpc.peers import Peer
from collector.rpc.stream import ENDED, Context, Epochs, Stream
from collector.rpc.streams import LiveStreams
from collector.rpc.wire import Arrival

HELLO_SECONDS_MAX = 10.0
ABORT_SECONDS_MAX = 2.0
# Whoever speaks too often is read no faster than this; its own sending buffer makes it wait.
QUIET_SECONDS = 0.5
# What an agent that takes the zones we hand out says it can.
CATALOGUE = "catalogue"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """Whom the fleet's face calls."""

    intake: Intake
    register: Register
    rejections: Rejections
    streams: LiveStreams
    clock: Clock
    fleet: str


class FleetFace:
    """`connect` handles one stream, from its first message to its end."""

    def __init__(self, behind: Behind, *, hello_seconds: float = HELLO_SECONDS_MAX) -> None:
        self._behind = behind
        self._hello_seconds = hello_seconds

    async def connect(self, _requests: object, context: Context) -> None:
        subject, refused = "", None
        try:
            peer = peers.identify(context.auth_context())
            peers.check_fleet(peer, self._behind.fleet)
            self._check_bearer(peer)
            subject = peer.node_id
            refused = await self._limited(peer, context)
        except Refused as error:
            refused = error
        if refused is not None:
            await self._refuse(refused, context, subject=subject)

    def _check_bearer(self, peer: Peer) -> None:
        if self._behind.register.bearer(peer.fingerprint) != peer.node_id:
            raise Refused("CERTIFICATE_WRONG", "the certificate was issued to another node")

    async def _limited(self, peer: Peer, context: Context) -> Refused | None:
        """Serves the stream until it ends; why, when it was not the peer's wish."""
        stream = None
        try:
            async with asyncio.timeout(self._hello_seconds) as limit:
                stream = Stream(peer, context, limit)
                await self._serve(stream, context)
        except TimeoutError:
            return _why_ended(stream)
        except WireError as error:
            return Refused("ABSURD", str(error))
        except StoreError as error:
            return Refused("JOURNAL", f"the collector cannot write now: {error}")
        except ENDED as error:
            log.debug("stream ended while writing", node=peer.node_id, problem=str(error))
        finally:
            if stream is not None:
                self._behind.streams.remove(stream)
        return None

    async def _serve(self, stream: Stream, context: Context) -> None:
        hello = await self._read(stream, context)
        if hello is None:
            return
        if not isinstance(hello, Hello):
            raise WireError("the first message is not a Hello")
        await self._greet(stream, hello)
        while (message := await self._read(stream, context)) is not None:
            if not stream.may_speak(self._behind.clock.monotonic()):
                await asyncio.sleep(QUIET_SECONDS)
            if isinstance(message, Hello):
                await self._greet_again(stream, message)
            elif isinstance(message, Recount):
                self._behind.streams.answered(stream.node_id, message)
            elif stream.epochs.counts(message.epoch) or await self._begun(stream, message.epoch):
                kept = await self._behind.intake.heartbeat(message)
                await stream.write(wire.encode_ack(kept))

    async def _read(self, stream: Stream, context: Context) -> Hello | Heartbeat | Recount | None:
        data: object = await context.read()
        if not isinstance(data, bytes):  # the end of what the peer says
            return None
        if len(data) > MESSAGE_BYTES_MAX:
            raise Refused("TOO_LARGE", f"{len(data)} bytes, {MESSAGE_BYTES_MAX} at most")
        return wire.decode(data, Arrival(node_id=stream.node_id, at=self._behind.clock.now()))

    async def _begun(self, stream: Stream, epoch: str) -> bool:
        """Whether heartbeats of this epoch count. One of the epoch we asked to end was under way
        when we asked: it is passed over."""
        if stream.epochs.is_stale(epoch):
            return False
        stream.epochs.begin(epoch)
        await self._behind.intake.new_epoch(stream.node_id, epoch=epoch)
        return True

    async def _greet(self, stream: Stream, hello: Hello) -> None:
        """Admits the stream and answers."""
        check_clock(hello.sent_at, now=hello.received_at)
        # Once more: it may have been revoked while we waited for its Hello.
        self._check_bearer(stream.peer)
        claim = Claim(machine_id=hello.machine_id, run_id=hello.run_id)
        try:
            # Admitted before its account is read: an order made meanwhile waits in the stream.
            ruling = self._behind.streams.admit(stream, claim)
        except Refused as refused:
            await self._behind.intake.duplicate(stream.node_id, text=str(refused))
            raise
        stream.unlimit()
        # What an older stream of this node left under way is committed before its account is read.
        await self._behind.intake.settle(stream.node_id)
        await self._open(stream, hello, is_other=ruling is Ruling.REPLACE)

    async def _greet_again(self, stream: Stream, hello: Hello) -> None:
        """A new epoch on the same stream."""
        if stream.claim != Claim(machine_id=hello.machine_id, run_id=hello.run_id):
            raise WireError("a second Hello of another process")
        await self._open(stream, hello, is_other=False)

    async def _open(self, stream: Stream, hello: Hello, *, is_other: bool) -> None:
        opening = await self._behind.intake.hello(hello, is_other=is_other)
        stream.is_welcomed = True
        stream.catalogue = None
        if CATALOGUE in hello.capabilities:
            stream.catalogue = hello.catalogue_revision
        if opening.order is not None:
            stream.offer(opening.order)
        stream.epochs = Epochs(hello.epoch, is_over=opening.new_epoch is not None)
        await stream.write(*_messages(opening))
        zones = opening.handed_out
        if zones is not None and stream.lacks(zones.revision):
            stream.catalogue = zones.revision
            await stream.write(wire.encode_catalogue(zones))

    async def _refuse(self, refused: Refused, context: Context, *, subject: str) -> None:
        if refused.code not in refusals.OURS:
            await self._behind.rejections.note(
                refused, subject=subject, origin=peers.origin(context.peer())
            )
        try:
            async with asyncio.timeout(ABORT_SECONDS_MAX):
                await context.abort(refusals.status(refused), refusals.details(refused))
        except TimeoutError:
            # It does not read: its connection ends when its keepalive or its patience does.
            log.info("refusal not read", node=subject, code=refused.code)


def _messages(opening: Opening) -> tuple[bytes, ...]:
    welcome = wire.encode_welcome(opening.welcome)
    if opening.new_epoch is None:
        return (welcome,)
    return welcome, wire.encode_new_epoch(opening.new_epoch)


def _why_ended(stream: Stream | None) -> Refused:
    if stream is not None and stream.refused is not None:
        return stream.refused
    return Refused("HELLO_MISSING", "no Hello came in time")
