"""What goes to stdout: tables for people, JSON and names for programs. rich is loaded when used."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from collector.cli.failure import colourful

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPE_COLUMNS = 1000  # wide enough that nothing is cut when a program reads
COLOURS = {
    "active": "green",
    "warming": "cyan",
    "healthy": "green",
    "degraded": "yellow",
    "paused": "yellow",
    "maintenance": "blue",
    "provisioning": "blue",
    "unhealthy": "red",
    "critical": "red",
    "failed": "red",
    "fresh": "green",
    "late": "yellow",
    "lost": "red",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
    "high": "red",
    "medium": "yellow",
    "act": "green",
    "observe": "yellow",
}

Command = Callable[..., Any]


def formats(*names: str) -> Callable[[Command], Command]:
    """The `-o` option: table, json, and name where things have names."""
    return click.option(
        "-o",
        "--output",
        "output_",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="How to show it.",
    )


def show_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show_names(items: Iterable[dict[str, Any]]) -> None:
    for item in items:
        click.echo(item["name"])


def show_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns without lines; cells are coloured by their word."""
    show(table(headers, rows))


def show_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Name and value, a line each."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table.grid(padding=(0, 2))
    for name, value in facts:
        drawn.add_row(Text(name, style="bold"), Text(word(value), style=_colour(value)))
    show(drawn)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        is_number = header.startswith("#")
        drawn.add_column(
            header.removeprefix("#"),
            justify="right" if is_number else "left",
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*(Text(word(cell), style=_colour(cell)) for cell in row))
    return drawn


def _colour(cell: object) -> str:
    return COLOURS.get(word(cell), "")


def word(cell: object) -> str:
    """A cell's text; "-" for what is not there."""
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return str(cell)


def show(renderable: "RenderableType") -> None:
    """Without trailing blanks, which rich pads lines with."""
    drawing = console()
    with drawing.capture() as captured:
        drawing.print(renderable)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), color=colourful(sys.stdout))


def console() -> "Console":
    """As wide as the terminal; on a pipe wide enough for everything."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    return Console(
        width=None if is_terminal or "COLUMNS" in os.environ else PIPE_COLUMNS,
        highlight=False,
        markup=False,
        emoji=False,
        no_color=not colourful(sys.stdout),
    )


def show_line(value: object) -> None:
    """One object on one line, for programs that read a stream."""
    click.echo(json.dumps(value, ensure_ascii=False))
