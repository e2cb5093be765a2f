"""The world of the demo: a DNS server that answers the zones, and a pretended Postfix a node."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import anyio

from demo.dns import DnsServer
from demo.fleet import Node
from demo.pretend import PretendPostfix
from demo.traffic import Odds

TICK_SECONDS = 0.05
MESSAGES_PER_SECOND = 0.7


class World:
    """Everything outside mailfleet. `run` moves it on until cancelled."""

    def __init__(self, folder: Path, *, sockets: Path, dns: DnsServer) -> None:
        self._folder = folder
        self._sockets = sockets
        self._postfixes: dict[str, PretendPostfix] = {}
        self.dns = dns
        # New messages a node; 0: the platform brings none, and what is queued runs out.
        self.per_second = MESSAGES_PER_SECOND

    def node(self, number: int) -> Node:
        """The place of node-NN, with its Postfix running."""
        name = f"node-{number:02}"
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        postfix = PretendPostfix(
            name, folder, odds=Odds(number), socket=self._sockets / f"{name}.helper"
        )
        postfix.start(_now())
        self._postfixes[name] = postfix
        return Node(
            name=name,
            address=f"198.51.100.{number}",
            folder=folder,
            log=postfix.log,
            queue=postfix.queue,
            helper=postfix.socket,
        )

    async def run(self) -> None:
        """Ticks every Postfix for ever."""
        while True:
            for postfix in self._postfixes.values():
                postfix.tick(_now(), per_second=self.per_second)
            await anyio.sleep(TICK_SECONDS)

    @contextmanager
    def closing(self) -> Iterator["World"]:
        """Closes the helpers' sockets at the end."""
        try:
            yield self
        finally:
            for postfix in self._postfixes.values():
                postfix.stop()


def _now() -> datetime:
    return datetime.now(timezone.utc)
