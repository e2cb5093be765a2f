"""The first question of every day: which addresses are hurting, and what was done about it?

Composes the answer from rows; reads nothing itself but in `read`. Every list is bounded: what is
left out is counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.operate import overview, symptoms
from collector.operate.desk import Desk
from collector.operate.moments import moment
from collector.operate.overview import rows_of
from collector.operate.symptoms import HURTS, cause_of
from collector.ports import Row

RECOVERED_WITHIN = timedelta(hours=24)
SHOWN_MAX = 20
FOLD_ABOVE = 5
ALERTS_MAX = 1000

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


async def read(desk: Desk) -> dict[str, object]:
    """The answer, now."""
    nodes = await overview.nodes(desk)
    troubled = [node for node in nodes if symptoms.is_troubled(node)][:SHOWN_MAX]
    sources = Sources(
        nodes=nodes,
        pools=await desk.store.pools(),
        alerts=await _alerts(desk),
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
    """Open alerts that are not a hurting address, folded when one cause has many subjects."""
    names = {node["id"]: str(node["name"]) for node in sources.nodes}
    causes: dict[str, list[Row]] = {}
    for alert in sources.alerts:
        if alert["resolved_at"] is None and cause_of(alert) not in HURTS:
            causes.setdefault(cause_of(alert), []).append(alert)
    said = [one for cause, alerts in causes.items() for one in _told(cause, alerts, names)]
    rank = {"high": 0, "medium": 1, "low": 2}
    return sorted(said, key=lambda one: rank[str(one["severity"])])


def _told(cause: str, alerts: Sequence[Row], names: Mapping[object, str]) -> list[Row]:
    shown = alerts if len(alerts) <= FOLD_ABOVE else alerts[:1]
    said = []
    for alert in shown:
        _, subject, address, *_ = (*str(alert["key"]).split(":", 2), "", "")
        node = names.get(alert["node_id"], "NODE")
        fix = REMEDIES.get(cause, "mailfleet events").format(
            subject=subject, address=address, node=node
        )
        text = str(alert["text"])
        if len(alerts) > len(shown):
            text += f" (and {len(alerts) - 1} more like it)"
        said.append(_need(text, fix=fix, severity=str(alert["severity"]), since=alert["opened_at"]))
    return said


def _need(text: str, *, fix: str, severity: str, since: object = None) -> Row:
    return {"text": text, "fix": fix, "severity": severity, "since": since}
