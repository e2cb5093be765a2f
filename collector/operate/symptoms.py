"""What is wrong with one node, address by address, and what mailfleet did about it. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from collector.operate.overview import row_of, rows_of
from collector.ports import Row
from deliverability.catalogue import CATALOGUE

RECENT = 10  # decisions of a node that are looked at for "what was done"
# Causes of alerts that are a hurting address.
HURTS = frozenset({"listed", "policy-listed", "unhealthy"})
UNTOLD = "nothing yet: the next control pass judges it"


def cause_of(alert: Row) -> str:
    """Keys are cause:subject."""
    return str(alert["key"]).partition(":")[0]


def is_troubled(node: Row) -> bool:
    """Listed, or not heard."""
    return bool(rows_of(node, "listings")) or node["status"] == "unhealthy"


def of_node(node: Row, decisions: Sequence[Row]) -> Iterator[Row]:
    """Each hurting address: symptom, evidence as the remote gave it, since, did, can."""
    for listing in rows_of(node, "listings"):
        yield _listed(node, listing=listing, decisions=decisions)
    if node["status"] == "unhealthy":
        yield _silent(node, decisions)


def held(node: Row) -> Iterator[Row]:
    """Pauses people opened: not a symptom, but worth a line."""
    for pause in rows_of(node, "pauses"):
        if pause["reason"] == "OPERATOR":
            yield {
                "node": node["name"],
                "address": pause["address"],
                "by": pause["owner"],
                "reason": pause["note"],
                "since": pause["opened_at"],
            }


def obeyed(node: Row) -> str:
    """Whether the node does what it was told, in a few words."""
    order, obedience = row_of(node, "order"), row_of(node, "obedience")
    if order is None:
        return "no directive yet"
    if obedience is None or obedience["term"] is None:
        return "the node has not reported yet"
    if any(obedience[name] != order[name] for name in ("term", "revision")):
        return "the node has not taken the directive yet"
    if obedience["convergence"] != "verified":
        return f"{obedience['convergence']}: {obedience['problem'] or 'the node is at it'}"
    if obedience["is_silent"]:
        return "silent, verified"
    of_addresses = row_of(order, "addresses") or {}
    if any((rows_of(order, "node_pauses"), *(rows_of(of_addresses, ip) for ip in of_addresses))):
        return f"paused, but not silent: {obedience['problem'] or 'the log does not show it'}"
    return "sending, verified"


def _listed(node: Row, *, listing: Row, decisions: Iterable[Row]) -> Row:
    zone = CATALOGUE.get(str(listing["zone"]))
    name, ip = str(node["name"]), str(listing["address"])
    can = [f"mailfleet why {name}"]
    if zone is not None and zone.delisting:
        can.append(f"ask for delisting: {zone.delisting}")
    return {
        "node": name,
        "address": ip,
        "pool": node["pool"],
        "symptom": f"listed by {listing['zone']}",
        "evidence": listing["details"],
        "since": listing["opened_at"],
        "did": _did(node, listing=listing, decisions=decisions),
        "can": can,
    }


def _did(node: Row, *, listing: Row, decisions: Iterable[Row]) -> str:
    ip = listing["address"]
    if any(
        one["reason"] == "LISTED" and one["address"] in (None, ip)
        for one in rows_of(node, "pauses")
    ):
        return f"paused; {obeyed(node)}"
    if listing.get("consequence") == "policy":
        return "nothing: a policy listing is a configuration fault, not a reason to pause"
    return _fate(_newest(decisions, "pause", address=ip), node)


def _silent(node: Row, decisions: Iterable[Row]) -> Row:
    addresses = rows_of(node, "addresses")
    out = [one for one in addresses if not one["in_rotation"]]
    first = addresses[0]["ip"] if addresses else ""
    if len(out) == len(addresses):
        did = "taken out of the rotation; back after two heartbeats in a row"
    else:
        did = _fate(_newest(decisions, "remove", address=first), node)
    return {
        "node": node["name"],
        "address": first,
        "pool": node["pool"],
        "symptom": "unhealthy",
        "evidence": f"no heartbeat for {node['silence_seconds']} s",
        "since": node["last_heartbeat"],
        "did": did,
        "can": [f"mailfleet why {node['name']}", "systemctl status mailfleet-agent (on the node)"],
    }


def _newest(decisions: Iterable[Row], kind: str, *, address: object) -> Row | None:
    """Of automation: what people do is not an answer to a symptom."""
    mine = (one for one in decisions if one["reason"] != "OPERATOR")
    return next(
        (one for one in mine if one["kind"] == kind and one["address"] in (None, address)),
        None,
    )


def _fate(decision: Row | None, node: Row) -> str:
    if decision is None:
        return UNTOLD
    act = "pause" if decision["kind"] == "pause" else "remove"
    match decision["fate"]:
        case "would":
            return (
                f"only observed: would have {act}d it (mailfleet pool act {node['pool']} lets it)"
            )
        case "withheld":
            return f"withheld by the {decision['brake']}"
        case "overridden":
            return "sends all the same: a person overrode the listing"
    return f"{act}d, then lifted"
