"""Why does it send, or why does it not? Evidence, rule, decision, action, effect, and how to undo.

Composes chapters of plain lines from rows, for people at 3 a.m.; `read` alone asks the journal.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.core.effects import STOP_SENDING
from collector.operate import overview, testimony, warmup_words, why_domains
from collector.operate.desk import Desk
from collector.operate.moments import ago, clock
from collector.operate.overview import row_of, rows_of
from collector.operate.symptoms import HURTS, cause_of, obeyed
from collector.ports import Refused, Row
from deliverability.catalogue import CATALOGUE

DECISIONS_MAX = 20
SEQ_DIGITS_MAX = 15
Chapter = tuple[str, list[str]]
# What ends a pause that automation opened.
BY_ITSELF = {
    "LISTED": "after enough clean rounds with right sentinels",
    "BOUNCE_RATE": "when the rate has fallen, or its time is over",
    "COMPLAINT_RATE": "when the rate has fallen, or its time is over",
    "BLOCKED": "when the receiver takes mail again; a few messages try now and then",
    "SERVICE_DOWN": "when the SMTP service runs again",
    "DISK_FULL": "when the queue's disk has room again",
    "DNS_BROKEN": "when its records are right again",
    "STANDING_ORDER": (
        "when the critical zones are clear for enough rounds, list it as LISTED, or are held"
        " by the zone brake"
    ),
}


async def read(desk: Desk, subject: str) -> dict[str, object]:
    """About a node (id, name), an address, a sending domain that warms up, one decision, or an
    event by its number. Refused: SUBJECT_UNKNOWN."""
    subject = await _of_event(desk, subject) if subject.isdecimal() else subject
    decisions = await desk.store.decisions(subject, limit=DECISIONS_MAX)
    node = await _node(desk, subject, decisions)
    if node is None:
        return await why_domains.read(desk, subject, decisions=decisions)
    chosen = subject if decisions and decisions[0]["id"] == subject else None
    if chosen is None and not decisions:
        decisions = await desk.store.decisions(str(node["id"]), limit=DECISIONS_MAX)
    return explain(node, decisions, now=desk.clock.now(), chosen=chosen)


async def _node(desk: Desk, subject: str, decisions: Sequence[Row]) -> Row | None:
    """The subject, or the one its decisions are about."""
    if decisions and not decisions[0]["node_id"]:
        return None
    is_decision = bool(decisions) and decisions[0]["id"] == subject
    named = [] if is_decision else [subject]
    for name in (*named, *(str(one["node_id"]) for one in decisions[:1])):
        try:
            return (await overview.nodes(desk, node=name))[0]
        except Refused:
            continue
    return None


async def _of_event(desk: Desk, number: str) -> str:
    """Its decision, else its node. Refused: SUBJECT_UNKNOWN."""
    seq = int(number[:SEQ_DIGITS_MAX])
    row = next(iter(await desk.store.journal(after=seq - 1, limit=1, node_id=None)), None)
    if row is None or row["seq"] != seq:
        raise Refused("SUBJECT_UNKNOWN", f"no event has the number {seq}")
    decision = (row_of(row, "details") or {}).get("decision_id")
    if decision is None and row["node_id"] is None:
        raise Refused("SUBJECT_UNKNOWN", f"event {seq} is about no node: {row['text']}")
    return str(decision or row["node_id"])


def explain(
    node: Row, decisions: Sequence[Row], *, now: datetime, chosen: str | None
) -> dict[str, object]:
    """`chosen`: only this decision is wanted, not the present state."""
    decision = decisions[0] if chosen else _decisive(node, decisions)
    chapters = testimony.chapters(decision) if decision is not None else []
    if chosen:
        chapters.append(("undo", list(_undo(node, decision))))
    else:
        chapters += _chapters(node, decision, now)
    return {
        "subject": chosen or node["name"],
        "node": {"id": node["id"], "name": node["name"]},
        "headline": headline(node) if not chosen else testimony.headline(decision),
        "sends": sends(node),
        "chapters": [{"title": title, "lines": lines} for title, lines in chapters if lines],
        "decision": decision,
        "decisions": [testimony.short(one) for one in decisions],
    }


def sends(node: Row) -> bool:
    """In the rotation, and not told to be silent with the whole fleet."""
    is_member = any(bool(one["in_rotation"]) for one in rows_of(node, "addresses"))
    return is_member and not _is_stopped(node)


def _is_stopped(node: Row) -> bool:
    told = map(str, rows_of(row_of(node, "order") or {}, "node_pauses"))
    return STOP_SENDING in told


def headline(node: Row) -> str:
    """One sentence: the state and its reason."""
    name, status = str(node["name"]), str(node["status"])
    reasons = sorted({str(pause["reason"]) for pause in rows_of(node, "pauses")})
    listed = sorted({str(one["zone"]) for one in rows_of(node, "listings")})
    if reasons:
        by = f" ({', '.join(listed)})" if listed and "LISTED" in reasons else ""
        return f"{name} is {status}: {', '.join(reasons)}{by}"
    if status == "unhealthy":
        return f"{name} is unhealthy: no heartbeat for {node['silence_seconds']} s"
    if listed:
        return f"{name} is listed by {', '.join(listed)} and still {status}"
    if _is_stopped(node):
        return f"{name} is {status}, but told to be silent: sending is stopped for the whole fleet"
    if sends(node):
        doubted = ", ".join(sorted({str(one["zone"]) for one in _unbelieved(node)}))
        but = f"{doubted} is not believed, and nothing else" if doubted else "nothing"
        return f"{name} is {status} and may send: {but} speaks against it"
    return f"{name} is {status}, but not in the rotation"


def _chapters(node: Row, decision: Row | None, now: datetime) -> Iterator[Chapter]:
    yield "directive", _directive(node)
    yield "effect", list(_effect(node))
    yield "rotation", [_member(one, now) for one in rows_of(node, "addresses")]
    yield "pauses", [_pause(one) for one in rows_of(node, "pauses")]
    yield "score", list(_score(node))
    yield "warm-up", list(_warmup(node, now))
    yield "not believed", [_doubt(one) for one in _unbelieved(node)]
    yield "zones now", list(_zones(node, now))
    yield "heard", [_heard(node)]
    yield "alerts", [str(one["text"]) for one in rows_of(node, "alerts") if not _is_told(one)]
    yield "undo", list(_undo(node, decision))


def _is_told(alert: Row) -> bool:
    """Other chapters say the same."""
    return cause_of(alert) in HURTS


def _heard(node: Row) -> str:
    """Liveness, and how we know."""
    if node["liveness"] == "unheard":
        return f"not yet by this process; its last heartbeat came {clock(node['last_heartbeat'])}"
    stream = "stream open" if node["connected"] else "no stream"
    return f"{node['liveness']}: last heartbeat {node['silence_seconds']} s ago, {stream}"


def _zones(node: Row, now: datetime) -> Iterator[str]:
    """The newest answer of each zone; unknown is said as such."""
    for fact in rows_of(node, "zones"):
        said = testimony.answer(fact)
        asked = f"sweep {fact['round']}, {ago(fact['received_at'], now)}"
        yield f"{fact['zone']} on {fact['address']}: {said} ({asked})"
    if not rows_of(node, "zones"):
        yield "no zone has answered about this node yet"


def _unbelieved(node: Row) -> list[Row]:
    """Zones whose test points answer wrongly, or that refuse to say."""
    return [one for one in rows_of(node, "zones") if one["verdict"] == "unknown"]


def _doubt(fact: Row) -> str:
    why = fact["why"] or "it said nothing"
    return f"{fact['zone']} on {fact['address']}: {why}; it pauses nobody, and ends no pause"


def _member(address: Row, now: datetime) -> str:
    since = f" since {clock(address['rotation_since'])}" if address["rotation_since"] else ""
    if address["in_rotation"]:
        return f"{address['ip']} is in the rotation{since}"
    reason = address["rotation_reason"] or "not admitted yet"
    return f"{address['ip']} is out of the rotation{since}: {reason}"


def _warmup(node: Row, now: datetime) -> Iterator[str]:
    """What each address may send while it warms, and how to hold it or let it go on."""
    for address in rows_of(node, "addresses"):
        plan = row_of(address, "warmup")
        if plan is None:
            continue
        yield from warmup_words.standing(str(address["ip"]), plan, now=now)


def _pause(pause: Row) -> str:
    whom = pause["address"] or "the whole node"
    note = f": {pause['note']}" if pause["note"] else ""
    if pause.get("receiver"):
        note += f"; only for mail to {pause['receiver']}, which its node does not enforce itself"
    if pause.get("expires_at"):
        note += f"; over by itself {clock(pause['expires_at'])}"
    if pause.get("probe_at"):
        note += f"; tried again {clock(pause['probe_at'])}"
    return f"{pause['reason']} on {whom}, by {pause['owner']}, {clock(pause['opened_at'])}{note}"


def _score(node: Row) -> Iterator[str]:
    """Each point lost, with its cause."""
    for address in rows_of(node, "addresses"):
        score = row_of(address, "score")
        lost = rows_of(score, "lost") if score else []
        if score is not None and lost:
            said = "; ".join(f"-{one['points']} {one['cause']}" for one in lost)
            yield f"{address['ip']}: {score['value']} of 100 ({said})"


def _directive(node: Row) -> list[str]:
    order = row_of(node, "order")
    if order is None:
        return ["none yet"]
    of_addresses = row_of(order, "addresses") or {}
    said = [*rows_of(order, "node_pauses")]
    said += [reason for ip in of_addresses for reason in rows_of(of_addresses, ip)]
    wanted = sorted({str(reason) for reason in said})
    wants = f"be silent ({', '.join(wanted)})" if wanted else "may send"
    return [f"term {order['term']}, revision {order['revision']}: {wants}"]


def _effect(node: Row) -> Iterator[str]:
    """What the node verified in Postfix, not what it was told."""
    yield obeyed(node)
    postfix = row_of(row_of(node, "latest") or {}, "postfix")
    if postfix is None:
        return
    if postfix["reload_at"]:
        yield f"Postfix's last reload: {clock(postfix['reload_at'])}, by the node's log"
    if (row_of(node, "obedience") or {}).get("is_silent"):
        flight, begun = postfix["deliveries_in_flight"], postfix["deliveries_begun"]
        yield f"since then: {flight} deliveries in flight ended, {begun} began"


def _undo(node: Row, decision: Row | None) -> Iterator[str]:
    name = node["name"]
    reasons = {str(pause["reason"]) for pause in rows_of(node, "pauses")}
    for zone_name in sorted({str(one["zone"]) for one in rows_of(node, "listings")}):
        zone = CATALOGUE.get(zone_name)
        if zone is not None and zone.delisting:
            yield f"delisting: {zone.delisting}"
    for reason in sorted(reasons & BY_ITSELF.keys()):
        yield f"by itself: {BY_ITSELF[reason]}"
    if reasons & BY_ITSELF.keys():
        why = "the listing" if "LISTED" in reasons else "what automation found"
        yield f"against {why}: mailfleet node resume {name} --override-listing --reason TEXT"
    if reasons & {"OPERATOR", "RESTORED"}:
        yield f"mailfleet node resume {name} --reason TEXT"
    if _is_stopped(node):
        yield "mailfleet stop sending --lift --reason TEXT"
    if not reasons and decision is not None and decision["fate"] == "would":
        yield f"to have it carried out: mailfleet pool act {node['pool']}"
    if not reasons and sends(node):
        yield f"to stop it: mailfleet node pause {name} --reason TEXT"


def _decisive(node: Row, decisions: Sequence[Row]) -> Row | None:
    """The decision behind the present state: of an open pause, of the membership, else the newest
    that was held back while its cause stands."""
    asked = [str(pause["decision_id"]) for pause in rows_of(node, "pauses")]
    for one in decisions:
        if one["id"] in asked:
            return one
    troubled = bool(rows_of(node, "listings")) or node["status"] == "unhealthy"
    if troubled:
        return next(iter(decisions), None)
    return None
