"""`mailfleet zone`: the blocklist zones we know, and a look by the collector's own resolver."""

from typing import Any

import click

from collector.cli import output
from collector.cli.acting import Act, acts
from collector.cli.api import Api, Json, segment

TIERS = ("critical", "major", "minor", "informational")
STATUSES = ("alive", "uncertain", "dead")


def _seconds(_: click.Context, option: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    units = {"m": 60, "h": 3600, "d": 86_400}
    if not (text[:-1].isascii() and text[:-1].isdigit() and text[-1:] in units):
        raise click.BadParameter(f"{text[:80]!r}: want a number and m, h or d", param=option)
    return int(text[:-1]) * units[text[-1]]


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
    headers = (
        *("ZONE", "OPERATOR", "TIER", "EVERY", "A DAY", "STATUS", "ACCESS", "DEFAULT", "WATCHED"),
    )
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


@zone.command("enable")
@click.argument("name", metavar="ZONE")
@acts(needs_reason=False)
@output.formats("table", "json")
def enable(*, name: str, output_: str, **options: Any) -> None:
    """Has the whole fleet look at a zone. A dead one is refused."""
    _change(name, {"enabled": True}, output_=output_, options=options)


@zone.command("disable")
@click.argument("name", metavar="ZONE")
@acts(needs_reason=True)
@output.formats("table", "json")
def disable(*, name: str, output_: str, **options: Any) -> None:
    """Has nobody look at a zone any more; what it lists counts no longer."""
    _change(name, {"enabled": False}, output_=output_, options=options)


@zone.command("set")
@click.argument("name", metavar="ZONE")
@click.option("--tier", type=click.Choice(TIERS), help="How much a listing there hurts.")
@click.option("--pace", callback=_seconds, help="How often it is looked at: 5m, 1h, 6h.")
@click.option(
    "--queries-per-day",
    type=click.IntRange(min=0),
    help="What its operator allows the fleet; 0: no limit.",
)
@acts(needs_reason=True)
@output.formats("table", "json")
def set_zone(*, name: str, output_: str, **options: Any) -> None:
    """What the fleet says of a zone instead of the catalogue. Nodes are told at once."""
    said = {
        "tier": options.pop("tier"),
        "pace_seconds": options.pop("pace"),
        "queries_per_day_max": options.pop("queries_per_day"),
    }
    wanted = {key: value for key, value in said.items() if value is not None}
    _change(name, wanted, output_=output_, options=options)


@zone.command("reset")
@click.argument("name", metavar="ZONE")
@acts(needs_reason=False)
@output.formats("table", "json")
def reset(*, name: str, output_: str, **options: Any) -> None:
    """The catalogue's own word on a zone again: undoes enable, disable and set."""
    _act(f"/zones/{segment(name)}/reset", {}, output_=output_, options=options)


def _change(name: str, body: Json, *, output_: str, options: dict[str, Any]) -> None:
    _act(f"/zones/{segment(name)}", body, output_=output_, options=options)


def _act(path: str, body: Json, *, output_: str, options: dict[str, Any]) -> None:
    answer = Act(options).post(Api(), path, body=body)
    if output_ == "json":
        return output.show_json(answer)
    click.echo(answer["text"])
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
        ("in its words", answer["reason"] or None),
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
    every = _every(item["pace_seconds"]) + (" (slowed)" if item["why_slower"] else "")
    return [*shown, every, f"{item['questions_per_day']:,}", *states]


def _facts(answer: Json) -> list[tuple[str, object]]:
    limit = answer["queries_per_day_max"]
    points = f"{answer['sentinel_listed']} listed, {answer['sentinel_clear']} not"
    return [
        ("zone", f"{answer['name']} ({answer['operator']})"),
        ("asked about", ", ".join(answer["kinds"])),
        ("tier", answer["tier"]),
        ("looked at every", _every(answer["pace_seconds"])),
        ("slower because", answer["why_slower"] or None),
        ("said by the fleet", ", ".join(f"{k} {v}" for k, v in answer["changed"].items()) or None),
        ("asked a day", f"{answer['questions_per_day']:,} times by the whole fleet"),
        ("status", f"{answer['status']}, {answer['seen']}: {answer['evidence']}"),
        ("by default", "on" if answer["enabled"] else f"off: {answer['why_disabled']}"),
        ("may be chosen", answer["why_not_selectable"] or True),
        ("watched now", answer["watched"]),
        ("access", answer["access"]),
        ("limits", answer["limits"]),
        ("queries a day", f"{limit:,}" if limit else None),
        ("asked by key as", answer["keyed_name"]),
        ("without an agent", answer["without_agent"] if answer["watched"] else None),
        ("nodes without its key", answer["nodes_without_key"] or None),
        ("test points", points if answer["sentinel_listed"] else "none"),
        ("delisting", answer["delisting"]),
        ("note", answer["note"]),
        ("codes by", answer["confirmed_by"]),
        ("source", f"{answer['source']}, read {answer['dated']}"),
    ]


def _every(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    if seconds % 60:
        return f"{seconds} s"
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"


def _of(node: str | None) -> str:
    return f", of node {node}" if node else ""
