"""An uplink under test: what stands behind it, and how it is run."""

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import anyio

from agent.membership import CollectorPlace, Identity
from agent.model import FromCollector, Hello
from agent.uplink import Outside, Uplink
from tests.agent.samples import HEARTBEAT, HELLO
from tests.agent.stand_in import Peer, eventually


@dataclass
class Node:
    """What stands behind an uplink: an identity, and a memory of what came."""

    identity: Identity | None
    hello_now: Hello = HELLO
    reconnect_spread: timedelta | None = timedelta(milliseconds=50)
    came: list[FromCollector] = field(default_factory=list)
    losses: int = 0

    def hello(self) -> Hello:
        return self.hello_now

    def received(self, message: FromCollector) -> None:
        self.came.append(message)

    def stream_lost(self) -> None:
        self.losses += 1

    def kinds(self) -> list[type[FromCollector]]:
        return [type(message) for message in self.came]


@contextlib.asynccontextmanager
async def running(node: Node, place: CollectorPlace) -> AsyncIterator[Uplink]:
    outside = Outside(identity=lambda: node.identity, now=lambda: datetime.now(timezone.utc))
    uplink = Uplink(place, node, outside=outside)
    # By a scope, as the daemon does: a task cancelled from outside at the very moment at which a
    # scope within it ends is not cancelled before Python 3.11, where tasks count who asked.
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(uplink.run)
        try:
            yield uplink
        finally:
            tasks.cancel_scope.cancel()
            started = time.monotonic()
    assert time.monotonic() - started < 5


async def idle(peer: Peer) -> None:
    while await peer.read() is not None:
        pass


async def beat(uplink: Uplink, sequence: int) -> None:
    await eventually(lambda: uplink.is_ready)
    uplink.send(replace(HEARTBEAT, sequence=sequence))
