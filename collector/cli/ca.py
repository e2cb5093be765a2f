"""`mailfleet ca`: the fleet's certificate authority."""

from typing import Any

import click

from collector.cli import output
from collector.cli.acting import Act, acts
from collector.cli.api import Api


@click.group()
def ca() -> None:
    """The fleet's certificate authority."""


@ca.command("show")
@output.formats("table", "json", "pem")
def show(*, output_: str) -> None:
    """The roots trusted now; -o pem prints them."""
    answer = Api().get("/ca")
    if output_ == "json":
        return output.show_json(answer)
    if output_ == "pem":
        click.echo(answer["pem"], nl=False)
        return None
    facts = [
        ("fleet", answer["fleet"]),
        ("collector", ", ".join(answer["names"])),
        *((f"root {index + 1} ends", end) for index, end in enumerate(answer["ends_at"])),
        ("listeners' certificate ends", answer["listener_ends_at"]),
    ]
    output.show_facts(facts)
    return None


@ca.command("rotate")
@acts(needs_reason=True)
@output.formats("table", "json")
def rotate(*, output_: str, **options: Any) -> None:
    """A new root issues from now on; the one before stays trusted."""
    answer = Act(options).post(Api(), "/ca/rotate", body={})
    if output_ == "json":
        return output.show_json(answer)
    click.echo(answer["text"])
    return None
