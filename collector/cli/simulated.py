"""How a simulation of the policy is shown: its slices as one answer, sums first, then addresses."""

from collections.abc import Sequence

import click

from collector.cli import moments, output
from collector.cli.api import Json

ROWS_MAX = 50  # shown to people; with -o json all


def joined(answer: Json, *, before: Json) -> Json:
    """One answer of two that follow each other, with its sums."""
    items = [*before.get("items", ()), *answer["items"]]
    addresses = before.get("addresses", 0) + answer["addresses"]
    return {
        **{name: answer[name] for name in ("since", "until", "changes", "limits")},
        "items": items,
        "addresses": addresses,
        "nodes": before.get("nodes", 0) + answer["nodes"],
        "summary": summary(items, addresses=addresses, days=_days(answer)),
    }


def summary(items: Sequence[Json], *, addresses: int, days: float) -> Json:
    """`capacity_*`: part of the fleet's address-hours."""
    hours = addresses * days * 24 or 1.0
    return {
        "addresses_would": sum(bool(one["would"]) for one in items),
        "addresses_really": sum(bool(one["really"]) for one in items),
        "only_under_this_policy": sum(one["verdict"] == "only under this policy" for one in items),
        "only_really": sum(one["verdict"] == "only really" for one in items),
        "capacity_would": round(sum(one["hours_would"] for one in items) / hours, 6),
        "capacity_really": round(sum(one["hours_really"] for one in items) / hours, 6),
        "mail_would": sum(one["mail_would"] for one in items),
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


def _days(answer: Json) -> float:
    return moments.between(answer["since"], then=answer["until"]).total_seconds() / 86_400
