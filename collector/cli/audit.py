"""`mailfleet audit`: what proves the collector's account."""

import sys

import click

from collector.cli import output
from collector.cli.api import Api, Json, segment

# As monitoring knows them.
EXITS = {"proved": 0, "incomplete": 10, "wrong": 11}
STEPS = 1000


@click.group()
def audit() -> None:
    """Proofs of the collector's account."""


@audit.command("totals")
@click.argument("name", metavar="NODE")
@output.formats("table", "json")
def totals(*, name: str, output_: str) -> int:
    """Has a node count its logs once more, rotated ones too, and compares with the totals held.

    Exit code 0 when they are the same, 10 when logs are gone that would be needed, 11 when they
    differ. Half an hour at most; broken off, it is gone on with when asked again within a minute.
    """
    answer = _asked(f"/nodes/{segment(name)}/recount")
    if output_ == "json":
        output.show_json(answer)
        return EXITS[answer["verdict"]]
    click.echo(answer["text"])
    counts = sorted(answer["journal"].keys() | answer["logs"].keys())
    rows = ([one, answer["journal"].get(one, 0), answer["logs"].get(one, 0)] for one in counts)
    output.show_table(("COUNT", "#HELD", "#LOGS"), rows)
    for gap in answer["gaps"]:
        click.echo(f"gap: {gap['from']} to {gap['to']}: {gap['text']}")
    for one in answer["differences"]:
        place = f"{one['address']} {one['receiver']} {one['instance']}"
        click.echo(f"{place} {one['count']}: held {one['journal']}, logs {one['logs']}")
    return EXITS[answer["verdict"]]


def _asked(path: str) -> Json:
    """Until the node is done; how far it is, is shown to people."""
    api = Api()
    answer = api.post(path, {})
    if answer["is_done"]:
        return answer
    is_hidden = not sys.stderr.isatty()
    with click.progressbar(
        length=STEPS, label="counting", file=sys.stderr, hidden=is_hidden
    ) as bar:
        while not answer["is_done"]:
            bar.update(max(0, int(STEPS * (answer["ratio"] or 0)) - bar.pos))
            answer = api.post(path, {})
        bar.update(STEPS - bar.pos)
    return answer
