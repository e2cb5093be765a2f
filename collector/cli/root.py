"""The tree of commands. A command's module is imported when it is called, not before."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from importlib.util import find_spec

import click

from collector.version import VERSION

# Command -> module and the name in it.
TABLE = {
    "status": "collector.cli.fleet:status",
    "why": "collector.cli.fleet:why",
    "events": "collector.cli.fleet:events",
    "node": "collector.cli.node:node",
    "pool": "collector.cli.pool:pool",
    "alert": "collector.cli.alert:alert",
    "zone": "collector.cli.zone:zone",
    "reply": "collector.cli.reply:reply",
    "rotation": "collector.cli.rotation:rotation",
    "receiver": "collector.cli.receiver:receiver",
    "warmup": "collector.cli.warmup:warmup",
    "queue": "collector.cli.queue:queue",
    "report": "collector.cli.report:report",
    "audit": "collector.cli.audit:audit",
    "stop": "collector.cli.stop:stop",
    "replay": "collector.cli.replay:replay",
    "policy": "collector.cli.policy:policy",
    "doctor": "collector.cli.doctor:doctor",
    "init": "collector.cli.init:init",
    "collector": "collector.cli.run:collector",
    "backup": "collector.cli.backup:backup",
    "ca": "collector.cli.ca:ca",
    "demo": "demo.commands:demo",
    "completion": "collector.cli.completion:completion",
}


class Commands(MutableMapping[str, click.Command]):
    """A table of commands that loads each on first use."""

    def __init__(self, table: dict[str, str]) -> None:
        self._table = dict(table)
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module, _, attribute = self._table[name].partition(":")
            self._loaded[name] = getattr(import_module(module), attribute)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command
        self._table[name] = ""

    def __delitem__(self, name: str) -> None:
        del self._table[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


class InOrder(click.Group):
    """Lists commands in the table's order: the first question first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def _present() -> dict[str, str]:
    """The demo is not part of every installation."""
    has_demo = find_spec("demo") is not None and find_spec("demo.commands") is not None
    return {name: place for name, place in TABLE.items() if name != "demo" or has_demo}


@click.group(
    cls=InOrder,
    commands=Commands(_present()),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, message="mailfleet %(version)s")
def root() -> None:
    """Runs a fleet of Postfix sending nodes: who may send, who is paused, and why.

    Start with: mailfleet status. Speaks to the collector by its local socket, by MAILFLEET_URL
    and MAILFLEET_TOKEN, or as a context file says (MAILFLEET_CONTEXT).
    """
