"""What all acts share: the reason, the dry run, the confirmed count, and asking for it."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from collector.cli.api import Api, Json
from collector.cli.failure import Exit, Failure, say

Command = Callable[..., Any]


def acts(*, needs_reason: bool) -> Callable[[Command], Command]:
    """The options of an act: --reason, --dry-run, --max-affected, --yes."""
    told = "Why: goes to the audit log and to whoever asks."
    options = (
        click.option("--reason", required=True, help=told)
        if needs_reason
        else click.option("--reason", default="", help=told),
        click.option("--dry-run", is_flag=True, help="Say what would change; change nothing."),
        click.option(
            "--max-affected",
            type=click.IntRange(min=0),
            help="How many nodes this may affect.",
        ),
        click.option("-y", "--yes", "--no-input", "yes", is_flag=True, help="Never ask."),
    )

    def decorated(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


class Act:
    """One wish of a person, carried out against one path or several."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.yes = bool(options.pop("yes"))
        self.body: dict[str, Any] = {
            "reason": options.pop("reason"),
            "dry_run": options.pop("dry_run"),
            "max_affected": options.pop("max_affected"),
        }

    def post(self, api: Api, path: str, *, body: dict[str, Any]) -> Json:
        """One act; when the collector wants the count said, a person at a terminal is asked."""
        try:
            return api.post(path, {**self.body, **body})
        except Failure as failure:
            if failure.problem != "AFFECTS_MANY" or self.yes or not sys.stdin.isatty():
                raise
            say(f"{failure.what}: {failure.cause}")
            self.body["max_affected"] = click.prompt(
                "how many nodes may it affect?", type=int, err=True
            )
            return api.post(path, {**self.body, **body})

    def confirm(self, subjects: Sequence[str]) -> None:
        """More than one subject wants the count said before the first is touched."""
        allowed = self.body["max_affected"]
        if len(subjects) <= 1 or self.body["dry_run"]:
            return
        if allowed is None and not self.yes and sys.stdin.isatty():
            say(f"this affects {len(subjects)} nodes: {', '.join(subjects)}")
            allowed = click.prompt("how many nodes may it affect?", type=int, err=True)
            self.body["max_affected"] = allowed
        if allowed is None or allowed < len(subjects):
            raise Failure(
                f"this affects {len(subjects)} nodes",
                cause="more than one node wants the count said",
                fix=f"--max-affected {len(subjects)}",
                code=Exit.REFUSED,
            )


def each(subjects: Sequence[str], act: Callable[[str], Json]) -> tuple[list[Json], int]:
    """Carries it out for each; answers of those done, and the exit code: 8 when only some were.

    A single subject fails as itself.
    """
    if len(subjects) == 1:
        return [act(subjects[0])], Exit.OK
    done, failures = [], []
    for subject in subjects:
        try:
            done.append(act(subject))
        except Failure as failure:
            failures.append(failure)
            say(f"{subject}: {failure.cause or failure.what}")
    if failures and not done:
        return done, failures[0].code
    return done, Exit.PARTLY if failures else Exit.OK
