"""What may happen to a fleet: stalls, restores, cut lines, agents that die, snapshots, clones."""

from contextlib import suppress
from dataclasses import replace

from collector.ports import Refused, StoreError
from tests.simulation.agent import Agent, State
from tests.simulation.fleet import Fleet
from tests.simulation.journal import Journal
from tests.simulation.link import Link


class Mishaps:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def stall(self, seconds: float) -> None:
        """The collector's loop stands still; the world does not."""
        self._fleet.stir()
        self._fleet.clock.seconds += seconds
        self._fleet.keep_awake()
        self._fleet.stalled_for += seconds

    def backup(self) -> Journal:
        return self._fleet.memory.tables.copy()

    def restore(self, backup: Journal) -> None:
        """The collector is stopped, and comes back with yesterday's journal."""
        self._fleet.kill_collector()
        self._fleet.memory.tables = backup.copy()
        self._fleet.at(self._fleet.clock.seconds + 30, self._fleet.start_collector)

    def cut(self, name: str) -> None:
        """No way between the agent and the collector; mail goes on."""
        self._fleet.stir()
        link = self._fleet.links[name]
        link.is_cut = True
        self._fleet.disconnect(link)

    def heal(self, name: str) -> None:
        self._fleet.stir()
        link = self._fleet.links[name]
        link.is_cut, link.failures = False, 0
        link.connect_at = self._fleet.clock.seconds + 30 * self._fleet.random.random()

    def stop_agent(self, name: str) -> None:
        self._fleet.stir()
        link = self._fleet.links[name]
        link.is_running = False
        self._fleet.disconnect(link)

    def start_agent(self, name: str, *, state: State | None = None) -> None:
        """With `state`: put back from a snapshot of the agent's disk."""
        self._fleet.stir()
        link = self._fleet.links[name]
        if state is not None:
            link.agent.state = state.copy()
            link.agent.lineage += 1
        link.agent.begin_run()
        link.is_running = True
        link.connect_at = self._fleet.clock.seconds + 2

    async def replay(self, name: str) -> None:
        """What the node said a while ago arrives once more, word for word."""
        self._fleet.stir()
        link, process = self._fleet.links[name], self._fleet.process
        if not link.beats or process is None:
            return
        again = replace(link.beats[0], received_at=self._fleet.clock.now())
        with suppress(Refused, StoreError):
            await process.heartbeat(again)

    def readdress(self, name: str, addresses: tuple[str, ...]) -> None:
        """It comes back with other addresses to send from."""
        self.stop_agent(name)
        agent = self._fleet.links[name].agent
        agent.addresses, agent.state.readings = addresses, {}
        self.start_agent(name)

    def clone(self, name: str) -> None:
        """A copy of the machine starts beside it, with its key and its state."""
        self._fleet.stir()
        one = self._fleet.links[name].agent
        copy = Agent(
            one.node_id,
            f"{name} clone",
            addresses=one.addresses,
            zones=one.zones,
            clock=self._fleet.clock,
            world=self._fleet.world,
            luck=self._fleet.random.random(),
        )
        copy.state = one.state.copy()
        copy.begin_run()
        self._fleet.links[copy.name] = Link(agent=copy, connect_at=self._fleet.clock.seconds + 5)
