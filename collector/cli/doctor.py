"""`mailfleet doctor`: is the collector itself well, and does it understand what it is told?"""

import click

from collector.cli import output
from collector.cli.api import Api

# As monitoring knows them.
EXITS = {"ok": 0, "warn": 10, "fail": 11}
SECONDS_MAX = 120.0  # a resolver that does not answer takes its time


@click.command()
@output.formats("table", "json")
def doctor(*, output_: str) -> int:
    """Checks what the collector stands on, what agents lack, and how much of
    the nodes' logs is not understood.

    Exit code 0, 10 with warnings, 11 with faults."""
    answer = Api(seconds=SECONDS_MAX).get("/doctor")
    if output_ == "json":
        output.show_json(answer)
        return EXITS[answer["state"]]
    rows = [(check["state"], check["name"], check["text"]) for check in answer["checks"]]
    output.show_table(("STATE", "CHECK", "FOUND"), rows)
    remedies = [(c["name"], c["remedy"]) for c in answer["checks"] if c["remedy"]]
    if remedies:
        click.echo()
        output.show_table(("CHECK", "REMEDY"), remedies)
    for check in answer["checks"]:
        if check["details"]:
            click.echo(f"\n{check['name']}, the newest lines that were not understood:")
            click.echo("\n".join(f"  {line}" for line in check["details"]))
    return EXITS[answer["state"]]
