"""How a simulation of the policy is shown: its slices as one answer, sums first, then addresses."""

from collections.abc import Sequence

import click

from collector.cli import moments, output
from collector.cli.api import Json

ROWS_MAX = 50  # shown to people; with -o json all


def joined(answer: Json, *, before: Json) -> Json:
    """One answer of two that follow each other; the later one has the sums."""
    return {
        **{name: answer[name] for name in ("since", "until", "changes", "limits", "summary")},
        "items": [*before.get("items", ()), *answer["items"]],
        "addresses": before.get("addresses", 0) + answer["addresses"],
        "nodes": before.get("nodes", 0) + answer["nodes"],
    }


def show(answer: Json) -> None:
    """For people: what was asked, the sums, who differs first, and what is not known."""
    said, sums = answer["changes"], answer["summary"]
    changes = ", ".join(f"{one['name']} {one['before']} → {one['after']}" for one in said)
    since, until = moments.short(answer["since"]), moments.short(answer["until"])
    output.show_facts(
        [
            ("policy", changes or "as it is"),
            ("looked at", f"{answer['addresses']} addresses, {since} to {until}"),
            ("would have been paused", _share(sums, "would")),
            ("really were", _share(sums, "really")),
            ("only under this policy", sums["only_under_this_policy"]),
            ("only really", sums["only_really"]),
            ("mail in those hours", f"{sums['mail_would']:,} attempts"),
        ]
    )
    if answer["items"]:
        click.echo()
        items = sorted(answer["items"], key=lambda one: (one["verdict"] == "both", one["node"]))
        headers = ("ADDRESS", "NODE", "POOL", "WOULD HAVE BEEN", "REALLY WAS", "#ATTEMPTS")
        output.show_table(headers, (_row(one) for one in items[:ROWS_MAX]))
        if len(items) > ROWS_MAX:
            click.echo(f"and {len(items) - ROWS_MAX} more: -o json")
    click.echo("\nWhat this cannot tell:")
    for limit in answer["limits"]:
        click.echo(f"  {limit}")


def _share(sums: Json, which: str) -> str:
    return f"{sums[f'addresses_{which}']} addresses, {sums[f'capacity_{which}']:.2%} of capacity"


def _row(item: Json) -> list[object]:
    told = [_told(item["would"]), _told(item["really"])]
    return [item["address"], item["node"], item["pool"], *told, item["mail_would"]]


def _told(episodes: Sequence[Json]) -> str:
    return "\n".join(
        f"{one['reason']} {moments.short(one['since'])}, {one['hours']:g} h: {one['why']}"
        for one in episodes
    )
