"""`mailfleet replay`: judges a stored decision once more."""

import click

from collector.cli import output
from collector.cli.api import Api, Json, segment
from collector.cli.failure import Exit


@click.command()
@click.argument("decision", metavar="DECISION")
@output.formats("table", "json")
def replay(*, decision: str, output_: str) -> int:
    """Judges a decision again from what was stored beside it, and shows what differs.

    Ends with 11 when the same version of the rules decides otherwise: that is a fault of ours.
    With 10 when another version does, or when not all of it was kept.
    """
    answer = Api().get(f"/decisions/{segment(decision)}/replay")
    if output_ == "json":
        output.show_json(answer)
    else:
        _show(answer)
    is_same = answer["core_version_then"] == answer["core_version_now"]
    if answer["outcome"] == "identical":
        return Exit.OK
    return Exit.CRITICAL if answer["outcome"] == "different" and is_same else Exit.WARN


def _show(answer: Json) -> None:
    made = answer["decision"]
    then, now = answer["core_version_then"], answer["core_version_now"]
    whom = made["address"] or "the whole node"
    output.show_facts(
        [
            ("decision", f"{made['kind']} {whom} of {made['node']}, {made['reason']}"),
            ("at", made["at"]),
            ("fate", f"{made['fate']} ({made['brake']})" if made["brake"] else made["fate"]),
            ("policy", f"revision {made['policy_revision']}"),
            ("rules", f"version {then}" if then == now else f"version {then}, judged by {now}"),
            ("judged again", answer["outcome"]),
            *(("not kept", one) for one in answer["missing"]),
        ]
    )
    if answer["differences"]:
        click.echo()
        rows = [[one["what"], one["stored"], one["now"]] for one in answer["differences"]]
        output.show_table(("WHAT", "STORED", "NOW"), rows)
