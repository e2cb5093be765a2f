"""Incidents as people read them, and what they may do about one: say that they have seen it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.core import causes, incidents, silences
from collector.core.incident import Docket, Silence
from collector.core.model import AlertFact, Severity
from collector.core.phrases import harmless
from collector.operate.desk import Change, Desk, Done, Wish, entry
from collector.ports import Refused, Row

INCIDENTS_MAX = 500
HEADLINE_MAX = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`everything`: those that are over, too."""

    everything: bool = False
    severity: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Open alerts by cause and tenant, without echoes of others; the silence that covers each."""

    groups: Mapping[tuple[str, str | None], Sequence[AlertFact]]
    silenced: Mapping[str, Silence]
    docket: Docket


async def listed(desk: Desk, asked: Asked) -> list[dict[str, object]]:
    """The gravest and newest first, what is over last."""
    standing = await read(desk)
    open_only = not asked.everything
    rows = await desk.bureau.store.incidents(open_only=open_only, limit=INCIDENTS_MAX)
    found = [composed(row, standing) for row in rows]
    wanted = [
        row
        for row in found
        if asked.severity in (None, row["severity"])
        and asked.cause in (None, str(row["cause"]).partition(":")[0])
    ]
    wanted.sort(key=_weight, reverse=True)
    return wanted


async def one(desk: Desk, number: int) -> dict[str, object]:
    """With its alerts, silences and everything that was sent. Refused: INCIDENT_UNKNOWN."""
    row = await desk.bureau.store.incident(number)
    if row is None:
        raise Refused("INCIDENT_UNKNOWN", f"no incident has the number {number}")
    standing = await read(desk)
    alerts = row["alerts"]
    assert isinstance(alerts, Sequence), row
    return {
        **composed(row, standing),
        "alerts": [_alert(alert, standing) for alert in alerts],
        "sent": row["sent"],
    }


async def acknowledge(desk: Desk, number: int, *, undo: bool, wish: Wish) -> Done:
    """No more reminders, until something new happens. Refused: INCIDENT_UNKNOWN, INCIDENT_OVER."""
    row = await one(desk, number)
    if row["resolved_at"] is not None:
        raise Refused("INCIDENT_OVER", f"incident {number} is over")
    by = str(row["acknowledged_by"])
    if bool(by) != undo:
        said = f"is already acknowledged by {by}" if by else "is not acknowledged"
        return Done(text=f"incident {number} {said}", changed=False, dry_run=wish.dry_run)
    text = f"incident {number} is {'no longer ' if undo else ''}acknowledged"
    if wish.dry_run:
        return Done(text=f"would be: {text}", changed=False, dry_run=True)
    action = "acknowledgement withdrawn" if undo else "incident acknowledged"
    line = entry(desk, wish, change=Change(action=action, subject=f"incident {number}"))
    at = None if undo else desk.clock.now()
    name, why = ("", "") if undo else (wish.actor.name, wish.reason)
    if not await desk.bureau.store.acknowledge(number, by=name, why=why, at=at, entry=line):
        raise Refused("INCIDENT_OVER", f"incident {number} is over")
    return Done(text=text, changed=True, dry_run=False)


async def read(desk: Desk) -> Standing:
    """All that stands, and what of it is silenced now."""
    troubles = await desk.bureau.store.troubles()
    docket, now = troubles.docket, desk.clock.now()
    known = {alert.key: alert for alert in troubles.alerts}
    echoes = incidents.leaders(known)
    groups = incidents.grouped(known, docket.places, followed=echoes)
    silenced: dict[str, Silence] = {}
    for alert in troubles.alerts:
        place = docket.places.get(alert.node_id or "")
        covering = silences.silencing(alert, docket.silences, place=place, now=now)
        if covering is not None:
            silenced[alert.key] = covering
    sorted_groups = {
        group: sorted(
            (one for key, one in alerts.items() if key not in echoes),
            key=lambda one: (-one.severity.rank, one.opened_at, one.key),
        )
        for group, alerts in groups.items()
    }
    return Standing(groups=sorted_groups, silenced=silenced, docket=docket)


def composed(row: Row, standing: Standing) -> dict[str, object]:
    """An incident's row with what stands of it now, in one line, and its state."""
    cause, tenant = str(row["cause"]), row["tenant"]
    alerts: Sequence[AlertFact] = ()
    if row["resolved_at"] is None:
        alerts = standing.groups.get((cause, str(tenant) if tenant is not None else None), ())
    silenced = sum(alert.key in standing.silenced for alert in alerts)
    worst = alerts[0].severity.value if alerts else row["severity"] or Severity.LOW.value
    return {
        **row,
        "severity": worst,
        "state": _state(row, alerts=len(alerts), silenced=silenced),
        "text": headline(cause, alerts, standing=standing),
        "standing": len(alerts),
        "silenced": silenced,
    }


def headline(cause: str, alerts: Sequence[AlertFact], *, standing: Standing) -> str:
    """One alert in its own words; several counted, with the nodes of the first."""
    if len(alerts) == 1:
        return harmless(alerts[0].text, most=HEADLINE_MAX)
    name, _, zone = cause.partition(":")
    if not alerts:
        return f"{name.replace('-', ' ')}{f' on {zone}' if zone else ''}"
    places = (standing.docket.places.get(alert.node_id or "") for alert in alerts)
    nodes = list(dict.fromkeys(place.node for place in places if place))
    whose = f" ({', '.join(nodes[:3])}{' …' if len(nodes) > 3 else ''})" if nodes else ""
    return causes.known(name).many.format(n=len(alerts), part=zone) + whose


def _state(row: Row, *, alerts: int, silenced: int) -> str:
    if row["resolved_at"] is not None:
        return "over"
    if row["calm_since"] is not None:
        return "calm"
    if alerts and silenced == alerts:
        return "silenced"
    return "acknowledged" if row["acknowledged_by"] else "open"


def _alert(row: Row, standing: Standing) -> dict[str, object]:
    covering = standing.silenced.get(str(row["key"])) if row["resolved_at"] is None else None
    return {
        **row,
        "silenced_by": covering.number if covering else None,
        "silenced_until": covering.ends_at.isoformat() if covering else None,
    }


def _weight(row: Mapping[str, object]) -> tuple[bool, int, str]:
    grave = Severity(str(row["severity"])).rank
    return row["resolved_at"] is None, grave, str(row["opened_at"])
