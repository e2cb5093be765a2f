"""`mailfleet-agent`: run, helper, enrol, renew, status, check, backfill, logs-test. Loads what the
command needs."""

import json
import os
import pwd
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from agent.version import VERSION

if TYPE_CHECKING:
    from agent.config import AgentConfig
    from agent.membership import Identity

FAILED, USAGE, NOT_ALLOWED, UNREACHABLE, CRITICAL = 1, 2, 5, 6, 11
TOKEN_BYTES_MAX = 4_096
DAYS_MAX = 31

as_json = click.option("-o", "output", type=click.Choice(["table", "json"]), default="table")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="mailfleet-agent")
def main() -> None:
    """The mailfleet agent on a Postfix node. Configuration: /etc/mailfleet/agent.toml, or the
    file named by MAILFLEET_CONFIG."""


@main.command()
def run() -> None:
    """Run the daemon in the foreground."""
    _become("agent.daemon", ())


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def helper(options: tuple[str, ...]) -> None:
    """Run the helper, the only part that needs root (--socket, --postfix, --user)."""
    _become("agent.helper", options)


@main.command()
@click.option("--collector", help="The collector's host; else collector.host of the configuration.")
@click.option("--token-file", help="A file with the join token, - for stdin; else MAILFLEET_TOKEN.")
@click.option("--again", is_flag=True, help="Replace an identity that is still valid.")
def enrol(*, collector: str | None, token_file: str | None, again: bool) -> None:
    """Join the fleet: make a key here and have the collector certify it."""
    from agent import clock, identity
    from agent import enrol as enrolment
    from agent.host import facts

    settings = _settings(collector)
    token_text = _token(token_file)
    try:
        held = _held(settings)
        if held is not None and clock.now() < held.not_after and not again:
            _fail(f"this is node {held.node_id} already; --again makes it another one", FAILED)
        node = enrolment.NodeFacts(
            machine_id=facts.machine_id(
                settings.machine_id, fallback=settings.state / "machine-id"
            ),
            hostname=settings.hostname or facts.hostname(),
            version=VERSION,
            addresses=settings.addresses or facts.global_addresses(),
        )
        made = enrolment.enrol(
            settings.collector, enrolment.parse_token(token_text), node=node, clock=clock.now
        )
        identity.swap(settings.state, made)
    except enrolment.EnrolError as error:
        _fail(str(error), NOT_ALLOWED if error.is_refusal else UNREACHABLE)
    except (identity.IdentityError, OSError) as error:
        _fail(str(error), FAILED)
    click.echo(f"enrolled: node {made.node_id} of {made.fleet}, until {made.not_after:%Y-%m-%d}")


@main.command()
def renew() -> None:
    """Renew this node's certificate now; the daemon does this by itself."""
    from agent import clock, identity
    from agent import enrol as enrolment

    settings = _settings()
    try:
        held = identity.load(settings.state)
        if held is None:
            _fail("not enrolled: there is nothing to renew", FAILED)
        made = enrolment.renew(settings.collector, held, clock=clock.now)
        identity.swap(settings.state, made)
    except enrolment.EnrolError as error:
        _fail(str(error), NOT_ALLOWED if error.is_refusal else UNREACHABLE)
    except (identity.IdentityError, OSError) as error:
        _fail(str(error), FAILED)
    click.echo(f"renewed: node {made.node_id}, until {made.not_after:%Y-%m-%d}")


@main.command()
@as_json
def status(output: str) -> None:
    """What the daemon last said of itself. Exit status 1 when it does not run."""
    from agent import status as words

    settings = _settings()
    try:
        said = words.read(settings.state)
    except words.StatusError as error:
        _fail(str(error), FAILED)
    said["is_running"] = words.is_alive(said)
    said["identity"] = _identity_words(settings)
    if output == "json":
        click.echo(json.dumps(said, indent=2))
    else:
        click.echo("\n".join(_status_lines(said)))
    if not said["is_running"]:
        raise SystemExit(FAILED)


@main.command()
@as_json
def check(output: str) -> None:
    """Look at log, identity, helper, zones and collector. Exit status 11 when one is not right."""
    import anyio

    from agent import check as checks
    from agent import clock, config
    from agent.dnsbl import sockets
    from agent.dnsbl.sweep import Sweep

    settings = _settings()
    sweep = Sweep(sockets.ways(config.nameservers_of(settings)), keys=config.zone_keys())
    watched = config.zones_of(settings)
    found = anyio.run(lambda: checks.everything(settings, sweep, watched=watched, clock=clock.now))
    if output == "json":
        rows = [{"name": f.name, "ok": f.is_right, "text": f.text, "fix": f.remedy} for f in found]
        click.echo(json.dumps({"items": rows}, indent=2))
    else:
        for one in found:
            click.echo(f"{'ok   ' if one.is_right else 'WRONG'} {one.name}: {one.text}")
            if one.remedy:
                click.echo(f"      fix: {one.remedy}")
    if not all(one.is_right for one in found):
        raise SystemExit(CRITICAL)


@main.command()
@click.option("--days", type=click.IntRange(1, DAYS_MAX), required=True, help="How far back.")
@click.option("--dry-run", is_flag=True, help="Read and count, and keep nothing.")
@as_json
def backfill(*, days: int, dry_run: bool, output: str) -> None:
    """Read the log's last days from before the daemon counted, rotated files too, as history: for
    charts alone, never in totals or rates. Done again it changes nothing."""
    import anyio

    from agent import backfill as work
    from agent import clock, outset
    from agent.config import ConfigError

    settings = _settings()
    try:
        _become_owner(settings.state_file)
        outbound = anyio.run(outset.outbound, settings)
        whose, _ = outset.whose(settings, outset.addresses(settings), outbound=outbound)
        begun = work.Work(settings, outset.logs(settings), whose=whose, now=clock.now())
        size = begun.plan(days)
        is_hidden = not sys.stderr.isatty()
        with click.progressbar(
            length=size, label="reading", file=sys.stderr, hidden=is_hidden
        ) as bar:
            filled = begun.do(bar.update, is_dry=dry_run)
    except (work.BackfillError, work.StateError, ConfigError, OSError) as error:
        _fail(str(error), FAILED)
    click.echo(json.dumps(filled.as_json()) if output == "json" else str(filled))


@main.command("logs-test")
@click.argument("files", nargs=-1, required=True)
@click.option("--events", is_flag=True, help="One JSON object for each delivery line instead.")
@as_json
def logs_test(*, files: tuple[str, ...], events: bool, output: str) -> None:
    """Read mail logs as the daemon would, and say what it would count. FILE may be gzipped, hold
    the JSON of `journalctl -o json` or of Docker's logs, or be - for standard input. Counts nothing
    and needs no configuration."""
    from agent import clock, logs_test_run
    from agent.logs_test_input import size_of

    size = sum(map(size_of, files))
    is_watched = sys.stderr.isatty() and not (events and sys.stdout.isatty())
    bar = click.progressbar(length=size, label="reading", file=sys.stderr, hidden=not is_watched)
    problems: list[str] = []
    found: dict[str, object] = {}
    with bar as shown:
        reading = logs_test_run.Reading(files, shown.update, problems)
        if events:
            for one in logs_test_run.events(reading, now=clock.now()):
                click.echo(json.dumps(one))
        else:
            found = logs_test_run.totals(reading)
    if found and (found["lines"] or not problems):
        lines = logs_test_run.table(found)
        click.echo(json.dumps(found, indent=2) if output == "json" else "\n".join(lines))
    for problem in problems:
        click.echo(f"mailfleet-agent: {problem}", err=True)
    if problems:
        raise SystemExit(FAILED)


def _become(module: str, words: Iterable[str]) -> NoReturn:
    """A fresh interpreter, so that nothing of this command line stays in the daemon's memory."""
    sys.stdout.flush()
    # gRPC's own library logs to the same stderr, in a form of its own; only its errors are wanted.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    # Polls beside the stream's own thread, which never rests: a third of the wakes of its others.
    os.environ.setdefault("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "0")
    os.execv(sys.executable, [sys.executable, "-I", "-m", module, *words])  # noqa: S606


def _become_owner(state: Path) -> None:
    """Root writes nothing into the state that its owner could not write then."""
    owner = state.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def _settings(collector: str | None = None) -> "AgentConfig":
    from agent import config

    try:
        return config.load(config.place(), collector=collector)
    except config.ConfigError as error:
        _fail(str(error), USAGE)


def _held(settings: "AgentConfig") -> "Identity | None":
    from agent import identity

    try:
        return identity.load(settings.state)
    except identity.IdentityError:
        return None  # a damaged one is what enrolling mends


def _token(place: str | None) -> str:
    """Never from an argument: the process list is for everybody."""
    if place is None:
        return os.environ.get("MAILFLEET_TOKEN", "")
    if place == "-":
        return sys.stdin.read(TOKEN_BYTES_MAX)
    try:
        with Path(place).open() as file:
            return file.read(TOKEN_BYTES_MAX)
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{place}: {error}", USAGE)


def _identity_words(settings: "AgentConfig") -> str:
    from agent import identity

    try:
        held = identity.load(settings.state)
    except identity.IdentityError as error:
        return str(error)
    if held is None:
        return "not enrolled"
    return f"node {held.node_id} of {held.fleet}, until {held.not_after:%Y-%m-%d}"


def _status_lines(said: dict[str, object]) -> list[str]:
    from agent import status as words

    running = f"running (pid {said['pid']})" if said["is_running"] else "NOT RUNNING; it last said:"
    lines = [
        f"agent      {running}",
        f"identity   {said['identity']}",
        f"now        {words.sentence(said)}",
        f"log        {said.get('log')}, counted to {said.get('counted_to')}",
        *(f"unknown    {one}" for one in words.unknown_lines(said)),
    ]
    zones, problems = said.get("zones"), said.get("problems")
    for one in zones if isinstance(zones, list) else []:
        why = f" ({one['why']})" if one["why"] else ""
        lines.append(f"zone       {one['zone']} says {one['verdict']} of {one['address']}{why}")
    return lines + [f"problem    {one}" for one in (problems if isinstance(problems, list) else [])]


def _fail(text: str, code: int) -> NoReturn:
    click.echo(f"mailfleet-agent: {text}", err=True)
    raise SystemExit(code)


if __name__ == "__main__":
    main(prog_name="mailfleet-agent")
