"""`mailfleet audit`: what proves the collector's account."""

import click

from collector.cli import output
from collector.cli.api import Api, segment

# As monitoring knows them.
PROVED, NOT_PROVED = 0, 11
SECONDS_MAX = 40.0  # a node with large logs takes its time


@click.group()
def audit() -> None:
    """Proofs of the collector's account."""


@audit.command("totals")
@click.argument("name", metavar="NODE")
@output.formats("table", "json")
def totals(*, name: str, output_: str) -> int:
    """Has a node count its logs once more, rotated ones too, and compares with the totals held.

    Exit code 0 when they are the same, 11 when they differ.
    """
    answer = Api(seconds=SECONDS_MAX).post(f"/nodes/{segment(name)}/recount", {})
    if output_ == "json":
        output.show_json(answer)
    else:
        click.echo(answer["text"])
        counts = sorted(answer["journal"].keys() | answer["logs"].keys())
        rows = ([one, answer["journal"].get(one, 0), answer["logs"].get(one, 0)] for one in counts)
        output.show_table(("COUNT", "#HELD", "#LOGS"), rows)
        for gap in answer["gaps"]:
            click.echo(f"gap: {gap['from']} to {gap['to']}: {gap['text']}")
        for one in answer["differences"]:
            place = f"{one['address']} {one['receiver']} {one['instance']}"
            click.echo(f"{place} {one['count']}: held {one['journal']}, logs {one['logs']}")
    return PROVED if answer["is_proved"] else NOT_PROVED
