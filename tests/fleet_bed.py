"""A real collector and real agents on loopback for tests, at the demo's pace.

async with fleet_bed.running(tmp_path, nodes=3) as bed:
    await bed.until(lambda: bed.status("node-01"), "active")
"""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from collector.core.policy import Policy
from demo import pace
from demo.dns import DnsServer
from demo.fleet import Fleet, Node
from demo.world import World

STEP_SECONDS = 0.1
Row = Mapping[str, Any]


async def until(
    question: Callable[[], Awaitable[object]], expected: object = True, *, seconds: float = 20.0
) -> None:
    """Asks until the answer is the expected one. AssertionError with the last answer."""
    answer: object = None
    with anyio.move_on_after(seconds):
        while True:
            answer = await question()
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

    async def act(self) -> None:
        await self.fleet.automate("default", value="act")

    async def restart_collector(self) -> None:
        """Killed as by a power cut, and started again."""
        self.fleet.collector.kill()
        await self.fleet.collector.gone()
        await self.fleet.start_collector()

    async def restart_agent(self, name: str) -> None:
        child = self.fleet.agents[name]
        child.kill()
        await child.gone()
        await self.fleet.start_agent(self.nodes[name])


@asynccontextmanager
async def running(
    folder: Path, *, nodes: int, policy: Policy = pace.DEMO
) -> AsyncIterator[FleetBed]:
    """Nodes node-01 … enrolled, acting, in the rotation; everything is stopped at the end."""
    async with DnsServer() as dns:
        fleet = Fleet(folder / "fleet", nameserver=dns.address, policy=policy)
        try:
            with World(fleet.folder, sockets=fleet.sockets, dns=dns).closing() as world:
                places = {one.name: one for one in map(world.node, range(1, nodes + 1))}
                bed = FleetBed(fleet=fleet, world=world, nodes=places)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(world.run)
                    await fleet.found()
                    await fleet.start_collector()
                    await bed.act()
                    await fleet.bring_up(list(places.values()))
                    await until(bed.all_in_rotation, nodes, seconds=30)
                    yield bed
                    tasks.cancel_scope.cancel()
        finally:
            await fleet.stop()
            shutil.rmtree(fleet.sockets, ignore_errors=True)
