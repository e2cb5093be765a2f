"""`mailfleet collector run`: what systemd starts."""

from pathlib import Path

import click

from collector import config as configuration
from collector import config_notify
from collector.cli.failure import Exit, Failure, say
from collector.config import ConfigError


@click.group()
def collector() -> None:
    """The collector itself."""


@collector.command("run")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="The configuration; default MAILFLEET_CONFIG, else /etc/mailfleet/collector.toml.",
)
def run(*, path: Path | None) -> int:
    """Runs the collector until it is told to stop."""
    place = path or configuration.place()
    try:
        config = configuration.load(place)
        keys = configuration.zone_keys(place)
        channels = config_notify.secrets(config.channels, place)
    except ConfigError as error:
        for problem in error.problems:
            say(problem)
        return Exit.USAGE
    for problem in config_notify.unequipped(config.channels):
        # The other channels tell of it: a collector that does not start would tell of nothing.
        say(problem)
    from collector.service import ServiceError
    from collector.service import run as serve

    try:
        serve(config, keys=keys, channels=channels)
    except ServiceError as error:
        raise Failure(str(error), fix=error.fix, code=Exit.FAILED) from error
    return Exit.OK
