"""`mailfleet stop`: the two switches, never one."""

from typing import Any

import click

from collector.cli import output
from collector.cli.acting import Act, acts
from collector.cli.api import Api


@click.group()
def stop() -> None:
    """The two switches: stop automation, or stop sending. --lift undoes it."""


@stop.command("automation")
@click.option("--lift", is_flag=True, help="Allow it again.")
@acts(needs_reason=True)
@output.formats("table", "json")
def automation(*, lift: bool, output_: str, **options: Any) -> None:
    """Nothing automatic happens any more: no pause, no resume."""
    _switch("automation", lift=lift, output_=output_, options=options)


@stop.command("sending")
@click.option("--lift", is_flag=True, help="Allow it again.")
@acts(needs_reason=True)
@output.formats("table", "json")
def sending(*, lift: bool, output_: str, **options: Any) -> None:
    """Every node falls silent; mail is held, nothing is lost."""
    _switch("sending", lift=lift, output_=output_, options=options)


def _switch(what: str, *, lift: bool, output_: str, options: dict[str, Any]) -> None:
    answer = Act(options).post(Api(), f"/stop/{what}", body={"stop": not lift})
    if output_ == "json":
        return output.show_json(answer)
    click.echo(answer["text"])
    return None
