"""`mailfleet rotation`: who may send now, by what share, and grants for the sending platform."""

from typing import Any

import click

from collector.cli import output
from collector.cli.api import Api, Json, segment
from collector.cli.failure import Exit

WAIT_SECONDS = 20


@click.group()
def rotation() -> None:
    """Who may send now, and how much."""


@rotation.command("show")
@click.argument("pool", default="default")
@click.option("--receiver", help="Who may take mail for this one.")
@click.option("-w", "--watch", is_flag=True, help="Again with each new revision.")
@output.formats("table", "json")
def show(*, pool: str, receiver: str | None, watch: bool, output_: str) -> None:
    """A pool's members: share, caps, what was sent, and what stands against each."""
    api, path = Api(), f"/pools/{segment(pool)}/rotation"
    towards = {"receiver": receiver} if receiver else {}
    answer = api.get(path, towards)
    _show(answer, output_)
    while watch:
        before = answer["revision"]
        answer = api.get(path, {**towards, "after": before, "wait": WAIT_SECONDS})
        if answer["revision"] != before:
            _show(answer, output_)


@rotation.command("grant")
@click.argument("pool")
@click.argument("messages", type=click.IntRange(min=1))
@click.argument("receiver")
@click.option("--key", required=True, help="Asked again with the same key, the answer is the same.")
@click.option("--seconds", type=click.IntRange(1, 86_400), default=300, show_default=True)
@click.option("--region", default="", help="Its nodes before all others.")
@click.option("--domain", default="", help="The sending domain: while it warms up its caps bind.")
@click.option("--only-there", is_flag=True, help="No node of another region.")
@output.formats("table", "json")
def grant(
    *, pool: str, messages: int, receiver: str, seconds: int, output_: str, **more: Any
) -> None:
    """Which nodes may take MESSAGES for RECEIVER now; counted against their caps. Exit code 4 when
    they are to be held."""
    body = {
        "messages": messages,
        "receiver": receiver,
        "lifetime_seconds": seconds,
        **more,
    }
    answer = Api().post(f"/pools/{segment(pool)}/grants", body)
    if output_ == "json":
        output.show_json(answer)
    else:
        _show_grant(answer)
    if answer["decision"] == "hold":
        click.get_current_context().exit(Exit.REFUSED)


def _show(answer: Json, output_: str) -> None:
    if output_ == "json":
        return output.show_json(answer)
    where = f", {answer['region']} first" if answer["region"] else ""
    towards = f", mail for {answer['receiver']}" if answer["receiver"] else ""
    stopped = "; sending is stopped for the whole fleet" if answer["is_stopped"] else ""
    click.echo(
        f"pool {answer['pool']}, revision {answer['revision']}:"
        f" {answer['strategy']}{where}{towards};"
        f" {answer['capacity_per_hour']} an hour{stopped}\n"
    )
    if answer["decision"] == "hold":
        click.echo("no address may send now: hold the mail\n")
    headers = ("ADDRESS", "NODE", "#SHARE", "#SCORE", "#TODAY", "#CAP", "#HOUR", "#CAP", "AGAINST")
    output.show_table(headers, (_row(one) for one in answer["members"]))
    return None


def _row(one: Json) -> list[object]:
    ways = [f"blocked by {name}" for name in one["blocked_receivers"]]
    against = "; ".join(dict.fromkeys([*one["against"], *ways]))
    return [
        one["address"],
        one["node"],
        f"{one['share']:.1%}",
        one["reputation_score"],
        one["sent_today"],
        one["cap_day"],
        one["sent_this_hour"],
        one["cap_hour"],
        against,
    ]


def _show_grant(answer: Json) -> None:
    if answer["decision"] == "hold":
        click.echo(f"hold them: no address may take mail for {answer['receiver']} now")
    else:
        click.echo(
            f"{answer['granted']} of {answer['asked']} for {answer['receiver']}"
            f" until {answer['expires_at']}\n"
        )
        rows = ([one["address"], one["node"], one["messages"]] for one in answer["allocations"])
        output.show_table(("ADDRESS", "NODE", "#MESSAGES"), rows)
    for held in answer["held_because"]:
        click.echo(f"{held['addresses']} of the addresses: {held['reason']}")
    if answer["retry_at"]:
        click.echo(f"ask again at {answer['retry_at']}")
