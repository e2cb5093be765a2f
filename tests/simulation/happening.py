# long: one act for each kind of mishap
"""A plan's mishaps into acts upon the fleet. Keeps the truth the goals are judged by."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from collector.core.model import Order, Reason
from collector.ports import OperatorPause, Refused
from deliverability.replies import Outcome
from tests.simulation import plan as planning
from tests.simulation import platform, warming_store
from tests.simulation.fleet import Fleet
from tests.simulation.machine import Entry
from tests.simulation.mishaps import Mishaps
from tests.simulation.plan import ZONE, Mishap, Plan
from tests.simulation.platform import Platform
from tests.simulation.troubles import Troubles
from tests.simulation.world import Saying, frozen, reply

CODES = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.9", "127.0.0.4")
FLAP_SECONDS = 300.0
MAIL_EVERY_SECONDS = 7200.0
# After a restart: everybody has said Hello, and the start-up grace goes on for longer than it takes
# until a node that is silent from now on is lost.
HEARD_AFTER_SECONDS = 20.0
LISTED_LONGER_SECONDS = 1200.0


@dataclass(slots=True)
class Truth:
    """What only the world knows. `at_fault`: until when something of our own is or was wrong."""

    # Names of nodes a person paused, and did not resume.
    held: set[str] = field(default_factory=set)
    # Since when the zone falsely lists many, and which addresses.
    mass: dict[float, frozenset[str]] = field(default_factory=dict)
    restores: int = 0
    put_back: set[str] = field(default_factory=set)
    causes: dict[Reason, set[str]] = field(default_factory=dict)
    # Orders each node was ever told, for those that come late.
    orders: dict[str, list[Order]] = field(default_factory=dict)


class Happening:
    def __init__(self, fleet: Fleet, plan: Plan) -> None:
        self.truth = Truth()
        self._fleet = fleet
        self._mishaps = Mishaps(fleet)
        self._plan = plan
        self.platform = Platform(fleet)
        self.troubles = Troubles(fleet, later=self.later)
        self.truth.causes = self.troubles.causes
        # How often each kind of mishap happened.
        self.happened: Counter[str] = Counter()

    def schedule(self) -> None:
        for mishap in self._plan.mishaps:
            self._fleet.at(mishap.at, lambda one=mishap: self._do(one))  # type: ignore[misc]
        step = 0
        hour = 1
        while hour * platform.EVERY_SECONDS < self._plan.lasts:
            self._fleet.at(hour * platform.EVERY_SECONDS, self.platform.ask, quietly=True)
            hour += 1
        while step * MAIL_EVERY_SECONDS < self._plan.lasts:
            self._fleet.at(step * MAIL_EVERY_SECONDS, self._mail, quietly=True)
            step += 1

    def _do(self, mishap: Mishap) -> object:
        self.happened[planning.named(mishap)] += 1
        return DO[mishap.kind](self, mishap)

    def _mail(self) -> None:
        """Every address that may send delivers some; one in two hundred bounces."""
        for link in self._fleet.links.values():
            agent = link.agent
            if agent.postfix.sends and not agent.name.endswith("clone"):
                agent.log.write(
                    Entry(ip, "google", outcome, count)
                    for ip in agent.addresses
                    if warming_store.capped(self._fleet.memory.tables, agent.node_id, ip) is None
                    for outcome, count in ((Outcome.SENT, 99), (Outcome.BOUNCED, 1))
                )

    def note_orders(self, fleet: Fleet, _: object) -> None:
        """What each node was told, in turn."""
        for name, link in fleet.links.items():
            held = fleet.memory.tables.orders.get(link.agent.node_id)
            told = self.truth.orders.setdefault(name, [])
            if held is not None and (not told or told[-1] != held[0]):
                told.append(held[0])

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        self._fleet.at(self._fleet.clock.seconds + seconds, act)

    # What zones say.

    def _says(self, saying: Saying, *, lasts: float) -> None:
        self._fleet.world.says(saying)
        self.later(lasts, lambda: self._fleet.world.stops(saying))

    def _addresses(self, mishap: Mishap) -> frozenset[str]:
        links = self._fleet.links
        return frozenset(ip for name in mishap.nodes for ip in links[name].agent.addresses)

    def listed(self, mishap: Mishap) -> None:
        about = self._addresses(mishap)
        if mishap.number == 3:  # one of its addresses alone
            about = frozenset(sorted(about)[:1])
        saying = Saying(zone=ZONE, reply=reply(CODES[mishap.number]), about=about)
        self._says(saying, lasts=mishap.lasts)

    def lie(self, mishap: Mishap) -> None:
        saying = Saying(
            zone=ZONE,
            reply=reply("127.0.0.2"),
            about=self._addresses(mishap),
            seen_by=frozen(mishap.nodes),
        )
        self._says(saying, lasts=mishap.lasts)

    def mass(self, mishap: Mishap) -> None:
        about, begun = self._addresses(mishap), self._fleet.clock.seconds
        self.truth.mass[begun] = about
        self._says(Saying(zone=ZONE, reply=reply("127.0.0.3"), about=about), lasts=mishap.lasts)
        self.later(mishap.lasts, lambda: self.truth.mass.pop(begun))

    def flap(self, mishap: Mishap) -> None:
        saying = Saying(zone=ZONE, reply=reply("127.0.0.2"), about=self._addresses(mishap))
        for turn in range(mishap.number):
            begin = 2 * turn * FLAP_SECONDS
            self.later(begin, lambda: self._says(saying, lasts=FLAP_SECONDS))

    def says(self, mishap: Mishap) -> None:
        saying = Saying(zone=ZONE, reply=reply(mishap.word), seen_by=frozen(mishap.nodes or None))
        self._says(saying, lasts=mishap.lasts)

    def wildcard(self, mishap: Mishap) -> None:
        self._says(Saying(zone=ZONE, reply=reply("127.0.0.2")), lasts=mishap.lasts)

    # What becomes of nodes.

    def cut(self, mishap: Mishap) -> None:
        for name in mishap.nodes:
            self._mishaps.cut(name)

        def heal() -> None:
            for name in mishap.nodes:
                self._mishaps.heal(name)

        self.later(mishap.lasts, heal)

    def agent_stops(self, mishap: Mishap) -> None:
        (name,) = mishap.nodes
        self._mishaps.stop_agent(name)
        self.later(mishap.lasts, lambda: self._mishaps.start_agent(name))

    def agent_restarts(self, mishap: Mishap) -> None:
        (name,) = mishap.nodes
        self._mishaps.stop_agent(name)
        self._mishaps.start_agent(name)

    def agent_put_back(self, mishap: Mishap) -> None:
        (name,) = mishap.nodes
        state = self._fleet.links[name].agent.state.copy()

        def put_back() -> None:
            self._mishaps.stop_agent(name)
            self._mishaps.start_agent(name, state=state)
            self.truth.put_back.add(name)
            self.truth.orders.pop(name, None)

        self.later(mishap.lasts, put_back)

    def clone(self, mishap: Mishap) -> None:
        (name,) = mishap.nodes
        copy = f"{name} clone"
        if copy in self._fleet.links:
            return
        self._mishaps.clone(name)

        def end() -> None:
            self._mishaps.stop_agent(copy)
            del self._fleet.links[copy]

        self.later(mishap.lasts, end)

    def helper_breaks(self, mishap: Mishap) -> None:
        postfix = self._fleet.links[mishap.nodes[0]].agent.postfix
        postfix.is_broken = True
        self.later(mishap.lasts, lambda: setattr(postfix, "is_broken", False))

    def stale_order(self, mishap: Mishap) -> None:
        """A directive of before comes once more, out of some buffer."""
        (name,) = mishap.nodes
        told = self.truth.orders.get(name, [])
        if told and self._fleet.links[name].is_running:
            self._fleet.links[name].agent.told(told[mishap.number % len(told)])

    # What becomes of the collector.

    def crashes(self, mishap: Mishap) -> None:
        self._fleet.faulty.crash_in(mishap.number, is_done_first=mishap.word == "after")

    def restarts(self, _: Mishap) -> None:
        self._fleet.kill_collector()
        self.later(5, self._fleet.start_collector)

    def cut_after_restart(self, mishap: Mishap) -> None:
        """It is heard once, and falls silent while everybody else may still look so."""
        self.restarts(mishap)
        self.later(5 + HEARD_AFTER_SECONDS, lambda: self.cut(mishap))

    def down(self, mishap: Mishap) -> None:
        self._fleet.kill_collector()
        self.later(mishap.lasts, self._fleet.start_collector)

    def stalls(self, mishap: Mishap) -> None:
        self._mishaps.stall(float(mishap.number))

    def jumps(self, mishap: Mishap) -> None:
        self._fleet.clock.ahead += timedelta(seconds=mishap.number)

    def restored(self, mishap: Mishap) -> None:
        backup = self._mishaps.backup()

        def restore() -> None:
            self.truth.restores += 1
            self.platform.blur()
            # What never reached the node, nobody can know any more.
            self.truth.held &= {name for name in self.truth.held if self._knows_of_pause(name)}
            self._mishaps.restore(backup)

        self.later(mishap.lasts, restore)

    def _knows_of_pause(self, name: str) -> bool:
        wanted = self._fleet.links[name].agent.state.held
        return wanted is not None and bool(wanted.reasons & {"OPERATOR", "RESTORED"})

    def journal_fails(self, mishap: Mishap) -> None:
        self._fleet.faulty.fail_next(10**9 if mishap.lasts else mishap.number)
        self.later(mishap.lasts or 60.0, lambda: self._fleet.faulty.fail_next(0))

    # What people do.

    async def operator(self, mishap: Mishap) -> None:
        (name,) = mishap.nodes
        await self._person(name, pausing=True)
        self.later(mishap.lasts, lambda: self._person(name, pausing=False))

    async def _person(self, name: str, *, pausing: bool) -> None:
        node_id = self._fleet.links[name].agent.node_id
        wish = OperatorPause(node_id=node_id, address=None, pausing=pausing, note="by hand")
        try:
            await self._fleet.memory.operator_pause(wish, self._fleet.entry("pause"))
        except Refused:
            return
        (self.truth.held.add if pausing else self.truth.held.discard)(name)
        self._ring()

    async def automation(self, mishap: Mishap) -> None:
        await self._switch("automation_stopped", lasts=mishap.lasts)

    async def listed_while_stopped(self, mishap: Mishap) -> None:
        """Nothing automatic happens to it; now and then it is still listed when that is over."""
        await self._switch("automation_stopped", lasts=mishap.lasts)
        longer = LISTED_LONGER_SECONDS * (mishap.number % 2)
        saying = Saying(zone=ZONE, reply=reply("127.0.0.2"), about=self._addresses(mishap))
        self._says(saying, lasts=mishap.lasts + longer)

    async def sending(self, mishap: Mishap) -> None:
        await self._switch("sending_stopped", lasts=mishap.lasts)

    async def _switch(self, name: str, *, lasts: float) -> None:
        async def turn(on: bool) -> None:
            await self._fleet.memory.set_switch(name, on=on, entry=self._fleet.entry(name))
            self._ring()

        await turn(True)
        self.later(lasts, lambda: turn(False))

    def _ring(self) -> None:
        if self._fleet.process is not None:
            self._fleet.process.bell.ring()


DO: Mapping[str, Callable[[Happening, Mishap], object]] = {
    "listed": Happening.listed,
    "lie": Happening.lie,
    "mass listing": Happening.mass,
    "flap": Happening.flap,
    "zone says": Happening.says,
    "wildcard": Happening.wildcard,
    "cut": Happening.cut,
    "partition": Happening.cut,
    "all cut": Happening.cut,
    "agent stops": Happening.agent_stops,
    "agent restarts": Happening.agent_restarts,
    "agent put back": Happening.agent_put_back,
    "clone": Happening.clone,
    "helper breaks": Happening.helper_breaks,
    "stale order": Happening.stale_order,
    "collector crashes": Happening.crashes,
    "collector restarts": Happening.restarts,
    "collector down": Happening.down,
    "collector stalls": Happening.stalls,
    "clock jumps": Happening.jumps,
    "collector restored": Happening.restored,
    "journal fails": Happening.journal_fails,
    "operator pauses": Happening.operator,
    "automation stopped": Happening.automation,
    "sending stopped": Happening.sending,
    "cut after a restart": Happening.cut_after_restart,
    "listed while stopped": Happening.listed_while_stopped,
    "resolver rewrites": lambda happening, one: happening.troubles.rewrites(one),
    "clock of a node": lambda happening, one: happening.troubles.clock(one),
    "heartbeat again": lambda happening, one: happening.troubles.again(one),
    "heartbeat late": lambda happening, one: happening.troubles.late(one),
    "acknowledgements lost": lambda happening, one: happening.troubles.unheard_answers(one),
    "bounce storm": lambda happening, one: happening.troubles.storm(one),
    "receiver blocks": lambda happening, one: happening.troubles.blocked(one),
    "disk full": lambda happening, one: happening.troubles.disk(one),
    "postfix stops": lambda happening, one: happening.troubles.service(one),
    "dns broken": lambda happening, one: happening.troubles.dns(one),
}
