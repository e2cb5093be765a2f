"""The first question of every day: which addresses are hurting, and what was done about it?

Composes the answer from rows; reads nothing itself but in `read`. Every list is bounded: what is
left out is counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.core import causes as named
from collector.operate import alerts, overview, symptoms
from collector.operate.alerts import Asked
from collector.operate.desk import Desk
from collector.operate.moments import moment
from collector.operate.overview import rows_of
from collector.operate.symptoms import HURTS, cause_of
from collector.ports import Row

RECOVERED_WITHIN = timedelta(hours=24)
SHOWN_MAX = 20
FOLD_ABOVE = 5
ALERTS_MAX = 1000
RANK = {"high": 0, "medium": 1, "low": 2}

# Cause -> the command that helps; {subject} is what the alert is about.
REMEDIES: Mapping[str, str] = {
    "zone-brake": "mailfleet zone test {subject} ADDRESS",
    "detector": "mailfleet doctor",
    "disagree": "mailfleet why {address}",
    "quarantine": "mailfleet doctor",
    "blind": "mailfleet doctor",
    "disobedient": "mailfleet why {node}",
    "duplicate": "mailfleet node show {node}",
    "talkative": "mailfleet events --node {node}",
    "channel": "mailfleet alert test {subject}",
    "deferral": "mailfleet receiver show {subject}",
    "skew": "set the clock of {node} (chrony)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The rows an answer is composed of. `decisions`: the newest of each hurting node."""

    nodes: Sequence[Row]
    pools: Sequence[Row]
    alerts: Sequence[Row]
    switches: Mapping[str, bool]
    decisions: Mapping[str, Sequence[Row]]
    # Open ones, as `alerts.listed` gives them.
    incidents: Sequence[Row] = ()


async def read(desk: Desk) -> dict[str, object]:
    """The answer, now."""
    nodes = await overview.nodes(desk)
    troubled = [node for node in nodes if symptoms.is_troubled(node)][:SHOWN_MAX]
    sources = Sources(
        nodes=nodes,
        pools=await desk.store.pools(),
        alerts=await _alerts(desk),
        incidents=await alerts.listed(desk, Asked()),
        switches=await desk.store.switches(),
        decisions={
            str(node["id"]): await desk.store.decisions(str(node["id"]), limit=symptoms.RECENT)
            for node in troubled
        },
    )
    answer = compose(sources, now=desk.clock.now())
    grace = desk.census.in_grace(desk.policy(), now=desk.clock.monotonic())
    return {**answer, "term": desk.standing.term(), "startup_grace": grace}


async def _alerts(desk: Desk) -> list[Row]:
    """All that are open, and the newest that are over: these never push those out."""
    standing = await desk.store.alerts(open_only=True, limit=ALERTS_MAX)
    newest = await desk.store.alerts(open_only=False, limit=ALERTS_MAX)
    return [*standing, *(alert for alert in newest if alert["resolved_at"] is not None)]


def compose(sources: Sources, *, now: datetime) -> dict[str, object]:
    """Fleet, hurting, held, recovered, needs_you, and every open alert as it is."""
    hurting = [
        one
        for node in sources.nodes
        for one in symptoms.of_node(node, sources.decisions.get(str(node["id"]), ()))
    ]
    hurting.sort(key=lambda one: (str(one["since"]), str(one["node"])), reverse=True)
    return {
        "at": now.isoformat(),
        "fleet": _fleet(sources),
        "hurting": hurting[:SHOWN_MAX],
        "hurting_more": max(0, len(hurting) - SHOWN_MAX),
        "held": [one for node in sources.nodes for one in symptoms.held(node)][:SHOWN_MAX],
        "recovered": _recovered(sources.alerts, nodes=sources.nodes, now=now)[:SHOWN_MAX],
        "needs_you": [*_standing(sources), *_alerted(sources)][:SHOWN_MAX],
        "alerts": [alert for alert in sources.alerts if alert["resolved_at"] is None],
    }


def _fleet(sources: Sources) -> dict[str, object]:
    addresses = [one for node in sources.nodes for one in rows_of(node, "addresses")]
    return {
        "nodes": len(sources.nodes),
        "statuses": overview.statuses(sources.nodes),
        "addresses": len(addresses),
        "in_rotation": sum(bool(one["in_rotation"]) for one in addresses),
        "unheard": sum(node["liveness"] == "unheard" for node in sources.nodes),
        "pools": {str(pool["name"]): pool["automation"] for pool in sources.pools},
        **sources.switches,
    }


def _recovered(alerts: Iterable[Row], *, nodes: Iterable[Row], now: datetime) -> list[Row]:
    """What hurt and ended within a day, newest first."""
    names = {node["id"]: node["name"] for node in nodes}
    ended = [
        alert
        for alert in alerts
        if alert["resolved_at"] is not None
        and cause_of(alert) in HURTS
        and now - moment(alert["resolved_at"]) <= RECOVERED_WITHIN
    ]
    ended.sort(key=lambda alert: str(alert["resolved_at"]), reverse=True)
    return [
        {
            "node": names.get(alert["node_id"], alert["node_id"]),
            "text": alert["text"],
            "since": alert["opened_at"],
            "until": alert["resolved_at"],
        }
        for alert in ended
    ]


def _standing(sources: Sources) -> list[Row]:
    """What only a person can end."""
    said: list[Row] = []
    for what, name in (("automation", "automation_stopped"), ("sending", "sending_stopped")):
        if sources.switches.get(name):
            fix = f"mailfleet stop {what} --lift --reason TEXT"
            said.append(_need(f"{what} is stopped for the whole fleet", fix=fix, severity="high"))
    restored = [
        node
        for node in sources.nodes
        if any(one["reason"] == "RESTORED" for one in rows_of(node, "pauses"))
    ]
    for name in (str(node["name"]) for node in restored[:FOLD_ABOVE]):
        text = f"{name} was paused before this collector was restored; only a person lifts that"
        fix = f"mailfleet node resume {name} --reason TEXT"
        said.append(_need(text, fix=fix, severity="high"))
    if len(restored) > FOLD_ABOVE:
        text = f"{len(restored) - FOLD_ABOVE} more nodes hold a pause from before the restore"
        said.append(_need(text, fix="mailfleet node ls --status paused", severity="high"))
    return said


def _alerted(sources: Sources) -> list[Row]:
    """Open alerts that are not a hurting address: one line an incident, silenced ones counted."""
    causes: dict[str, list[Row]] = {}
    open_ = [alert for alert in sources.alerts if alert["resolved_at"] is None]
    led = {named.facets(str(one["key"])).subject for one in open_ if not _is_echo(one)}
    for alert in open_:
        is_led = _is_echo(alert) and named.facets(str(alert["key"])).subject in led
        if cause_of(alert) not in HURTS and not is_led:
            causes.setdefault(named.cause_of(str(alert["key"])), []).append(alert)
    known = {str(one["cause"]): one for one in sources.incidents}
    quiet = [cause for cause in causes if known.get(cause, {}).get("state") == "silenced"]
    said = [
        _told(alerts, incident=known.get(cause), sources=sources)
        for cause, alerts in causes.items()
        if cause not in quiet
    ]
    if quiet:
        text = f"silenced, and standing: {', '.join(sorted(quiet))}"
        said.append(_need(text, fix="mailfleet alert silences", severity="low"))
    return sorted(said, key=lambda one: RANK[str(one["severity"])])


def _is_echo(alert: Row) -> bool:
    return cause_of(alert) in named.ECHOES


def _told(alerts: Sequence[Row], *, incident: Row | None, sources: Sources) -> Row:
    """The gravest of a cause in its words, or how many there are, and what helps."""
    alerts = sorted(alerts, key=lambda one: (RANK[str(one["severity"])], str(one["opened_at"])))
    names = {node["id"]: str(node["name"]) for node in sources.nodes}
    first, text = alerts[0], str(alerts[0]["text"])
    facets = named.facets(str(first["key"]))
    if len(alerts) > 1:
        nodes = list(dict.fromkeys(names[a["node_id"]] for a in alerts if a["node_id"] in names))
        whose = f" ({', '.join(nodes[:3])}{' …' if len(nodes) > 3 else ''})" if nodes else ""
        text = named.known(facets.cause).many.format(n=len(alerts), part=facets.part) + whose
    fix = REMEDIES.get(facets.cause, "mailfleet events").format(
        subject=facets.zone or facets.subject,
        address=facets.address or facets.subject,
        node=names.get(first["node_id"], "NODE"),
    )
    if incident is not None:
        fix += f"; mailfleet alert show {incident['number']}"
        by = incident["acknowledged_by"]
        text += f" (seen by {by})" if by else ""
    return _need(text, fix=fix, severity=str(first["severity"]), since=first["opened_at"])


def _need(text: str, *, fix: str, severity: str, since: object = None) -> Row:
    return {"text": text, "fix": fix, "severity": severity, "since": since}
