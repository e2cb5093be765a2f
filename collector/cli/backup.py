"""`mailfleet backup`: journal, CA and master key of this machine's collector in one archive.

Works on the state folder itself, not through the REST API: the archive opens every secret of the
fleet, and a restore happens while no collector runs.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from collector import config as configuration
from collector.cli import output
from collector.cli.failure import Exit, Failure, say
from collector.config import ConfigError

Result = TypeVar("Result")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def backup() -> None:
    """One archive of what a collector cannot be made anew without."""


@backup.command("create")
@click.argument("archive", type=click.Path(path_type=Path), required=False)
@output.formats("table", "json")
def create(*, archive: Path | None, output_: str) -> None:
    """Writes the archive (default: mailfleet-<time>.tar here). The collector may run on."""
    from collector.adapters import backup as backups

    now = datetime.now(UTC)
    target = (archive or Path(f"mailfleet-{now:%Y%m%dT%H%M%SZ}.tar")).absolute()
    made = _tried(lambda: backups.create(_state(), target=target, now=now))
    if output_ == "json":
        return output.show_json(
            {"archive": str(target), "made_at": made.made_at, "files": sorted(made.files)}
        )
    click.echo(target)
    say(f"{len(made.files)} files; it opens every secret of the fleet: keep it as you keep keys")
    return None


@backup.command("verify")
@click.argument("archive", type=FILE)
@output.formats("table", "json")
def verify(*, archive: Path, output_: str) -> None:
    """Reads all of an archive; fails when anything is missing or damaged."""
    from collector.adapters import backup as backups

    found = _tried(lambda: backups.verify(archive))
    if output_ == "json":
        return output.show_json({"made_at": found.made_at, "files": sorted(found.files)})
    click.echo(f"{archive} is whole, made {found.made_at}")
    return None


@backup.command("restore")
@click.argument("archive", type=FILE)
@click.option("--force", is_flag=True, help="Even over a state folder in use; it is kept aside.")
@click.option("--dry-run", is_flag=True, help="Only read the archive; change nothing.")
@output.formats("table", "json")
def restore(*, archive: Path, force: bool, dry_run: bool, output_: str) -> None:
    """Puts an archive's files where the state folder is. Stop the collector first."""
    from collector.adapters import backup as backups

    state = _state()
    if dry_run:
        found = _tried(lambda: backups.verify(archive))
        aside, text = None, f"would restore the state of {found.made_at} to {state}"
    else:
        now = datetime.now(UTC)
        aside = _tried(lambda: backups.restore(archive, state=state, force=force, now=now))
        text = f"{state} is restored from {archive}"
    if output_ == "json":
        return output.show_json(
            {"state": str(state), "aside": str(aside) if aside else None, "dry_run": dry_run}
        )
    click.echo(text)
    if aside is not None:
        say(f"what was there is kept in {aside}")
    if not dry_run:
        say("nodes that were told more since keep their pauses until a person lifts them")
    return None


def _state() -> Path:
    try:
        return configuration.load(configuration.place()).state
    except ConfigError as error:
        raise Failure("; ".join(error.problems), code=Exit.USAGE) from error


def _tried(act: Callable[[], Result]) -> Result:
    from collector.adapters.backup import BackupError

    try:
        return act()
    except BackupError as error:
        fix = "systemctl stop mailfleet-collector" if "stop it first" in str(error) else ""
        if "is not empty" in str(error):
            fix = "--force keeps what is there aside, under another name"
        raise Failure(
            "no backup was made or restored", cause=str(error), fix=fix, code=Exit.REFUSED
        ) from error
