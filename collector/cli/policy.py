"""`mailfleet policy`: every threshold, who set it when and why, and the way back."""

import sys
from datetime import datetime
from typing import Any

import click

from collector.cli import moments, output, previewed, simulated
from collector.cli.acting import Act, acts
from collector.cli.api import Api, Json
from collector.cli.failure import Exit, Failure


@click.group()
def policy() -> None:
    """Every threshold that decides: values, bounds, revisions."""


@policy.command("show")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@output.formats("table", "json")
def show(*, names: tuple[str, ...], changed: bool, output_: str) -> None:
    """Each value, its default, its bounds, and what it does; NAME may be a part of a name."""
    answer = Api().get("/policy")
    items = [
        one
        for one in answer["items"]
        if (not names or any(name in one["name"] for name in names))
        and not (changed and one["is_default"])
    ]
    if output_ == "json":
        return output.show_json({**answer, "items": items})
    note = f": {answer['note']}" if answer["note"] else ""
    click.echo(f"revision {answer['revision']}, by {answer['made_by']}, {answer['at']}{note}\n")
    headers = ("NAME", "#VALUE", "#DEFAULT", "#FROM", "#TO", "UNIT", "WHAT IT DOES")
    output.show_table(headers, (_row(one) for one in items))
    return None


@policy.command("set")
@click.argument("values", metavar="NAME=VALUE...", nargs=-1, required=True)
@acts(needs_reason=True)
@output.formats("table", "json")
def set_values(*, values: tuple[str, ...], output_: str, **options: Any) -> None:
    """Sets values as a new revision, in force at once: bounce_alert=4% blind_after=2h

    --dry-run says whom it would pause or let go now. Try it on what was with `mailfleet policy
    simulate`, undo it with `mailfleet policy rollback`.
    """
    answer = Act(options).post(Api(), "/policy", body={"values": given(values)})
    previewed.tell(answer, output_)


@policy.command("history")
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@output.formats("table", "json")
def history(*, limit: int, output_: str) -> None:
    """Revisions, newest first: who, when, why, and what changed."""
    answer = Api().get("/policy/history", {"limit": limit})
    if output_ == "json":
        return output.show_json(answer)
    rows = (
        [
            one["revision"],
            moments.short(one["at"]),
            one["made_by"],
            "\n".join(f"{c['name']} {c['before']} → {c['after']}" for c in one["changes"]),
            one["note"],
        ]
        for one in answer["items"]
    )
    output.show_table(("#REVISION", "AT", "BY", "CHANGED", "WHY"), rows)
    return None


@policy.command("rollback")
@click.argument("revision", type=click.IntRange(min=1))
@acts(needs_reason=True)
@output.formats("table", "json")
def rollback(*, revision: int, output_: str, **options: Any) -> None:
    """The values of an earlier revision, as a new one; --dry-run says whom that would hit."""
    answer = Act(options).post(Api(), "/policy/rollback", body={"revision": revision})
    previewed.tell(answer, output_)


@policy.command("simulate")
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--since", default="7d", show_default=True, help="24h, 7d or a date.")
@output.formats("table", "json")
def simulate(*, values: tuple[str, ...], since: str, output_: str) -> None:
    """Who would have been paused under these values, when and how long, beside what really was.

    Without values: under the policy in force. What the journal cannot tell is said with it.
    """
    answer = _simulated(given(values), moments.since(since))
    if output_ == "json":
        return output.show_json(answer)
    simulated.show(answer)
    return None


def _simulated(values: dict[str, str], since: datetime) -> Json:
    """All slices as one answer; on a terminal with a word of progress."""
    api, after = Api(), ""
    whole: Json = {}
    sums: Json | None = None
    while True:
        body = {"values": values, "since": since.isoformat(), "after": after, "before": sums}
        answer = api.post("/policy/simulate", body)
        whole = simulated.joined(answer, before=whole)
        after, sums = answer["after"], answer["summary"]
        if after is None:
            return whole
        if sys.stderr.isatty():
            click.echo(f"\r{whole['nodes']} of {answer['fleet']} nodes", nl=False, err=True)


def given(values: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE as pairs. Failure when one is not."""
    found = {}
    for one in values:
        name, equals, value = one.partition("=")
        if not (name and equals and value):
            raise Failure(
                f"{one!r} is not NAME=VALUE", fix="mailfleet policy show", code=Exit.USAGE
            )
        found[name.strip()] = value.strip()
    return found


def _row(item: Json) -> list[object]:
    bounds = [_bound(item[name]) for name in ("least", "most")]
    return [item["name"], item["value"], item["default"], *bounds, item["unit"], item["does"]]


def _bound(number: float | None) -> str | None:
    return None if number is None else f"{number:,.6f}".rstrip("0").rstrip(".")
