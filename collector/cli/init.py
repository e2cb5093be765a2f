"""`mailfleet init`: founds a collector on this machine."""

import getpass
import socket
import sys
from pathlib import Path
from typing import Any

import click

from collector import config as configuration
from collector.cli import output
from collector.cli.failure import Exit, Failure, say
from collector.config import Config, ConfigError
from deliverability.zones import ZoneKey


@click.command()
@click.option("--fleet", help="The fleet's name in its certificates; default this host's domain.")
@click.option("--name", "names", multiple=True, help="How nodes reach it: DNS name or IP; repeat.")
@click.option("--state", help="The state folder; default /var/lib/mailfleet/collector.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="The file to write.")
@click.option(
    "--dqs-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the Spamhaus DQS key.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be made; make nothing.")
@click.option("-y", "--yes", "--no-input", "yes", is_flag=True, help="Never ask.")
@output.formats("table", "json")
def init(*, path: Path | None, dqs_key_file: Path | None, output_: str, **options: Any) -> None:
    """Makes CA, master key, journal, configuration, pool and one admin token, each shown once."""
    from collector import service

    place = (path or configuration.place()).absolute()
    config = _config(place, options)
    key = _key(dqs_key_file, ask=not options["yes"] and not place.exists())
    steps = service.plan(config, place, key=key)
    if options["dry_run"]:
        return _planned(steps, output_)
    founded = _found(config, place, key=key)
    if output_ == "json":
        return output.show_json(_as_json(config, place, founded=founded))
    return _tell(config, place, founded=founded)


def _config(place: Path, options: dict[str, Any]) -> Config:
    """What stands in the file, when there is one: it is never overwritten."""
    try:
        if place.exists():
            return configuration.load(place)
        host = socket.getfqdn()
        domain = host.partition(".")[2] or host
        tree: dict[str, object] = {
            "fleet": options["fleet"] or domain.lower(),
            "names": list(options["names"]) or [host],
        }
        if options["state"]:
            tree["state"] = str(Path(options["state"]).absolute())
        return configuration.parse(tree, origin="mailfleet init")
    except ConfigError as error:
        raise Failure("; ".join(error.problems), code=Exit.USAGE) from error


def _key(path: Path | None, *, ask: bool) -> ZoneKey | None:
    """From a file, or from a person at a terminal; never from an argument."""
    text = path.read_text().strip() if path else ""
    if not text and ask and sys.stdin.isatty():
        say("Spamhaus answers most VPS networks only with a key (free at spamhaus.com, DQS).")
        text = getpass.getpass("Spamhaus DQS key, empty for none: ").strip()
    try:
        return ZoneKey(text) if text else None
    except ValueError as error:
        raise Failure(f"the DQS key cannot be one: {error}", code=Exit.USAGE) from None


def _found(config: Config, place: Path, *, key: ZoneKey | None) -> Any:
    import anyio

    from collector.adapters.clock import SystemClock
    from collector.ports import Actor, StoreError
    from collector.ports_identity import AuthorityError, SecretsError
    from collector.service import FoundingError, found

    actor = Actor(name=getpass.getuser(), origin="mailfleet init")

    async def founding() -> Any:
        return await found(config, place, key=key, actor=actor, clock=SystemClock())

    try:
        return anyio.run(founding)
    except FoundingError as error:
        raise Failure(str(error), fix=error.fix, code=Exit.REFUSED) from error
    except (StoreError, SecretsError, AuthorityError) as error:
        raise Failure("the collector is not founded", cause=str(error), code=Exit.FAILED) from error
    except PermissionError as error:
        what, fix = f"{error.filename}: permission denied", "run it as root, or set --state"
        raise Failure(what, fix=fix, code=Exit.NOT_ALLOWED) from error


def _planned(steps: list[str], output_: str) -> None:
    if output_ == "json":
        return output.show_json({"items": steps})
    click.echo("would make:" if steps else "everything is there; nothing to make")
    for step in steps:
        click.echo(f"  {step}")
    return None


def _as_json(config: Config, place: Path, *, founded: Any) -> dict[str, object]:
    return {
        "config": str(place),
        "state": str(config.state),
        "fleet": config.fleet,
        "names": list(config.names),
        "made": list(founded.steps),
        "ca_sha256": founded.ca_sha256,
        "admin_token": founded.admin_token,
        "join_token": founded.join_token,
        "command": founded.command,
    }


def _tell(config: Config, place: Path, *, founded: Any) -> None:
    """Tokens are data and go to stdout, the rest explains them."""
    for step in founded.steps:
        say(f"made {step}")
    if not founded.admin_token:
        say(f"{place} was there already: nothing else changed")
        return
    say(f"\nfleet {config.fleet}, collector {', '.join(config.names)}")
    say(f"CA (SHA-256) {founded.ca_sha256}")
    say("\nadmin token for the REST API, shown this once:")
    click.echo(founded.admin_token)
    say("\nstart it:  systemctl enable --now mailfleet-collector   (or: mailfleet collector run)")
    say("then on a node, within 30 minutes, once:")
    click.echo(founded.command)
    say("\nmore nodes: mailfleet node token; what it sees: mailfleet status")
