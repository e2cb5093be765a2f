"""`mailfleet node`: the nodes, and what a person may do with them."""

from typing import Any

import click

from collector.cli import output
from collector.cli.acting import Act, acts, each
from collector.cli.api import Api, Json, segment
from collector.cli.moments import ago


@click.group()
def node() -> None:
    """The nodes: look, join, pause, resume."""


@node.command("ls")
@click.option("--pool", help="Only of this pool.")
@click.option("--status", help="Only with this status, such as paused or unhealthy.")
@output.formats("table", "json", "name")
def list_nodes(*, pool: str | None, status: str | None, output_: str) -> None:
    """All nodes: status, health, addresses, pauses."""
    answer = Api().get("/nodes", {"pool": pool, "status": status})
    if output_ == "json":
        return output.show_json(answer)
    if output_ == "name":
        return output.show_names(answer["items"])
    headers = ("NODE", "STATUS", "HEALTH", "POOL", "ADDRESS", "ROTATION", "WHY NOT", "HEARD")
    output.show_table(headers, (_row(item) for item in answer["items"]))
    return None


@node.command("show")
@click.argument("name", metavar="NODE")
@output.formats("table", "json")
def show(*, name: str, output_: str) -> None:
    """One node by id, name or address."""
    answer = Api().get(f"/nodes/{segment(name)}")
    if output_ == "json":
        return output.show_json(answer)
    output.show_facts(_facts(answer))
    return None


@node.command("token")
@click.option("--pool", default="default", show_default=True, help="The pool it joins.")
@click.option("--node", "known", help="Let this known node enrol anew, with its history.")
@output.formats("table", "json")
def token(*, pool: str, known: str | None, output_: str) -> None:
    """A join token: good for one node, within 30 minutes, shown once."""
    answer = Api().post("/tokens", {"pool": pool, "node": known})
    if output_ == "json":
        return output.show_json(answer)
    click.echo(answer["token"])
    click.echo(f"\nvalid {answer['valid']}; on the node run:\n  {answer['command']}", err=True)
    return None


@node.command("pause")
@click.argument("names", metavar="NODE...", nargs=-1, required=True)
@click.option("--address", help="Only this address of the node.")
@acts(needs_reason=True)
@output.formats("table", "json")
def pause(*, names: tuple[str, ...], address: str | None, output_: str, **options: Any) -> int:
    """Stops nodes from sending until a person resumes them."""
    return _each("pause", names, body={"address": address}, output_=output_, options=options)


@node.command("resume")
@click.argument("names", metavar="NODE...", nargs=-1, required=True)
@click.option("--address", help="Only this address of the node.")
@click.option("--override-listing", is_flag=True, help="Send although a zone lists it.")
@acts(needs_reason=False)
@output.formats("table", "json")
def resume(
    *,
    names: tuple[str, ...],
    address: str | None,
    override_listing: bool,
    output_: str,
    **options: Any,
) -> int:
    """Lifts what people paused. A listed address resumes by itself once it is clean."""
    body = {"address": address, "override_listing": override_listing}
    return _each("resume", names, body=body, output_=output_, options=options)


@node.command("revoke")
@click.argument("names", metavar="NODE...", nargs=-1, required=True)
@acts(needs_reason=True)
@output.formats("table", "json")
def revoke(*, names: tuple[str, ...], output_: str, **options: Any) -> int:
    """Ends a node's certificates; it returns only with a new token."""
    return _each("revoke", names, body={}, output_=output_, options=options)


@node.command("act")
@click.argument("names", metavar="NODE...", nargs=-1, required=True)
@acts(needs_reason=False)
@output.formats("table", "json")
def act(*, names: tuple[str, ...], output_: str, **options: Any) -> int:
    """Lets decisions about a node be carried out, as far as its pool acts."""
    return _each("automation", names, body={"value": "as-pool"}, output_=output_, options=options)


@node.command("observe")
@click.argument("names", metavar="NODE...", nargs=-1, required=True)
@acts(needs_reason=False)
@output.formats("table", "json")
def observe(*, names: tuple[str, ...], output_: str, **options: Any) -> int:
    """Only records decisions about a node, whatever its pool does."""
    return _each("automation", names, body={"value": "observe"}, output_=output_, options=options)


def _each(
    path: str,
    names: tuple[str, ...],
    *,
    body: dict[str, Any],
    output_: str,
    options: dict[str, Any],
) -> int:
    wish, api = Act(options), Api()
    wish.confirm(names)
    done, code = each(
        names, lambda name: wish.post(api, f"/nodes/{segment(name)}/{path}", body=body)
    )
    if output_ == "json":
        output.show_json({"items": done})
    else:
        for answer in done:
            click.echo(answer["text"])
    return code


def _row(item: Json) -> list[object]:
    addresses = item["addresses"]
    out = [one["rotation_reason"] for one in addresses if one["rotation_reason"]]
    reasons = {pause["reason"] for pause in item["pauses"]} or set(out)
    inside = sum(one["in_rotation"] for one in addresses)
    more = f" +{len(addresses) - 1}" if len(addresses) > 1 else ""
    return [
        item["name"],
        item["status"],
        item["health_status"],
        item["pool"],
        f"{addresses[0]['ip']}{more}" if addresses else None,
        f"{inside}/{len(addresses)}",
        ", ".join(sorted(reasons)),
        ago(item["last_heartbeat"]),
    ]


def _facts(item: Json) -> list[tuple[str, object]]:
    order = item["order"]
    facts: list[tuple[str, object]] = [
        ("id", item["id"]),
        ("name", item["name"]),
        ("status", item["status"]),
        ("health", item["health_status"]),
        ("pool", item["pool"]),
        ("automation", item["automation"] or "as its pool"),
        ("lifecycle", item["lifecycle"]),
        ("liveness", item["liveness"]),
        ("last heartbeat", f"{ago(item['last_heartbeat'])} ago"),
        ("stream", "open" if item["connected"] else "none"),
        ("agent", item["agent_version"]),
        ("clock skew", f"{item['clock_skew_seconds']:+.1f} s"),
        ("directive", f"term {order['term']}, revision {order['revision']}" if order else None),
    ]
    facts += [(f"address {one['ip']}", _membership(one)) for one in item["addresses"]]
    for one in item["addresses"]:
        facts += _score(one)
    facts += [(f"pause {one['reason']}", _pause(one)) for one in item["pauses"]]
    facts += [(one["zone"], _zone(one)) for one in item["zones"]]
    facts += [
        (one["name"], f"{one['state']}: {one['value']} (target {one['target']})")
        for one in item["targets"]
    ]
    facts += [("alert", one["text"]) for one in item["alerts"]]
    return facts


def _zone(fact: Json) -> str:
    """What it said; of what the collector found without an agent, who confirms it."""
    said = f"{fact['verdict']} {' '.join(fact['answers'])}".rstrip()
    if not fact["found_by"]:
        return said
    look = fact["second_look"]
    beside = f"; {look['why'] or look['verdict']}" if look else ""
    return f"{said} (asked by the collector through {fact['found_by']}{beside})"


def _score(address: Json) -> list[tuple[str, object]]:
    """The score, and each point lost with its cause."""
    score = address.get("score")
    if score is None:
        return []
    lost = "; ".join(f"-{one['points']} {one['cause']}" for one in score["lost"])
    words = f"{score['value']} of 100, median of 7 days {score['median']}"
    return [(f"score {address['ip']}", f"{words}: {lost}" if lost else words)]


def _pause(pause: Json) -> str:
    """Whom it covers, who opened it, why, and when it ends or is tried."""
    whom = pause["address"] or "node"
    whom += f" at {pause['receiver']}" if pause.get("receiver") else ""
    said = f"{whom}, by {pause['owner']}: {pause['note']}"
    for name, words in (("expires_at", "ends"), ("probe_at", "tried next")):
        said += f" ({words} {pause[name]})" if pause.get(name) else ""
    return said


def _membership(address: Json) -> str:
    if address["in_rotation"]:
        return "in the rotation"
    return f"out of the rotation: {address['rotation_reason'] or 'not admitted yet'}"
