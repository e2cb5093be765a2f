"""`mailfleet queue`: what waits on the nodes."""

import click

from collector.cli import output
from collector.cli.api import Api, Json
from collector.cli.moments import ago

QUEUES = ("active", "incoming", "deferred", "hold", "maildrop")


@click.group()
def queue() -> None:
    """The nodes' mail queues."""


@queue.command("summary")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Nodes shown."
)
@output.formats("table", "json")
def summary(*, limit: int, output_: str) -> None:
    """Messages by queue, of each node and of all; the fullest first, the rest in one line."""
    answer = Api().get("/queues")
    if output_ == "json":
        return output.show_json(answer)
    headers = ("NODE", "STATUS", *(f"#{name.upper()}" for name in QUEUES), "#OLDEST", "HEARD")
    rows = [_row(item) for item in answer["items"][:limit]]
    if rest := answer["items"][limit:]:
        rows.append(_rest(rest))
    totals = [answer["totals"][name] for name in QUEUES]
    output.show_table(headers, [*rows, ["all", None, *totals, None, None]])
    if answer["nodes_unknown"]:
        click.echo(f"\n{answer['nodes_unknown']} nodes could not count all of theirs", err=True)
    return None


def _rest(items: list[Json]) -> list[object]:
    counts = [sum(item[name] or 0 for item in items) for name in QUEUES]
    return [f"{len(items)} more", None, *counts, None, None]


def _row(item: Json) -> list[object]:
    age = item["oldest_age_seconds"]
    oldest = None if age is None else f"{age // 60} min"
    counts = [item[name] for name in QUEUES]
    return [item["node"], item["status"], *counts, oldest, ago(item["last_heartbeat"])]
