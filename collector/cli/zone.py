"""`mailfleet zone`: blocklist zones, asked by the collector's own resolver."""

import click

from collector.cli import output
from collector.cli.api import Api, segment


@click.group()
def zone() -> None:
    """The blocklist zones."""


@zone.command("test")
@click.argument("name", metavar="ZONE")
@click.argument("address")
@output.formats("table", "json")
def test(*, name: str, address: str, output_: str) -> None:
    """Asks a zone about an address, with the zone's sentinels. Changes nothing."""
    answer = Api().post(f"/zones/{segment(name)}/test", {"address": address})
    if output_ == "json":
        return output.show_json(answer)
    said = "; ".join(answer["meaning"]) or ", ".join(answer["answers"]) or answer["why"]
    facts = [
        ("zone", f"{answer['zone']} ({answer['operator']})"),
        ("address", f"{answer['address']}{_of(answer['node'])}"),
        ("verdict", answer["verdict"]),
        ("said", said),
        ("consequence", ", ".join(answer["consequence"])),
        ("sentinels", answer["sentinels"]),
    ]
    if answer["verdict"] == "listed":
        facts.append(("delisting", answer["delisting"]))
    output.show_facts(facts)
    return None


def _of(node: str | None) -> str:
    return f", of node {node}" if node else ""
