"""`mailfleet zone`: the blocklist zones we know, and a look by the collector's own resolver."""

import click

from collector.cli import output
from collector.cli.api import Api, Json, segment

TIERS = ("critical", "major", "minor", "informational")
STATUSES = ("alive", "uncertain", "dead")


@click.group()
def zone() -> None:
    """The blocklist zones: which there are, what they say, whether they answer."""


@zone.command("ls")
@click.option("--all", "everything", is_flag=True, help="Those nobody may choose, too.")
@click.option("--tier", type=click.Choice(TIERS), help="Only these.")
@click.option("--status", type=click.Choice(STATUSES), help="Only these; the dead, too.")
@output.formats("table", "json", "name")
def list_zones(*, everything: bool, tier: str | None, status: str | None, output_: str) -> None:
    """The zones one may choose: on by default or not, and looked at now or not."""
    query = {"everything": "true" if everything else None, "tier": tier, "status": status}
    answer = Api().get("/zones", query)
    if output_ == "json":
        return output.show_json(answer)
    if output_ == "name":
        return output.show_names(answer["items"])
    headers = ("ZONE", "OPERATOR", "TIER", "EVERY", "STATUS", "ACCESS", "DEFAULT", "WATCHED")
    output.show_table(headers, (_row(item) for item in answer["items"]))
    return None


@zone.command("show")
@click.argument("name", metavar="ZONE")
@output.formats("table", "json")
def show(*, name: str, output_: str) -> None:
    """One zone: its codes and meanings, access, delisting, why it is off, and who says so."""
    answer = Api().get(f"/zones/{segment(name)}")
    if output_ == "json":
        return output.show_json(answer)
    output.show_facts(_facts(answer))
    codes = [
        *[[one["answer"], one["consequence"], one["meaning"]] for one in answer["codes"]],
        *[[one["answer"], "no listing", one["meaning"]] for one in answer["not_listings"]],
        *[[code, "refusal", meaning] for code, meaning in answer["refusals"].items()],
    ]
    if codes:
        click.echo()
        output.show_table(("ANSWER", "ASKS FOR", "MEANING"), codes)
    return None


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


def _row(item: Json) -> list[object]:
    shown = [item[name] for name in ("name", "operator", "tier")]
    states = [item["status"], item["access"], item["enabled"], item["watched"]]
    return [*shown, _every(item["pace_seconds"]), *states]


def _facts(answer: Json) -> list[tuple[str, object]]:
    limit = answer["queries_per_day_max"]
    points = f"{answer['sentinel_listed']} listed, {answer['sentinel_clear']} not"
    return [
        ("zone", f"{answer['name']} ({answer['operator']})"),
        ("asked about", ", ".join(answer["kinds"])),
        ("tier", answer["tier"]),
        ("looked at every", _every(answer["pace_seconds"])),
        ("status", f"{answer['status']}, {answer['seen']}: {answer['evidence']}"),
        ("by default", "on" if answer["enabled"] else f"off: {answer['why_disabled']}"),
        ("may be chosen", answer["why_not_selectable"] or True),
        ("watched now", answer["watched"]),
        ("access", answer["access"]),
        ("limits", answer["limits"]),
        ("queries a day", f"{limit:,}" if limit else None),
        ("asked by key as", answer["keyed_name"]),
        ("test points", points if answer["sentinel_listed"] else "none"),
        ("delisting", answer["delisting"]),
        ("note", answer["note"]),
        ("codes by", answer["confirmed_by"]),
        ("source", f"{answer['source']}, read {answer['dated']}"),
    ]


def _every(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"


def _of(node: str | None) -> str:
    return f", of node {node}" if node else ""
