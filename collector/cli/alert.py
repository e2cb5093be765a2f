"""`mailfleet alert`: incidents, acknowledgements, silences, and the channels people are told by."""

import re
from typing import Any

import click

from collector.cli import output, pages_alerts
from collector.cli.acting import Act, acts
from collector.cli.api import Api
from collector.cli.failure import Exit
from collector.cli.moments import ago, short

UNITS = {"m": 60, "h": 3600, "d": 86_400}
SEVERITIES = ("high", "medium", "low")
MATCHERS = ("cause", "zone", "node", "pool", "address")


def seconds(text: str) -> int:
    """Of 30m, 2h, 3d. click.BadParameter."""
    found = re.fullmatch(r"([1-9][0-9]{0,3})([mhd])", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not like 30m, 2h or 3d", param_hint="'--for'")
    return int(found[1]) * UNITS[found[2]]


@click.group()
def alert() -> None:
    """What stands: look, say that you have seen it, silence it for a while, test the channels."""


@alert.command("ls")
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Only these.")
@click.option("--cause", help="Only of this cause, such as listed or unhealthy.")
@output.formats("table", "json")
def list_alerts(*, everything: bool, severity: str | None, cause: str | None, output_: str) -> None:
    """Open incidents, one a cause, the gravest first."""
    query = {"everything": "true" if everything else None, "severity": severity, "cause": cause}
    answer = Api().get("/alerts", query)
    if output_ == "json":
        return output.show_json(answer)
    headers = ("#NO", "SEVERITY", "STATE", "FOR", "#ALERTS", "WHAT")
    rows = (
        (
            one["number"],
            one["severity"],
            pages_alerts.state(one),
            ago(one["opened_at"]),
            one["standing"],
            one["text"],
        )
        for one in answer["items"]
    )
    output.show_table(headers, rows)
    return None


@alert.command("show")
@click.argument("number", type=click.IntRange(min=1))
@output.formats("table", "json")
def show(*, number: int, output_: str) -> None:
    """One incident: its alerts, what was said to whom, and what one can do."""
    answer = Api().get(f"/alerts/{number}")
    if output_ == "json":
        return output.show_json(answer)
    output.show(pages_alerts.incident(answer))
    return None


@alert.command("ack")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--undo", is_flag=True, help="Nobody has seen it after all.")
@acts(needs_reason=False)
@output.formats("table", "json")
def acknowledge(*, number: int, undo: bool, output_: str, **options: Any) -> None:
    """Says that you have seen it: no reminders, until something new happens."""
    answer = Act(options).post(Api(), f"/alerts/{number}/ack", body={"undo": undo})
    _say(answer, output_)


@alert.command("silence")
@click.option("--for", "lasts", required=True, help="30m, 2h, 3d; 7d at most.")
@click.option("--cause", help="Such as unhealthy; a High listing wants its cause named: listed.")
@click.option("--zone", help="A blocklist zone.")
@click.option("--node", help="A node, by name or id.")
@click.option("--pool", help="A pool, by name.")
@click.option("--address", help="One sending address.")
@acts(needs_reason=True)
@output.formats("table", "json")
def silence(*, lasts: str, output_: str, **options: Any) -> None:
    """Tells nobody of what fits every option given, until then. It stands and is shown."""
    body = {name: options.pop(name) for name in MATCHERS}
    answer = Act(options).post(Api(), "/silences", body={"lasts": seconds(lasts), **body})
    _say(answer, output_)


@alert.command("unsilence")
@click.argument("number", type=click.IntRange(min=1))
@acts(needs_reason=True)
@output.formats("table", "json")
def unsilence(*, number: int, output_: str, **options: Any) -> None:
    """Ends a silence now; what still stands is told."""
    _say(Act(options).post(Api(), f"/silences/{number}/end", body={}), output_)


@alert.command("silences")
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@output.formats("table", "json")
def list_silences(*, everything: bool, output_: str) -> None:
    """What is silenced until when, by whom and why, and which alerts that covers."""
    answer = Api().get("/silences", {"everything": "true" if everything else None})
    if output_ == "json":
        return output.show_json(answer)
    headers = ("#NO", "WHAT", "UNTIL", "BY", "REASON", "#COVERS")
    rows = (
        (
            one["number"],
            pages_alerts.matchers(one),
            short(one["ends_at"]) + (f", ended by {one['ended_by']}" if one["ended_by"] else ""),
            one["made_by"],
            one["reason"],
            len(one["covers"]),
        )
        for one in answer["items"]
    )
    output.show_table(headers, rows)
    return None


@alert.command("channels")
@output.formats("table", "json", "name")
def channels(*, output_: str) -> None:
    """How people are told, and how each channel does."""
    answer = Api().get("/channels")
    if output_ == "json":
        return output.show_json(answer)
    if output_ == "name":
        return output.show_names(answer["items"])
    headers = ("CHANNEL", "KIND", "#WAITING", "LAST SENT", "PROBLEM")
    rows = (
        (
            one["name"],
            one["kind"],
            one["waiting"],
            f"{ago(one['sent_at'])} ago" if one["sent_at"] else "never",
            one["problem"],
        )
        for one in answer["items"]
    )
    output.show_table(headers, rows)
    return None


@alert.command("test")
@click.argument("channel", required=False)
@output.formats("table", "json")
def test(*, channel: str | None, output_: str) -> int:
    """Sends a real test notice through one channel, or all; exits 1 when one fails."""
    answer = Api(seconds=180).post("/channels/test", {"channel": channel})
    failed = [one for one in answer["items"] if not one["ok"]]
    if output_ == "json":
        output.show_json(answer)
    elif not answer["items"]:
        click.echo("no channel is configured: see [notify] in collector.toml")
    else:
        headers = ("CHANNEL", "KIND", "OUTCOME", "SECONDS", "SAID")
        rows = (
            (one["name"], one["kind"], "ok" if one["ok"] else "fail", one["seconds"], one["said"])
            for one in answer["items"]
        )
        output.show_table(headers, rows)
    return Exit.FAILED if failed or not answer["items"] else Exit.OK


def _say(answer: dict[str, Any], output_: str) -> None:
    if output_ == "json":
        return output.show_json(answer)
    click.echo(answer["text"])
    return None
