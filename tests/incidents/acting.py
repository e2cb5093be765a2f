# long: one act for each kind of fact
"""Facts of an incident into acts upon the fleet, each at its time."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol

from collector.core.model import Automation
from collector.core.readings import DnsFact, DnsState
from collector.ports import OperatorPause
from deliverability.replies import Outcome
from tests.incidents.durations import MAIL_EVERY_SECONDS, seconds, span
from tests.incidents.incident import Fact
from tests.incidents.refusing import network_of
from tests.simulation.agent import Agent, State
from tests.simulation.fleet import Fleet
from tests.simulation.journal import Journal
from tests.simulation.machine import Entry
from tests.simulation.mishaps import Mishaps
from tests.simulation.world import COLLECTOR, Saying, frozen, reply


class Stage(Protocol):
    """Where an incident is played."""

    @property
    def fleet(self) -> Fleet: ...

    @property
    def lasts(self) -> float: ...

    def names(self, name: str) -> tuple[str, ...]: ...


class Acting:
    """Facts into acts upon the fleet."""

    def __init__(self, stage: Stage, *, begins_at: float) -> None:
        self._stage = stage
        self._begins_at = begins_at
        self._fleet = stage.fleet
        self._mishaps = Mishaps(stage.fleet)
        self._backups: list[Journal] = []
        self._snapshots: dict[str, State] = {}

    def schedule(self, fact: Fact) -> None:
        do: Mapping[str, Callable[[Fact], None]] = {
            "zone": self._zone,
            "cut": self._cut,
            "agent": self._agent,
            "collector": self._collector,
            "operator": self._operator,
            "mail": self._mail,
            "complaints": self._complaints,
            "service": self._service,
            "disk": self._disk,
            "dns": self._dns,
            "helper": self._helper,
            "event": self._event,
        }
        do[fact.what](fact)

    def _at(self, fact: Fact, act: Callable[[], object]) -> None:
        self._fleet.at(self._begins_at + fact.at, act)

    def _until(self, fact: Fact, act: Callable[[], object]) -> None:
        if fact.until is not None:
            self._fleet.at(self._begins_at + fact.until, act)

    def _nodes(self, fact: Fact) -> list[str]:
        return [node for name in fact.said["about"] for node in self._of_name(name)]

    def _of_name(self, name: str) -> list[str]:
        links = self._fleet.links
        if name == "all" or name in links:
            return [name] if name in links else list(links)
        named = set(self._stage.names(name))
        return [node for node, link in links.items() if named & set(link.agent.addresses)]

    def _agents(self, fact: Fact) -> list[tuple[str, Agent]]:
        """Each address named, with its agent."""
        named = {ip for name in fact.said["about"] for ip in self._stage.names(name)}
        links = self._fleet.links.values()
        return [(ip, one.agent) for one in links for ip in one.agent.addresses if ip in named]

    def _zone(self, fact: Fact) -> None:
        said, about = fact.said, fact.said.get("about")
        answers = said["answers"]

        def saying() -> Saying:
            points = None
            if about not in (None, "everything"):
                points = [ip for name in about for ip in self._points(name)]
            return Saying(
                zone=said["zone"],
                reply=reply(*([answers] if isinstance(answers, str) else answers)),
                about=frozen(points),
                seen_by=frozen(self._askers(said.get("seen_by"))),
                is_instead_of_clear=said.get("instead_of_clear", False),
            )

        def begin() -> None:
            one = saying()
            self._fleet.world.says(one)
            self._until(fact, lambda: self._fleet.world.stops(one))

        self._at(fact, begin)

    def _points(self, name: str) -> tuple[str, ...]:
        """A test point is written as its address, and so is a stranger; with an IPv6 address goes
        all of its /64, as zones list it."""
        network = network_of(name)
        if network is None:
            return self._stage.names(name)
        every = (ip for link in self._fleet.links.values() for ip in link.agent.addresses)
        return (name, *(ip for ip in every if ":" in ip and network_of(ip) == network))

    def _askers(self, seen_by: list[str] | None) -> list[str] | None:
        if seen_by is None:
            return None
        nodes = ["all" if name == "nodes" else name for name in seen_by if name != "collector"]
        asking = [node for name in nodes for node in self._of_name(name)]
        return asking + [COLLECTOR] * ("collector" in seen_by)

    def _cut(self, fact: Fact) -> None:
        def each(act: Callable[[str], None]) -> None:
            for name in self._nodes(fact):
                act(name)

        self._at(fact, lambda: each(self._mishaps.cut))
        self._until(fact, lambda: each(self._mishaps.heal))

    def _agent(self, fact: Fact) -> None:
        fleet, mishaps, act = self._fleet, self._mishaps, fact.said["act"]

        def snapshot(name: str) -> None:
            self._snapshots[name] = fleet.links[name].agent.state.copy()

        def put_back(name: str) -> None:
            mishaps.stop_agent(name)
            mishaps.start_agent(name, state=self._snapshots[name])

        def restart(name: str) -> None:
            mishaps.stop_agent(name)
            mishaps.start_agent(name)

        def set_clock(name: str) -> None:
            fleet.links[name].agent.skew = span(fact.said["by"])

        acts: Mapping[str, Callable[[str], object]] = {
            "stop": mishaps.stop_agent,
            "start": mishaps.start_agent,
            "restart": restart,
            "snapshot": snapshot,
            "put back": put_back,
            "clone": mishaps.clone,
            "set clock": set_clock,
            "replay": mishaps.replay,
            "readdress": lambda name: mishaps.readdress(name, tuple(fact.said["to"])),
        }

        async def each(act: Callable[[str], object]) -> None:
            for name in self._nodes(fact):
                done = act(name)
                if isinstance(done, Awaitable):
                    await done

        self._at(fact, lambda: each(acts[act]))
        if act == "stop":
            self._until(fact, lambda: each(mishaps.start_agent))

    def _collector(self, fact: Fact) -> None:
        fleet, mishaps, said = self._fleet, self._mishaps, fact.said

        def jump() -> None:
            fleet.clock.ahead += span(said["by"])

        def restart() -> None:
            fleet.kill_collector()
            fleet.at(fleet.clock.seconds + 5, fleet.start_collector)

        acts: Mapping[str, Callable[[], object]] = {
            "stop": fleet.kill_collector,
            "restart": restart,
            "stall": lambda: mishaps.stall(seconds(said["lasts"])),
            "jump": jump,
            "backup": lambda: self._backups.append(mishaps.backup()),
            "restore": lambda: mishaps.restore(self._backups[-1]),
            "disk full": lambda: fleet.faulty.fail_next(10**9),
        }
        self._at(fact, acts[said["act"]])
        if said["act"] == "stop":
            self._until(fact, fleet.start_collector)
        if said["act"] == "disk full":
            self._until(fact, lambda: fleet.faulty.fail_next(0))

    def _operator(self, fact: Fact) -> None:
        act = fact.said["act"]

        async def do() -> None:
            store, entry = self._fleet.memory, self._fleet.entry(act)
            if act in SWITCHES:
                name, on = SWITCHES[act]
                await store.set_switch(name, on=on, entry=entry)
            elif act in ("observe", "act"):
                pool_id = self._fleet.pool_ids[fact.said.get("pool", "default")]
                await store.set_automation(
                    pool_id=pool_id, node_id=None, value=Automation(act), entry=entry
                )
            else:
                for name in self._named(fact):
                    await store.operator_pause(self._wish(act, name), entry)
            if self._fleet.process is not None:
                self._fleet.process.bell.ring()

        self._at(fact, do)

    def _named(self, fact: Fact) -> list[str]:
        """Nodes, and `n3/2` where a single address is meant."""
        about: list[str] = fact.said["about"]
        whole = [one for one in about if "/" not in one]
        nodes = self._nodes(replace(fact, said={**fact.said, "about": whole})) if whole else []
        return [*nodes, *(one for one in about if "/" in one)]

    def _wish(self, act: str, name: str) -> OperatorPause:
        node, _, place = name.partition("/")
        return OperatorPause(
            node_id=self._fleet.links[node].agent.node_id,
            address=self._stage.names(name)[0] if place else None,
            pausing=act == "pause",
            note="by hand",
            override=act == "override",
        )

    def _mail(self, fact: Fact) -> None:
        """Deliveries at a steady rate, written to the log every few minutes."""
        said = fact.said
        end = self._stage.lasts if fact.until is None else fact.until
        steps = int((end - fact.at) // MAIL_EVERY_SECONDS)

        def write(step: int) -> None:
            for ip, agent in self._agents(fact):
                agent.log.write(
                    Entry(
                        ip,
                        said["receiver"],
                        Outcome(outcome),
                        number,
                        "" if outcome == "sent" else said.get("class", ""),
                        said.get("is_first", True),
                    )
                    for outcome, an_hour in said["an_hour"].items()
                    if (number := _share(an_hour, step))
                )

        for step in range(steps):
            at = self._begins_at + fact.at + step * MAIL_EVERY_SECONDS
            self._fleet.at(at, lambda step=step: write(step), quietly=True)  # type: ignore[misc]

    def _complaints(self, fact: Fact) -> None:
        def complain() -> None:
            for name in fact.said["about"]:
                for ip in self._stage.names(name):
                    self._fleet.memory.tables.complaints[ip] = fact.said["count"]
            if self._fleet.process is not None:
                self._fleet.process.bell.ring()

        self._at(fact, complain)

    def _service(self, fact: Fact) -> None:
        said = fact.said

        def set_to(state: str) -> None:
            for name in self._nodes(fact):
                agent = self._fleet.links[name].agent
                agent.set_service(said["service"], state=state)

        self._at(fact, lambda: set_to(said["state"]))
        self._until(fact, lambda: set_to("running"))

    def _disk(self, fact: Fact) -> None:
        def set_to(ratio: float) -> None:
            for name in self._nodes(fact):
                self._fleet.links[name].agent.disk_ratio = ratio

        self._at(fact, lambda: set_to(fact.said["ratio"]))
        self._until(fact, lambda: set_to(0.25))

    def _dns(self, fact: Fact) -> None:
        said = fact.said

        def set_to(state: DnsState) -> None:
            journal, now = self._fleet.memory.tables, self._fleet.clock.now()
            for name in said["about"]:
                for ip in self._stage.names(name):
                    journal.dns[ip] = (
                        DnsFact(
                            record=said["record"],
                            name=ip,
                            state=state,
                            since=now,
                            is_essential=said.get("is_essential", True),
                            why="" if state is DnsState.VALID else f"it is {state.value}",
                        ),
                    )
            if self._fleet.process is not None:
                self._fleet.process.bell.ring()

        self._at(fact, lambda: set_to(DnsState(said["state"])))
        self._until(fact, lambda: set_to(DnsState.VALID))

    def _helper(self, fact: Fact) -> None:
        def set_to(is_broken: bool) -> None:
            for name in self._nodes(fact):
                self._fleet.links[name].agent.postfix.is_broken = is_broken

        self._at(fact, lambda: set_to(fact.said["act"] == "break"))
        self._until(fact, lambda: set_to(False))

    def _event(self, fact: Fact) -> None:
        def note() -> None:
            for name in self._nodes(fact):
                self._fleet.links[name].agent.note(fact.said["kind"], fact.said.get("text", ""))

        self._at(fact, note)


SWITCHES = {
    "stop automation": ("automation_stopped", True),
    "start automation": ("automation_stopped", False),
    "stop sending": ("sending_stopped", True),
    "start sending": ("sending_stopped", False),
}


def _share(an_hour: int, step: int) -> int:
    """Of an hour's number what falls into one step, so that the sum is exact."""
    whole = 3600 / MAIL_EVERY_SECONDS
    return int(an_hour * (step + 1) // whole) - int(an_hour * step // whole)
