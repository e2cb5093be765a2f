# long: time, streams and the life of the collector are one loop
"""A whole fleet on a virtual clock: agents, their streams, one collector and its journal.

Time goes from event to event. While nothing happens a node speaks only when it has swept, and is
counted as heard for the heartbeats between, which say nothing new. Checks nothing.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import cast

from agent import backoff
from collector.core.heartbeat import Hello
from collector.core.judgement import Judgement
from collector.core.model import Reason
from collector.core.policy import Policy
from collector.core.rotation import Strategy
from collector.ports import Actor, AuditEntry, Refused, Store, StoreError
from deliverability.zones import Tier, Zone
from tests.simulation import enrolment, rotating_store, warming_store
from tests.simulation.clock import VirtualClock
from tests.simulation.faults import Crash, FaultyStore
from tests.simulation.journal import Journal
from tests.simulation.link import Link, PoolPlan
from tests.simulation.process import Process, Stream
from tests.simulation.store import MemoryStore
from tests.simulation.world import World

OPERATOR = Actor(name="anna", origin="192.0.2.200")
# After so long without an event only sweeps are told.
CALM_AFTER_SECONDS = 150.0
TICK_SECONDS = 5.0
TICK_CALM_SECONDS = 100.0
# Where only goals are judged, whose bounds are wider: a pass that looks at everybody each time.
TICK_LONG_SECONDS = 8.0
TICK_LONG_CALM_SECONDS = 301.0
# Shorter than what makes a node blind.
ASLEEP_SECONDS = 3000.0
BEAT_APART_SECONDS = 1.0
# Heartbeats passed over that are counted one by one.
HEARD_AGAIN = 4
# So many times slower may sweeps be that can say nothing new: still no node is blind.
DROWSY_TIMES = 3
# What stands for a day without anything to be done about it.
PATIENT = ("bounces", "score")
# A sweep's pace is jittered by a tenth: while all is calm nodes may as well sweep together.
EARLY_SECONDS = 25.0

Act = Callable[[], object]
Watcher = Callable[["Fleet", list[Judgement]], None]


class Fleet:
    """`join` first, then `advance`. Nodes are n1, n2, … over all pools."""

    def __init__(self, pools: Iterable[PoolPlan], *, policy: Policy, random: Random) -> None:
        self.clock = VirtualClock()
        self.world = World()
        self.random = random
        self.policy = policy
        self.memory = MemoryStore(self.clock, Journal(policies=[policy]))
        self.faulty = FaultyStore(self.memory)
        self.store = cast(Store, self.faulty)
        self.process: Process | None = None
        self.plans = tuple(pools)
        self.pool_ids: dict[str, str] = {}
        self.links: dict[str, Link] = {}
        self.watchers: list[Watcher] = []
        self._acts: list[tuple[float, int, Act, bool]] = []
        self._order = count()
        self._stirred_at = 0.0
        self._tick_at = 0.0
        # While all is well everywhere even sweeps may be passed over: none could say otherwise.
        self.may_sleep = False
        self.stalled_for = 0.0

    # What happens, and when.

    def at(self, seconds: float, act: Act, *, quietly: bool = False) -> None:
        """`act` may return a coroutine. `quietly`: nothing of it needs a closer look."""
        heapq.heappush(self._acts, (seconds, next(self._order), act, quietly))

    def stir(self) -> None:
        """Something happened: heartbeats matter one by one again."""
        was_calm = self.is_calm
        if was_calm:
            self._touch()
        self.keep_awake()
        for link in self.links.values() if was_calm else ():
            link.beat_at = self.clock.seconds + self._interval * self.random.random()
            if self.may_sleep:
                link.agent.hurry_sweeps(self._pace, luck=self.random.random())

    def keep_awake(self) -> None:
        self._stirred_at = self.clock.seconds
        self._tick_at = min(self._tick_at, self.clock.seconds + self._tick)

    @property
    def is_calm(self) -> bool:
        return self.clock.seconds - self._stirred_at > CALM_AFTER_SECONDS

    @property
    def _interval(self) -> float:
        return self.policy.heartbeat_interval.total_seconds()

    @property
    def _tick(self) -> float:
        if self.is_calm:
            return TICK_LONG_CALM_SECONDS if self.may_sleep else TICK_CALM_SECONDS
        return TICK_LONG_SECONDS if self.may_sleep else TICK_SECONDS

    async def advance(self, until: float) -> None:
        while (at := self._next()) <= until:
            self.clock.seconds = max(self.clock.seconds, at)
            await self._step()
        self.clock.seconds = until

    def _next(self) -> float:
        moments = [self._tick_at]
        if self._acts:
            moments.append(self._acts[0][0])
        moments += (self._wakes_at(link) for link in self.links.values() if link.is_running)
        return min(moments)

    def _wakes_at(self, link: Link) -> float:
        agent = link.agent
        moments = [min(agent.next_sweep_at.values(), default=float("inf"))]
        if agent.has_news and link.is_up:
            moments.append(self.clock.seconds + BEAT_APART_SECONDS)
        if agent.is_obeying:
            apart = TICK_CALM_SECONDS if self.is_calm else BEAT_APART_SECONDS
            moments.append(max(agent.obeys_at, self.clock.seconds + apart))
        if link.stream is None and not link.is_cut and self.process is not None:
            moments.append(link.connect_at)
        if link.is_up and not self.is_calm:
            moments.append(link.beat_at)
        return min(moments)

    async def _step(self) -> None:
        now = self.clock.seconds
        while self._acts and self._acts[0][0] <= now:
            _, _, act, quietly = heapq.heappop(self._acts)
            if not quietly:
                self.stir()
            done = act()
            if hasattr(done, "__await__"):
                await done
        if self.is_calm:
            self._touch()
        try:
            if self.stalled_for and self.process is not None:
                # What waited in the sockets is read after the pass that was late.
                self.process.vitals.late(self.stalled_for)
                self.stalled_for = 0.0
                await self._pass()
            for link in self.links.values():
                await self._live(link)
            if now >= self._tick_at or self._is_rung:
                await self._pass()
        except Crash:
            self.kill_collector()
            self.at(now + 1 + 20 * self.random.random(), self.start_collector)
        if now >= self._tick_at:
            self._tick_at = now + self._tick
            if self.may_sleep and self.is_calm and all_well(self):
                self._tick_at = now + ASLEEP_SECONDS
                for link in self.links.values():
                    link.agent.sleep(self._tick_at)

    @property
    def _is_rung(self) -> bool:
        return self.process is not None and self.process.bell.is_rung

    def _touch(self) -> None:
        """The heartbeats that said nothing new were heard all the same."""
        now, interval = self.clock.seconds, self.policy.heartbeat_interval
        if self.process is None:
            return
        for link in self.links.values():
            if link.is_up and now - link.touched_at >= self._interval / 2:
                # Of a long time the last few say all: who is heard often enough in a row is back.
                missed = int((now - link.touched_at) / self._interval - 0.4)
                for n in reversed(range(1, min(missed, HEARD_AGAIN) + 1)):
                    at = now - n * self._interval
                    self.process.presence.heard(link.agent.node_id, now=at, interval=interval)
                self.process.presence.heard(link.agent.node_id, now=now, interval=interval)
                link.touched_at = now
                link.agent.standing.heard()
                self.memory.heard(link.agent.node_id)

    async def _live(self, link: Link) -> None:
        """What one agent does at this moment."""
        agent, now = link.agent, self.clock.seconds
        if not link.is_running:
            return
        has_swept = agent.sweep(self._pace, early=EARLY_SECONDS if self.is_calm else 0.0)
        await agent.obey()
        if link.stream is not None and link.stream.refused is not None:
            self.disconnect(link)
        if link.stream is None and not link.is_cut and self.process and now >= link.connect_at:
            await self._connect(link, self.process)
        is_due = has_swept if self.is_calm else now >= link.beat_at
        if self.process is not None and link.is_up and (is_due or agent.has_news):
            await self._beat(link, self.process)

    def _pace(self, zone: Zone) -> float:
        critical = self.policy.sweep_critical
        pace = critical if zone.tier is Tier.CRITICAL else zone.pace
        return pace.total_seconds() * (DROWSY_TIMES if self._is_drowsy else 1)

    @property
    def _is_drowsy(self) -> bool:
        """No zone has anything to say, or has said what must be heard twice to be over."""
        if not (self.may_sleep and self.is_calm) or self.world.sayings:
            return False
        tables = self.memory.tables
        return len(tables.listings) == sum(id_ in tables.closed for id_ in tables.listings)

    async def _connect(self, link: Link, process: Process) -> None:
        agent = link.agent

        def listener(order: object) -> None:
            if link.is_up or link.stream is None:
                agent.told(order)  # type: ignore[arg-type]  # an Order

        stream = None
        try:
            stream, opening = await process.open(agent.hello(), listener=listener)
            link.stream = stream
            agent.state.term_highest = max(agent.state.term_highest, opening.welcome.term)
            if opening.new_epoch is not None:
                agent.recount_from(int(opening.new_epoch.log_position or b"0"))
                again = replace(agent.hello(), received_at=self.clock.now())
                await self._greet_again(process, stream, again)
        except (Refused, StoreError) as error:
            # Refused for good reasons, or the journal cannot now: later again.
            if link.stream is not None:
                process.streams.remove(link.stream)
            link.stream = None
            link.failures += 1
            is_refused = isinstance(error, Refused)
            wait = (
                backoff.refused(self.random.random())
                if is_refused
                else backoff.reconnect(link.failures, spread=None, fraction=self.random.random())
            )
            link.connect_at = self.clock.seconds + wait.total_seconds()
            return
        self.stir()
        link.failures = 0
        link.beat_at = link.touched_at = self.clock.seconds
        agent.has_news = True

    async def _greet_again(self, process: Process, stream: Stream, hello: Hello) -> None:
        await process.intake.new_epoch(hello.node_id, epoch=hello.epoch)
        await process.greet(stream, hello)

    async def _beat(self, link: Link, process: Process) -> None:
        agent = link.agent
        beat = agent.beat()
        link.beats.append(beat)
        link.beat_at = self.clock.seconds + self._interval
        link.touched_at = self.clock.seconds
        if link.is_late:
            link.is_late, link.waiting = False, beat
            return
        waiting, link.waiting = link.waiting, None
        try:
            kept = await process.heartbeat(beat)
            if waiting is not None:
                await process.heartbeat(waiting)
        except (Refused, StoreError):
            self.disconnect(link)
            return
        if not link.is_deaf:
            agent.acknowledged(kept)

    async def _pass(self) -> None:
        judged: list[Judgement] = []
        if self.process is not None:
            try:
                judged = await self.process.pass_()
            except StoreError:
                self.process.bell.ring()
        if any(one.decisions or one.rotation or one.orders for one in judged):
            self.stir()
        for watcher in self.watchers:
            watcher(self, judged)

    async def join(self) -> None:
        """Enrols every node; each connects within some seconds."""
        await self.start_collector()
        number, tables = 0, self.memory.tables
        for plan in self.plans:
            entry = self.entry("enrol")
            pool_id = await enrolment.found(self.memory, plan, entry=entry)
            self.pool_ids[plan.name] = pool_id
            if plan.is_weighted:
                rotating_store.set_strategy(self.memory.tables, pool_id, Strategy.WEIGHTED)
            for place in range(plan.nodes):
                number += 1
                agent = enrolment.agent_of(number, plan, world=self.world, clock=self.clock)
                agent.spread_sweeps(lambda _: 15.0, luck=self.random.random())
                await enrolment.enrol(self.memory, agent, pool_id, entry=entry)
                if place < plan.warming:
                    warming_store.warming(tables, agent.node_id, now=self.clock.now())
                connect_at = self.clock.seconds + 10 * self.random.random()
                self.links[agent.name] = Link(agent=agent, connect_at=connect_at)

    def entry(self, action: str, subject: str = "fleet") -> AuditEntry:
        return AuditEntry(actor=OPERATOR, action=action, subject=subject, at=self.clock.now())

    # What may happen to it.

    def kill_collector(self) -> None:
        """The process ends; nothing of its memory stays."""
        self.stir()
        self.process = None
        self.faulty.calm()
        for link in self.links.values():
            self.disconnect(link)

    async def start_collector(self) -> None:
        self.stir()
        if self.process is not None:
            return
        process = Process(
            self.store, clock=self.clock, world=self.world, policy=lambda: self.policy
        )
        try:
            await process.start()
        except (Crash, StoreError):
            self.at(self.clock.seconds + 5, self.start_collector)
            return
        self.process = process

    def disconnect(self, link: Link) -> None:
        if link.stream is not None and self.process is not None:
            self.process.streams.remove(link.stream)
        link.stream = None
        wait = backoff.reconnect(
            link.failures, spread=timedelta(seconds=10), fraction=self.random.random()
        )
        link.failures += 1
        link.connect_at = self.clock.seconds + wait.total_seconds()


def all_well(fleet: Fleet) -> bool:
    """Nobody is out, nothing is wrong, nothing is under way."""
    tables = fleet.memory.tables
    alerts = [key for key in tables.alerts if not key.startswith(PATIENT)]
    troubles = (fleet.world.sayings, alerts, tables.brakes, any(tables.switches.values()))
    return (
        fleet.process is not None
        and not any(troubles)
        and fleet.faulty.is_calm
        and all(link.is_up and link.agent.is_settled for link in fleet.links.values())
        and all(
            row.in_rotation or row.rotation_reason is Reason.BOUNCE_RATE
            for row in tables.addresses.values()
        )
    )
