"""`mailfleet receiver`: mailbox providers, and how they take our mail."""

import click

from collector.cli import figures, output
from collector.cli.api import Api, Json, segment
from collector.cli.moments import ago


@click.group()
def receiver() -> None:
    """Mailbox providers: what they take, defer and refuse."""


@receiver.command("ls")
@output.formats("table", "json", "name")
def list_receivers(*, output_: str) -> None:
    """Every receiver tried within two hours, the greatest first."""
    answer = Api().get("/receivers")
    if output_ == "json":
        return output.show_json(answer)
    if output_ == "name":
        return output.show_names({"name": item["receiver"]} for item in answer["items"])
    headers = ("RECEIVER", "STATE", *figures.HEADERS, "2 H")
    output.show_table(headers, (_row(item) for item in answer["items"]))
    return None


@receiver.command("show")
@click.argument("name", metavar="RECEIVER")
@output.formats("table", "json")
def show(*, name: str, output_: str) -> None:
    """One receiver: its rates, our addresses there, its own newest words."""
    answer = Api().get(f"/receivers/{segment(name)}")
    if output_ == "json":
        return output.show_json(answer)
    output.show_facts(_facts(answer))
    if answer["addresses"]:
        click.echo()
        rows = ([one["address"], one["node"], *figures.row(one)] for one in answer["addresses"])
        output.show_table(("ADDRESS", "NODE", *figures.HEADERS), rows)
    if answer["replies"]:
        click.echo()
        said = (
            [one["class"], ago(one["at"]), one["node"], one["text"]] for one in answer["replies"]
        )
        output.show_table(("MEANS", "AGO", "NODE", "IT SAID"), said)
    return None


def _row(item: Json) -> list[object]:
    sustained = {True: "deferring", False: "no", None: None}[item["deferring_for_two_hours"]]
    return [item["receiver"], item["state"], *figures.row(item), sustained]


def _facts(answer: Json) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("receiver", answer["receiver"]),
        ("state", answer["state"]),
        ("attempts, 2 h", answer["attempts"]),
        ("deferred first, 2 h", figures.percent(answer["deferral_ratio"])),
        ("bounced first, 2 h", figures.percent(answer["bounce_ratio"])),
    ]
    facts += figures.delays(answer["seconds_today"])
    if answer["connect_expected_ms"]:
        low, high = answer["connect_expected_ms"]
        facts.append(("expected latency", f"{low}-{high} ms"))
    facts += [(f"{name}, today", count) for name, count in answer["classes_today"].items()]
    return facts
