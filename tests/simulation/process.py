"""One run of the collector over fake ports: the real intake, control and dispatch, census,
presence and reign, driven by hand. What it knows outside the journal dies with it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from collector.census import Census
from collector.control import Control, Ties, nobody
from collector.core import duplicates
from collector.core.duplicates import Claim, Ruling
from collector.core.heartbeat import Heartbeat, Hello, Recount
from collector.core.judgement import Judgement
from collector.core.model import Look, Order
from collector.core.policy import Policy
from collector.dispatch import Dispatch
from collector.intake import Around, Intake, Opening
from collector.operate import vigil
from collector.operate.desk import Desk
from collector.ports import Clock, Refused, Store
from collector.ports_rotation import RotationStore
from collector.presence import Presence
from collector.reign import Reign
from collector.rotations import Rotations
from collector.vitals import Vitals
from deliverability.catalogue import CATALOGUE
from tests.simulation.clock import VirtualClock
from tests.simulation.world import COLLECTOR, World

ROUNDS_MAX = 12
# Nothing is answered before it was asked.
LOOK_SECONDS = 0.01
ROUND_SECONDS = 300.0

Listener = Callable[[Order], None]


class Bell:
    """`ports.Doorbell` that nobody waits at."""

    def __init__(self) -> None:
        self._for: set[str] = set()
        self._for_all = False

    @property
    def is_rung(self) -> bool:
        return bool(self._for) or self._for_all

    def ring(self, node_id: str | None = None) -> None:
        if node_id is None:
            self._for_all = True
        else:
            self._for.add(node_id)

    async def wait(self, *, at_most: float) -> bool:
        return self.is_rung

    def take(self) -> frozenset[str] | None:
        taken = None if self._for_all else frozenset(self._for)
        self._for, self._for_all = set(), False
        return taken


class WorldResolver:
    """`ports.Resolver`: the collector's own look at the world."""

    def __init__(self, world: World, clock: VirtualClock) -> None:
        self._world = world
        self._clock = clock

    async def look(self, zone: str, *, address: str, not_by: str = "") -> Look:
        self._clock.seconds += LOOK_SECONDS
        finding = self._world.find(CATALOGUE[zone], address, asker=COLLECTOR)
        return Look(
            address=address,
            zone=zone,
            verdict=finding.verdict,
            answers=finding.answers,
            sentinels=finding.sentinels,
            at=self._clock.now(),
            why=finding.why,
        )


@dataclass(slots=True)
class Stream:
    """One agent's stream: whose it is, where its directives go, why it ended."""

    node_id: str
    claim: Claim
    listener: Listener
    refused: Refused | None = None
    waiting: Order | None = None
    is_welcomed: bool = False

    def offer(self, order: Order) -> None:
        if self.is_welcomed:
            self.listener(order)
        elif self.waiting is None or self.waiting.order <= order.order:
            self.waiting = order


@dataclass(slots=True)
class FakeStreams:
    """`ports.Streams`, admitting by the rules of duplicates."""

    clock: Clock
    live: dict[str, Stream] = field(default_factory=dict)
    swaps: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def send(self, node_id: str, order: Order) -> bool:
        stream = self.live.get(node_id)
        if stream is None or stream.refused is not None:
            return False
        stream.offer(order)
        return True

    def close(self, node_id: str, *, code: str, text: str) -> None:
        stream = self.live.get(node_id)
        if stream is not None:
            stream.refused = Refused(code, text)

    def connected(self) -> frozenset[str]:
        return frozenset(self.live)

    async def recount(self, node_id: str, *, epoch: str, log_position: bytes) -> Recount:
        raise Refused("NOT_CONNECTED", f"nobody recounts here: {node_id} {epoch} {log_position!r}")

    def admit(self, stream: Stream) -> Ruling:
        live = self.live.get(stream.node_id)
        judged = duplicates.judge(
            live.claim if live is not None and live.refused is None else None,
            stream.claim,
            swaps=self.swaps.get(stream.node_id, ()),
            now=self.clock.monotonic(),
        )
        self.swaps[stream.node_id] = judged.swaps
        if judged.ruling in (Ruling.REFUSE, Ruling.BOTH_OUT):
            if judged.ruling is Ruling.BOTH_OUT and live is not None:
                live.refused = Refused("DUPLICATE_IDENTITY", "two take turns")
            raise Refused("DUPLICATE_IDENTITY", f"another machine is node {stream.node_id}")
        if live is not None:
            live.refused = Refused("REPLACED", "a newer stream took over")
        self.live[stream.node_id] = stream
        return judged.ruling

    def remove(self, stream: Stream) -> None:
        if self.live.get(stream.node_id) is stream:
            del self.live[stream.node_id]


class Tasks:
    """Stands in for dispatch's task group: runs what was started, in that order."""

    def __init__(self) -> None:
        self._started: list[tuple[Callable[..., Awaitable[object]], tuple[object, ...]]] = []

    def start_soon(self, work: Callable[..., Awaitable[object]], *arguments: object) -> None:
        self._started.append((work, arguments))

    async def run(self) -> None:
        while self._started:
            work, arguments = self._started.pop(0)
            await work(*arguments)


class Process:
    """Begins with `start`. `pass_` judges what is rung or due and carries out what follows."""

    def __init__(
        self, store: Store, *, clock: VirtualClock, world: World, policy: Callable[[], Policy]
    ) -> None:
        self.store = store
        self.clock = clock
        self.bell = Bell()
        self.streams = FakeStreams(clock)
        started_at = clock.monotonic()
        self.presence = Presence(started_at=started_at)
        self.census = Census(self.presence, started_at=started_at)
        self.vitals = Vitals(clock)
        self.reign = Reign(store=store, clock=clock)
        self.policy = policy
        around = Around(
            clock=clock,
            doorbell=self.bell,
            policy=policy,
            fleet_size=lambda: len(self.census),
            committed=self.vitals.committed,
            failed=self.vitals.failed,
        )
        self.intake = Intake(store, presence=self.presence, terms=self.reign, around=around)
        self.rotations = Rotations(cast(RotationStore, store), clock=clock, policy=policy)
        rotated = self.rotations.changed
        self.control = Control(
            store,
            clock=clock,
            census=self.census,
            vitals=self.vitals,
            ties=Ties(policy=policy, catalogue=None, rotated=rotated, told=nobody),
        )
        self.dispatch = Dispatch(
            store,
            resolver=WorldResolver(world, clock),
            streams=self.streams,
            clock=clock,
            judged=self.bell,
        )
        self._round_at = started_at
        # As `operate.vigil` asks for it.
        self.standing = SimpleNamespace(term=lambda: self.reign.term)

    async def start(self) -> None:
        await self.intake.load()
        await self.reign.begin()
        self.bell.ring()

    async def open(self, hello: Hello, *, listener: Listener) -> tuple[Stream, Opening]:
        """As the fleet's face greets a stream. Refused: the stream never was."""
        claim = Claim(machine_id=hello.machine_id, run_id=hello.run_id)
        stream = Stream(node_id=hello.node_id, claim=claim, listener=listener)
        try:
            ruling = self.streams.admit(stream)
        except Refused as refused:
            await self.intake.duplicate(stream.node_id, text=str(refused))
            raise
        await self.intake.settle(stream.node_id)
        return stream, await self.greet(stream, hello, is_other=ruling is Ruling.REPLACE)

    async def greet(self, stream: Stream, hello: Hello, *, is_other: bool = False) -> Opening:
        """Also a second Hello on the same stream, after a new epoch."""
        opening = await self.intake.hello(hello, is_other=is_other)
        waiting = stream.waiting
        stream.is_welcomed, stream.waiting = True, None
        newest = max(
            (one for one in (opening.order, waiting) if one is not None),
            key=lambda order: order.order,
            default=None,
        )
        if newest is not None:
            stream.offer(newest)
        return opening

    async def heartbeat(self, beat: Heartbeat) -> Heartbeat:
        return await self.intake.heartbeat(beat)

    async def pass_(self) -> list[Judgement]:
        """Control and dispatch until nothing is left to do now."""
        if self.clock.monotonic() - self._round_at > ROUND_SECONDS:
            self._round_at = self.clock.monotonic()
            self.bell.ring()
            await self.intake.resolve_nuisances()
            await vigil.once(cast(Desk, self))
            await self.rotations.share()
        judged = []
        for _ in range(ROUNDS_MAX):
            judgement = await self.control.once(self.bell.take())
            judged.append(judgement)
            tasks: Any = Tasks()
            await self.dispatch.once(tasks)
            await tasks.run()
            if judgement.is_empty and not self.bell.is_rung:
                break
        return judged
