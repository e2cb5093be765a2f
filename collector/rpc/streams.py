"""The live streams: one a node, whom a directive reaches, who is closed. Reads none of them."""

from collections.abc import Callable, Iterable
from datetime import timedelta

import anyio
import anyio.lowlevel
import structlog
from anyio.abc import TaskGroup

from collector.core import duplicates
from collector.core.duplicates import Claim, Ruling
from collector.core.heartbeat import HandedOut, Recount, Welcome
from collector.core.model import Order
from collector.ports import Clock, Refused
from collector.rpc import wire
from collector.rpc.questions import Questions
from collector.rpc.stream import ENDED, Stream

FAREWELL_SECONDS_MAX = 1.5
# A write may take so long, or twice that: one look for all streams costs less than a timer each.
WRITE_SECONDS_MAX = 10.0

# Of a changed pace: between two such slices heartbeats are read.
TOLD_AT_ONCE = 100
# Some kilobytes each; and a fleet need not fall upon a new zone within a second.
HANDED_OUT_APART_SECONDS = 0.2

log = structlog.get_logger(__name__)


class LiveStreams:
    """Implements `ports.Streams`. `run` is the task that writes directives."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: dict[str, Stream] = {}
        self._swaps: dict[str, tuple[float, ...]] = {}
        self._tasks: TaskGroup | None = None
        self._questions = Questions()

    async def run(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                while True:
                    await anyio.sleep(WRITE_SECONDS_MAX)
                    self._give_up_stuck()
            finally:
                self._tasks = None

    def _give_up_stuck(self) -> None:
        for stream in self._live.values():
            if stream.is_stuck():
                text = f"you did not read what was written to you for {WRITE_SECONDS_MAX:.0f} s"
                stream.end(Refused("TOO_SLOW", text))

    def send(self, node_id: str, order: Order) -> bool:
        stream = self._live.get(node_id)
        if stream is None or stream.refused is not None:
            return False
        stream.offer(order)
        if stream.is_welcomed and self._tasks is not None:
            self._tasks.start_soon(_flush, stream)
        return True

    def tell_pace(self, pace: Callable[[str], Welcome]) -> None:
        """Tells every node its pace once more; one without a stream is told at its Hello."""
        if self._tasks is not None:
            self._tasks.start_soon(self._tell_pace, pace)

    async def _tell_pace(self, pace: Callable[[str], Welcome]) -> None:
        for index, stream in enumerate(list(self._live.values())):
            if index % TOLD_AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
            if stream.is_welcomed and stream.refused is None and self._tasks is not None:
                told = wire.encode_welcome(pace(stream.node_id))
                self._tasks.start_soon(_flush, stream, (told,))

    def hand_out(self, zones: HandedOut) -> None:
        """Tells every node that understands it and holds another one."""
        if self._tasks is not None:
            self._tasks.start_soon(self._hand_out, zones)

    async def _hand_out(self, zones: HandedOut) -> None:
        told = wire.encode_catalogue(zones)
        for index, stream in enumerate(list(self._live.values())):
            if index % TOLD_AT_ONCE == 0:
                await anyio.sleep(HANDED_OUT_APART_SECONDS)
            if stream.lacks(zones.revision) and self._tasks is not None:
                stream.catalogue = zones.revision
                self._tasks.start_soon(_flush, stream, (told,))

    async def recount(self, node_id: str, *, epoch: str, log_position: bytes) -> Recount:
        stream = self._live.get(node_id)
        if stream is None or not stream.is_welcomed or stream.refused is not None:
            raise Refused("NOT_CONNECTED", f"node {node_id} has no stream at this moment")
        try:
            return await self._questions.ask(node_id, (epoch, log_position), write=stream.write)
        except ENDED as error:
            raise Refused("NOT_CONNECTED", f"the stream of node {node_id} ended") from error

    def answered(self, node_id: str, recount: Recount) -> None:
        """Nobody may be waiting for it any more."""
        self._questions.heard(node_id, recount)

    def close(self, node_id: str, *, code: str, text: str) -> None:
        """Also forgets its swaps: with its next certificate the node begins anew."""
        self._swaps.pop(node_id, None)
        stream = self._live.get(node_id)
        if stream is not None:
            stream.end(Refused(code, text))

    def connected(self) -> frozenset[str]:
        return frozenset(self._live)

    def __len__(self) -> int:
        return len(self._live)

    def admit(self, stream: Stream, claim: Claim) -> Ruling:
        """The stream is its node's from now on: ADMIT, RETURN or REPLACE.

        Refused DUPLICATE_IDENTITY: another keeps it.
        """
        live = self._live.get(stream.node_id)
        judged = duplicates.judge(
            live.claim if live is not None and live.refused is None else None,
            claim,
            swaps=self._swaps.get(stream.node_id, ()),
            now=self._clock.monotonic(),
        )
        self._remember(stream.node_id, judged.swaps)
        if judged.ruling is Ruling.REFUSE:
            raise Refused(
                "DUPLICATE_IDENTITY",
                f"another machine is node {stream.node_id} at this moment; enrol this one anew",
            )
        if judged.ruling is Ruling.BOTH_OUT:
            refused = Refused(
                "DUPLICATE_IDENTITY",
                f"two processes take turns as node {stream.node_id}; stop one and enrol it anew",
            )
            if live is not None:
                live.end(refused)
            raise refused
        if live is not None:
            live.end(Refused("REPLACED", f"a newer stream of node {stream.node_id} took over"))
        stream.claim = claim
        self._live[stream.node_id] = stream
        return judged.ruling

    def remove(self, stream: Stream) -> None:
        """Its handler ends."""
        if self._live.get(stream.node_id) is stream:
            del self._live[stream.node_id]

    async def farewell(self, spread: timedelta) -> None:
        """Asks everybody to come back later, evenly over this time. Bounded; best effort."""
        streams = list(self._live.values())
        with anyio.move_on_after(FAREWELL_SECONDS_MAX):
            async with anyio.create_task_group() as tasks:
                for index, stream in enumerate(streams):
                    delay = spread * (index + 1) / len(streams)
                    tasks.start_soon(_flush, stream, (wire.encode_reconnect_after(delay),))

    def _remember(self, node_id: str, swaps: tuple[float, ...]) -> None:
        if swaps:
            self._swaps[node_id] = swaps
        else:
            self._swaps.pop(node_id, None)


async def _flush(stream: Stream, messages: Iterable[bytes] = ()) -> None:
    """A stream that ended meanwhile swallows what was to be written; its node says Hello again."""
    try:
        await stream.write(*messages)
    except ENDED as error:
        log.debug("not written, the stream ended", node=stream.node_id, problem=str(error))
