"""A real collector and real agents on loopback for tests, at the demo's pace.

async with fleet_bed.running(tmp_path, nodes=3) as bed:
    await until(lambda: bed.status("node-01"), "active")
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio

from collector.core.policy import Policy
from demo import pace, processes
from demo.dns import DnsServer
from demo.fleet import Fleet, Node
from demo.world import World
from tests import fleet_truth

STEP_SECONDS = 0.1
MESSAGES_PER_SECOND = 2.0
# The demo's pace on a machine that may be slow: more time to come back after a start, and less
# doubt after the collector's own loop stood still.
# Tests wait for whole fleets to come back: they come back at once, not a tenth at a time.
PATIENT = replace(
    pace.DEMO,
    grace_intervals_min=5.0,
    freeze_ends_after=timedelta(seconds=4),
    readmission_ratio=1.0,
)
GRACE_SECONDS = PATIENT.heartbeat_interval.total_seconds() * PATIENT.grace_intervals_min
Row = Mapping[str, Any]


async def until(
    question: Callable[[], Awaitable[object]], expected: object = True, *, seconds: float = 20.0
) -> None:
    """Asks until the answer is the expected one. AssertionError with the last answer.

    A collector that is away gives no answer, and is asked again.
    """
    answer: object = None
    with anyio.move_on_after(seconds):
        while True:
            try:
                answer = await question()
            except processes.ChildError as error:
                answer = error
            if answer == expected:
                return
            await anyio.sleep(STEP_SECONDS)
    raise AssertionError(f"after {seconds:g} s still {answer!r}, expected {expected!r}")


@dataclass(slots=True)
class FleetBed:
    """What a test asks of a running fleet."""

    fleet: Fleet
    world: World
    nodes: Mapping[str, Node]

    async def node(self, name: str) -> Row:
        return await self.fleet.get(f"/nodes/{name}")

    async def status(self, name: str) -> str:
        return str((await self.node(name))["status"])

    async def in_rotation(self, name: str) -> bool:
        return all(address["in_rotation"] for address in (await self.node(name))["addresses"])

    async def pauses(self, name: str) -> list[str]:
        return sorted(pause["reason"] for pause in (await self.node(name))["pauses"])

    async def is_silent(self, name: str) -> bool:
        """The node verified its newest directive and shows its silence."""
        node = await self.node(name)
        said, order = node["obedience"], node["order"]
        return bool(
            said
            and order
            and said["is_silent"]
            and (said["term"], said["revision"]) == (order["term"], order["revision"])
        )

    async def all_in_rotation(self) -> int:
        rows: Any = (await self.fleet.get("/nodes"))["items"]
        return sum(all(a["in_rotation"] for a in row["addresses"]) for row in rows)

    async def is_lost(self, name: str) -> bool:
        return bool((await self.node(name))["liveness"] == "lost")

    async def is_listed(self, name: str) -> bool:
        """A listing is confirmed and open; whether it pauses is another matter."""
        return bool((await self.node(name))["listings"])

    async def zone(self, name: str) -> Row:
        """What the critical zone last said of the node's address."""
        (zone,) = (await self.node(name))["zones"]
        return dict(zone)

    async def is_unknown(self, name: str, why: str) -> bool:
        """The zone did not say, and that is why."""
        zone = await self.zone(name)
        return zone["verdict"] == "unknown" and why in zone["why"]

    async def connected(self, name: str) -> bool:
        return bool((await self.node(name))["connected"])

    async def of_all(
        self, question: Callable[[str], Awaitable[bool]], names: Iterable[str]
    ) -> bool:
        """Whether it is so of every one of these nodes."""
        return all([await question(name) for name in names])

    async def has_alert(self, key: str) -> bool:
        return key in fleet_truth.alerts(self.fleet)

    async def epochs(self, name: str) -> int:
        return len(fleet_truth.epochs(self.fleet, name))

    async def is_refused(self, node: Node, code: str) -> bool:
        """Whether the agent says that the collector will not have it, and why."""
        return code in fleet_truth.status(node)["uplink_problem"]

    async def pause(self, name: str) -> None:
        """By a person."""
        body = {"reason": "a test", "max_affected": 1}
        await self.fleet.post(f"/nodes/{name}/pause", body)

    async def resume(self, name: str) -> None:
        await self.fleet.post(f"/nodes/{name}/resume", {"reason": "a test"})

    async def switch(self, what: str, *, stop: bool) -> None:
        """`automation` or `sending`, of the whole fleet."""
        body = {"stop": stop, "reason": "a test", "max_affected": 100}
        await self.fleet.post(f"/stop/{what}", body)

    async def decided(self, name: str) -> list[str]:
        """About this node, since it was first admitted: what, why, and its fate unless made."""
        found = [one for one in fleet_truth.decisions(self.fleet) if one[0] == name]
        return [f"{kind} {reason}" for _, kind, reason in found][1:]

    def sent(self, name: str) -> int:
        """Messages that left, by the node's log."""
        return fleet_truth.recount(self.nodes[name].log).get("sent", 0)

    async def until_sends(self, name: str) -> None:
        before = self.sent(name)

        async def sends() -> bool:
            return self.sent(name) > before

        await until(sends, seconds=30)

    async def act(self) -> None:
        await self.fleet.automate("default", value="act")

    async def restart_collector(self) -> None:
        """Killed as by a power cut, and started again."""
        await self.kill_collector()
        await self.fleet.start_collector()

    async def kill_collector(self) -> None:
        """As by a power cut."""
        self.fleet.collector.kill()
        await self.fleet.collector.gone()

    async def kill_agent(self, name: str) -> None:
        self.fleet.agents[name].kill()
        await self.fleet.agents[name].gone()

    async def restart_agent(self, name: str) -> None:
        await self.kill_agent(name)
        await self.fleet.start_agent(self.nodes[name])

    async def enrol_again(self, name: str) -> None:
        """As the node it was, with a token a person made for it."""
        made = await self.fleet.post("/tokens", {"node": name})
        await self.enrol_with(self.nodes[name], str(made["token"]), "--again")

    async def token(self) -> str:
        return str((await self.fleet.post("/tokens", {"pool": "default"}))["token"])

    async def enrol_with(self, node: Node, token: str, *options: str) -> None:
        """ChildError with what the agent says."""
        path = self.fleet.agent_config(node)
        await processes.run(
            processes.python("agent", "enrol", "--token-file", "-", *options),
            {"MAILFLEET_CONFIG": str(path)},
            feed=f"{token}\n".encode(),
        )

    async def clone(self, name: str, *, same_machine: bool) -> Node:
        """A second agent with this one's identity, on the same log; `start_agent` starts it."""
        node = self.nodes[name]
        twin = replace(node, name=f"{name}-twin", folder=self.fleet.folder / f"{name}-twin")
        twin.folder.mkdir()
        fleet_truth.copy_state(node, twin.folder / "state")
        if same_machine:
            shutil.copy(node.folder / "machine-id", twin.folder / "machine-id")
        self.fleet.agent_config(twin)
        return twin

    async def until_counted(self, *names: str) -> None:
        """All that these logs hold now is counted; and until then, at every moment and over all
        epochs, the collector's totals are exactly those of an independent count."""
        sizes = {name: self.nodes[name].log.stat().st_size for name in names or self.nodes}

        async def behind() -> list[str]:
            return [name for name, size in sizes.items() if self._counted(name) < size]

        await until(behind, [], seconds=60)

    def _counted(self, name: str) -> int:
        """Up to which byte of its log, rightly."""
        offset, counted = fleet_truth.totals(self.fleet, name)
        truth = fleet_truth.recount(self.nodes[name].log, offset)
        assert counted == truth, (name, offset, counted, truth)
        return offset


@asynccontextmanager
async def running(folder: Path, *, nodes: int, policy: Policy = PATIENT) -> AsyncIterator[FleetBed]:
    """Nodes node-01 … enrolled, acting, in the rotation; everything is stopped at the end."""
    async with DnsServer() as dns:
        fleet = Fleet(folder / "fleet", nameserver=dns.address, policy=policy)
        try:
            with World(fleet.folder, sockets=fleet.sockets, dns=dns).closing() as world:
                places = {one.name: one for one in map(world.node, range(1, nodes + 1))}
                bed = FleetBed(fleet=fleet, world=world, nodes=places)
                # Nothing is sent before the agents count: the whole log is theirs.
                world.per_second = 0.0
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(world.run)
                    await fleet.found()
                    await fleet.start_collector()
                    await bed.act()
                    await fleet.bring_up(list(places.values()))
                    await until(bed.all_in_rotation, nodes, seconds=60)
                    world.per_second = MESSAGES_PER_SECOND
                    yield bed
                    tasks.cancel_scope.cancel()
        finally:
            await fleet.stop()
            shutil.rmtree(fleet.sockets, ignore_errors=True)


@asynccontextmanager
async def lent(folder: Path, *, nodes: int, policy: Policy = PATIENT) -> AsyncIterator[FleetBed]:
    """As `running`, for a fixture, whose beginning and end are run by different tasks."""
    begun: asyncio.Future[FleetBed] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def hold() -> None:
        async with running(folder, nodes=nodes, policy=policy) as bed:
            begun.set_result(bed)
            await ended.wait()

    holding = asyncio.create_task(hold())
    await asyncio.wait((holding, begun), return_when=asyncio.FIRST_COMPLETED)
    if not begun.done():
        await holding
    try:
        yield begun.result()
    finally:
        ended.set()
        await holding
