"""`mailfleet pool`: nodes that may stand in for each other, and whether automation acts there."""

from typing import Any

import click

from collector.cli import output
from collector.cli.acting import Act, acts
from collector.cli.api import Api, segment


@click.group()
def pool() -> None:
    """The pools: look, let automation act, or only observe."""


@pool.command("ls")
@output.formats("table", "json", "name")
def list_pools(*, output_: str) -> None:
    """All pools with their automation and their nodes."""
    answer = Api().get("/pools")
    if output_ == "json":
        return output.show_json(answer)
    if output_ == "name":
        return output.show_names(answer["items"])
    headers = ("POOL", "AUTOMATION", "#NODES", "STATUSES")
    rows = (
        (item["name"], item["automation"], sum(item["statuses"].values()), _said(item["statuses"]))
        for item in answer["items"]
    )
    output.show_table(headers, rows)
    return None


@pool.command("act")
@click.argument("name", metavar="POOL")
@acts(needs_reason=False)
@output.formats("table", "json")
def act(*, name: str, output_: str, **options: Any) -> None:
    """Lets automation carry out its decisions about a pool's nodes."""
    _automate(name, value="act", output_=output_, options=options)


@pool.command("observe")
@click.argument("name", metavar="POOL")
@acts(needs_reason=False)
@output.formats("table", "json")
def observe(*, name: str, output_: str, **options: Any) -> None:
    """Only records what automation would have done."""
    _automate(name, value="observe", output_=output_, options=options)


@pool.command("set")
@click.argument("name", metavar="POOL")
@click.option("--strategy", type=click.Choice(["round-robin", "weighted", "region"]))
@click.option("--region", help="Whose nodes come first.")
@click.option("--monthly", type=click.IntRange(min=0), help="Messages a month it is meant for.")
@acts(needs_reason=False)
@output.formats("table", "json")
def set_pool(
    *,
    name: str,
    strategy: str | None,
    region: str | None,
    monthly: int | None,
    output_: str,
    **options: Any,
) -> None:
    """What a pool rotates by. A new address of it warms up by the band of its messages a month."""
    path = f"/pools/{segment(name)}/settings"
    body = {"strategy": strategy, "region": region, "monthly": monthly}
    answer = Act(options).post(Api(), path, body=body)
    if output_ == "json":
        return output.show_json(answer)
    click.echo(answer["text"])
    return None


def _automate(name: str, *, value: str, output_: str, options: dict[str, Any]) -> None:
    path = f"/pools/{segment(name)}/automation"
    answer = Act(options).post(Api(), path, body={"value": value})
    if output_ == "json":
        return output.show_json(answer)
    click.echo(answer["text"])
    return None


def _said(statuses: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in statuses.items())
