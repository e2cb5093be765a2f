"""What a change of the policy says: and when it is only tried, whom it would hit now."""

import sys

import click

from collector.cli import output
from collector.cli.api import Api, Json

ROWS_MAX = 50  # shown to people; with -o json all


def tell(answer: Json, output_: str) -> None:
    """The answer of an act on the policy."""
    is_tried = answer["dry_run"] and answer["changes"]
    preview = _asked({one["name"]: one["after"] for one in answer["changes"]}) if is_tried else None
    if output_ == "json":
        return output.show_json(answer if preview is None else {**answer, "preview": preview})
    click.echo(answer["text"])
    return None if preview is None else _show(preview)


def _asked(values: dict[str, str]) -> Json:
    """All slices as one; on a terminal with a word of progress."""
    api, items, nodes = Api(), list[Json](), 0
    answer: Json = {"after": "", "moved": {}}
    while answer["after"] is not None:
        body = {"values": values, "after": answer["after"], "moved": answer["moved"]}
        answer = api.post("/policy/preview", body)
        items += answer["items"]
        nodes += answer["nodes"]
        if answer["after"] is not None and sys.stderr.isatty():
            click.echo(f"\r{nodes} of {answer['fleet']} nodes", nl=False, err=True)
    moved = answer["moved"].values()
    leave, come = (sum(pair[which] for pair in moved) for which in (0, 1))
    return {
        "items": items,
        "nodes": nodes,
        "in_rotation": answer["in_rotation"],
        "would_leave": leave,
        "would_come_back": come,
        "capacity_lost": round((leave - come) / (answer["in_rotation"] or 1), 6),
        "limits": answer["limits"],
    }


def _show(preview: Json) -> None:
    """What differs from what is decided now, withheld things too."""
    looked = f"{preview['nodes']} nodes, as they are now"
    if not preview["items"]:
        click.echo(f"looked at {looked}: nobody would be paused or let go by it")
    else:
        inside, lost = preview["in_rotation"], preview["capacity_lost"]
        output.show_facts(
            [
                ("looked at", looked),
                ("would leave the rotation", f"{preview['would_leave']} of {inside} addresses"),
                ("would come back", preview["would_come_back"]),
                ("capacity lost", f"{lost:.2%}"),
            ]
        )
        click.echo()
        headers = ("NODE", "ADDRESS", "POOL", "WHAT", "WHY", "UNDER THESE VALUES", "NOW")
        output.show_table(headers, (_row(one) for one in preview["items"][:ROWS_MAX]))
        if len(preview["items"]) > ROWS_MAX:
            click.echo(f"and {len(preview['items']) - ROWS_MAX} more: -o json")
    click.echo("\nWhat this cannot tell:")
    for limit in preview["limits"]:
        click.echo(f"  {limit}")


def _row(item: Json) -> list[object]:
    subject = " at ".join(filter(None, (item["address"], item["receiver"]))) or None
    what = f"{item['kind']} {item['reason']}"
    fate = item["fate"] or "not asked for"
    then = f"{fate}: {item['brake']}" if item["brake"] else fate
    now = item["fate_now"] or "not asked for"
    return [item["node"], subject, item["pool"], what, item["rule"], then, now]
