"""`mailfleet demo`: tells the running demo to play a story."""

import json
import os
import sys
from pathlib import Path

import anyio
import rich_click as click

from demo import channel
from demo.incidents import CALM, EXPECT

FOLDER_DEFAULT = Path(".run/demo")


@click.group()
def demo() -> None:
    """Play with the fleet that `make demo` started."""


@demo.command()
@click.argument("name", type=click.Choice((*EXPECT, CALM)))
@click.option("-o", "--output", type=click.Choice(("text", "json")), default="text")
def incident(*, name: str, output: str) -> None:
    """Play an incident: it begins at once and ends by itself after a minute (or: calm)."""
    path = place()
    try:
        said = anyio.run(channel.ask, path, name)
    except (OSError, TimeoutError) as error:
        click.echo(f"mailfleet: no demo answers at {path}: {error}", err=True)
        click.echo("  fix: start one in another terminal: make demo", err=True)
        sys.exit(6)
    click.echo(json.dumps({"items": said}) if output == "json" else "\n".join(said))


def place() -> Path:
    """Beside the context file the demo wrote, else where `make demo` puts it."""
    context = os.environ.get("MAILFLEET_CONTEXT", "")
    folder = Path(context).parent if context else FOLDER_DEFAULT
    return folder / "demo.sock"
