"""Plays what `incidents` promises over the running demo, and undoes it after a minute."""

from collections.abc import Awaitable, Callable, Mapping

import anyio
from anyio.abc import TaskGroup

from demo.fleet import Fleet, Node
from demo.incidents import CALM, EXPECT, LASTS_SECONDS
from demo.world import World


class Stage:
    """The demo as stories see it. One performance of a story at a time."""

    def __init__(
        self, fleet: Fleet, world: World, *, nodes: Mapping[str, Node], tasks: TaskGroup
    ) -> None:
        self.fleet = fleet
        self.world = world
        self.nodes = nodes
        self._tasks = tasks
        self._playing: dict[str, anyio.CancelScope] = {}

    def node(self, number: int) -> Node:
        return self.nodes[f"node-{number:02}"]

    async def play(self, name: str) -> list[str]:
        """Begins a story, or ends all (`calm`). Lines for the person who asked."""
        if name == CALM:
            for scope in self._playing.values():
                scope.cancel()
            return ["every story ends now"]
        if name not in STORIES:
            return [f"no such story: {name}; there are: {', '.join((*EXPECT, CALM))}"]
        if name in self._playing:
            return [f"{name} is playing already; end it with: mailfleet demo incident {CALM}"]
        scope = self._playing[name] = anyio.CancelScope()
        begin, end = STORIES[name]
        await begin(self)
        self._tasks.start_soon(self._end_later, name, scope, end)
        return [*EXPECT[name], f"It ends by itself in {LASTS_SECONDS:.0f} s."]

    async def _end_later(self, name: str, scope: anyio.CancelScope, end: "Act") -> None:
        with scope:
            await anyio.sleep(LASTS_SECONDS)
        del self._playing[name]
        await end(self)


Act = Callable[[Stage], Awaitable[None]]


async def _list_one(stage: Stage) -> None:
    stage.world.dns.list(stage.node(5).address, "127.0.0.2")


async def _list_half(stage: Stage) -> None:
    for number in range(1, len(stage.nodes) // 2 + 1):
        stage.world.dns.list(stage.node(number).address, "127.0.0.3")


async def _delist(stage: Stage) -> None:
    for address in stage.world.dns.listed():
        stage.world.dns.delist(address)


async def _kill(stage: Stage) -> None:
    child = stage.fleet.agents["node-07"]
    child.kill()
    await child.gone()


async def _revive(stage: Stage) -> None:
    await stage.fleet.start_agent(stage.node(7))


async def _refuse(stage: Stage) -> None:
    stage.world.dns.refuse()


async def _go_mad(stage: Stage) -> None:
    stage.world.dns.mad()


async def _come_to_reason(stage: Stage) -> None:
    stage.world.dns.normal()


STORIES: Mapping[str, tuple[Act, Act]] = {
    "spamhaus": (_list_one, _delist),
    "node-dead": (_kill, _revive),
    "resolver-refused": (_refuse, _come_to_reason),
    "list-gone-mad": (_go_mad, _come_to_reason),
    "mass-listing": (_list_half, _delist),
}
assert STORIES.keys() == EXPECT.keys()
