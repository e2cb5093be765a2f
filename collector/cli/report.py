"""`mailfleet report`: what was, for people who were not there."""

import csv
import io
from html import escape

import click

from collector.cli import figures, output
from collector.cli.api import Api, Json

# Of the CSV, in this order; scripts rely on it.
COLUMNS = (
    *("attempts", "sent", "deferred", "bounced", "expired", "ours", "rejected"),
    *("first_sent", "first_deferred", "first_bounced", "first_unknown", "bytes_sent"),
    *("deferral_ratio", "bounce_ratio"),
)
STYLE = """body{font:15px system-ui,sans-serif;margin:2rem;color:#222}h1{font-size:1.4rem}
table{border-collapse:collapse;margin:0 0 2rem;width:54rem;font-variant-numeric:tabular-nums}
table{table-layout:fixed}th:first-child{width:17rem}
td,th{padding:.25rem .5rem;text-align:right}td:first-child,th:first-child{text-align:left}
th{font-size:.8rem;color:#666;border-bottom:1px solid #bbb}tr:nth-child(even){background:#f4f4f4}"""


@click.group()
def report() -> None:
    """Reports."""


@report.command("daily")
@click.option("--day", metavar="YYYY-MM-DD", help="Which day, in UTC; yesterday by default.")
@output.formats("table", "json", "csv", "html")
def daily(*, day: str | None, output_: str) -> None:
    """One day by receiver and by address: sent, deferred, bounced, rates."""
    answer = Api().get("/reports/daily", {"day": day})
    if output_ == "json":
        return output.show_json(answer)
    if output_ == "csv":
        click.echo(_csv(answer), nl=False)
        return None
    if output_ == "html":
        click.echo(_html(answer))
        return None
    if _is_empty(answer):
        click.echo(f"No mail on {answer['day']} (UTC). {AS_OF_TODAY}")
        return None
    for title, rows in _parts(answer):
        output.show_table((title, *figures.HEADERS), rows)
        click.echo()
    facts = [(f"{name}", count) for name, count in (answer["classes"] or {}).items()]
    output.show_facts([*_delays(answer), *facts])
    return None


AS_OF_TODAY = "Of today so far: mailfleet report daily --day YYYY-MM-DD"
NOTHING = {part: {"p50": None} for part in ("total", "connect", "transmit")}


def _is_empty(answer: Json) -> bool:
    return not (answer["total"]["attempts"] or answer["receivers"] or answer["addresses"])


def _delays(answer: Json) -> list[tuple[str, object]]:
    return figures.delays(answer["seconds"] or NOTHING, when=answer["day"])


def _parts(answer: Json) -> list[tuple[str, list[list[object]]]]:
    """Title and rows: the day, its receivers, its addresses."""
    return [
        (answer["day"], [["all", *figures.row(answer["total"])]]),
        ("RECEIVER", [[one["receiver"], *figures.row(one)] for one in answer["receivers"]]),
        ("ADDRESS", [[_address(one), *figures.row(one)] for one in answer["addresses"]]),
    ]


def _address(one: Json) -> str:
    return f"{one['address'] or 'unattributed'} ({one['node']})"


def _csv(answer: Json) -> str:
    """One row for all, one a receiver, one an address."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(("day", "of", "name", "node", *COLUMNS))
    rows = [("all", "", "", answer["total"])]
    rows += [("receiver", one["receiver"], "", one) for one in answer["receivers"]]
    rows += [("address", one["address"], one["node"], one) for one in answer["addresses"]]
    for of, name, node, counted in rows:
        counts = ("" if counted[column] is None else counted[column] for column in COLUMNS)
        writer.writerow((answer["day"], of, _plain(name), _plain(node), *counts))
    return written.getvalue()


def _plain(text: str) -> str:
    """A spreadsheet takes what begins so for a formula; a receiver's name may be anybody's."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _html(answer: Json) -> str:
    """A page of its own: no script, nothing from elsewhere."""
    heading = f"Mail of {answer['day']}" + ("" if answer["is_over"] else " (not over yet)")
    tables = "".join(_table(title, rows) for title, rows in _parts(answer))
    classes = [[name, count] for name, count in (answer["classes"] or {}).items()]
    said = _table("What replies meant", classes, headers=("ATTEMPTS",)) if classes else ""
    delays = [[name.partition(",")[0], within] for name, within in _delays(answer)]
    said += _table("How long it took", delays, headers=("HALF OF IT",)) if delays else ""
    if _is_empty(answer):
        tables = "<p>No mail on this day (UTC).</p>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(heading)}</title>'
        f"<style>{STYLE}</style><h1>{escape(heading)}</h1>{tables}{said}</html>"
    )


def _table(
    title: str, rows: list[list[object]], *, headers: tuple[str, ...] = figures.HEADERS
) -> str:
    head = "".join(f"<th>{escape(name.removeprefix('#'))}</th>" for name in (title, *headers))
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(output.word(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
