"""`mailfleet status`, `why` and `events`: the questions people ask first."""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from collector.cli import moments, output, pages
from collector.cli.api import Api, Json, segment
from collector.cli.failure import Exit, Failure

if TYPE_CHECKING:
    from rich.console import RenderableType

REFRESH_SECONDS = 1.0
PAGE = 1000


@click.command()
@click.option("-w", "--watch", is_flag=True, help="Keep showing it, each second.")
@output.formats("table", "json")
def status(*, watch: bool, output_: str) -> None:
    """Which addresses are hurting, and what was done about it?"""
    api = Api()
    if output_ == "json":
        return output.show_json(api.get("/status"))
    if watch:
        return _watch(lambda: pages.status(api.get("/status")))
    output.show(pages.status(api.get("/status")))
    return None


@click.command()
@click.argument("subject", metavar="NODE|ADDRESS|EVENT|DECISION")
@output.formats("table", "json")
def why(*, subject: str, output_: str) -> None:
    """Why does it send, or why not: evidence, rule, decision, effect, and how to undo it."""
    answer = Api().get(f"/why/{segment(subject)}")
    if output_ == "json":
        return output.show_json(answer)
    output.show(pages.why(answer))
    return None


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on as things happen.")
@click.option("--since", default="1h", show_default=True, help="24h, 90m, 7d or a date.")
@click.option("--node", help="Only about this node.")
@output.formats("table", "json")
def events(*, follow: bool, since: str, node: str | None, output_: str) -> None:
    """What happened, oldest first; -f goes on, with -o json one object a line."""
    pages_ = _pages(moments.since(since), node)
    if output_ == "json" and not follow:
        return output.show_json({"items": [event for page in _all(pages_) for event in page]})
    show = output.show_line if output_ == "json" else _line
    for page in pages_ if follow else _all(pages_):
        for event in page:
            show(event)
        sys.stdout.flush()
    return None


def _pages(since: datetime, node: str | None) -> Iterator[list[Json]]:
    """For ever: what is there, then what comes; an empty page when nothing new came."""
    api, after = Api(), 0
    query = {"since": since.isoformat(), "node": node, "limit": PAGE}
    while True:
        answer = api.get("/events", {**query, "after": after})
        after = answer["after"]
        yield answer["items"]
        if len(answer["items"]) < PAGE:
            time.sleep(REFRESH_SECONDS)


def _all(endless: Iterator[list[Json]]) -> Iterator[list[Json]]:
    """Up to the first page that is not full."""
    for page in endless:
        yield page
        if len(page) < PAGE:
            return


def _line(event: Json) -> None:
    click.echo(pages.event(event))


def _watch(draw: Callable[[], "RenderableType"]) -> None:
    """On the alternate screen, redrawn in one write; the last answer stays while none comes."""
    from rich.live import Live
    from rich.text import Text

    console = output.console()
    if not console.is_terminal:
        while True:
            output.show(draw())
            click.echo()
            sys.stdout.flush()
            time.sleep(REFRESH_SECONDS)
    shown: RenderableType = Text("")
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                shown = draw()
                live.update(shown, refresh=True)
            except Failure as failure:
                if failure.code not in (Exit.UNREACHABLE, Exit.TIMED_OUT):
                    raise
                live.update(pages.stale(shown, failure.what), refresh=True)
            time.sleep(REFRESH_SECONDS)
