"""What a notification says: what happened, the evidence in the others' own words, what mailfleet
did, what comes next, what you can do. Decides neither whether it is sent nor to whom.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from collector.core import causes, deeds
from collector.core.deeds import Scene
from collector.core.incident import Incident, Place
from collector.core.judgement import EffectDraft
from collector.core.model import (
    AlertFact,
)
from collector.core.notice import Notice, Occasion, to_payload
from collector.core.phrases import harmless, lines
from collector.core.policy import Policy
from collector.core.severity import Severity, gravest

KIND = "notify"
REASON = re.compile(r" \([A-Z_]+\)")
TITLE_MAX = 120
WORDS_MAX = 120
NAMED_MAX = 20
# Alerts of one incident whose words and deeds are told and remembered one by one.
WORDED_MAX = 50
# Of a decision's evidence: what only programs read.
UNSAID = frozenset(
    {"listing", "pauses", "ended", "standing", "zones", "sweep", "sweeps_in_row", "verdict"}
    | {"zone", "newest", "operator", "received_at"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One thing to tell: of `alerts` those in `news` are new or graver; `gone` are over."""

    event: Occasion
    incident: Incident
    alerts: tuple[AlertFact, ...]
    news: frozenset[str]
    gone: tuple[str, ...]
    standing: int


def draft(telling: Telling, scene: Scene) -> tuple[Notice, Mapping[str, str]]:
    """The notice, and for each alert what was done about it."""
    incident, event = telling.incident, telling.event
    done = {
        alert.key: deeds.did(alert, incident, scene=scene) for alert in telling.alerts[:WORDED_MAX]
    }
    over = {key: deeds.undone(key, scene=scene) for key in telling.gone[:WORDED_MAX]}
    grave = gravest(alert.severity for alert in telling.alerts) or incident.severity
    severity = grave or Severity.LOW
    subjects = (*telling.alerts, *(scene.before[k] for k in telling.gone if k in scene.before))
    places = [p for one in subjects if (p := scene.places.get(one.node_id or "")) is not None]
    notice = Notice(
        key=f"{KIND}:{incident.name}.{incident.notices}",
        thread=incident.name,
        incident=incident.number,
        sequence=incident.notices,
        event=event,
        cause=incident.cause,
        severity=severity,
        was=incident.severity,
        is_critical=_is_critical(telling),
        at=scene.now,
        opened_at=incident.opened_at,
        title=_title(telling, scene, done),
        what=lines(_what(telling, scene), most=2 * NAMED_MAX + 2),
        evidence=lines(_evidence(telling, scene)),
        did=lines((*done.values(), *over.values())),
        coming=lines(_advice(telling, scene, coming=True)) if telling.alerts else (),
        can=lines(_can(telling, scene)),
        nodes=_names(place.node for place in places),
        pools=_names(place.pool for place in places),
        addresses=_names(a for key in _keys(telling) if (a := causes.facets(key).address)),
        subjects=_names(causes.facets(key).subject for key in _keys(telling)),
        standing=telling.standing,
        tenant=incident.tenant,
    )
    return notice, done


def effect(notice: Notice) -> EffectDraft:
    return EffectDraft(key=notice.key, kind=KIND, node_id=None, payload=to_payload(notice))


def words_of(alert: AlertFact) -> str:
    return harmless(alert.text, most=WORDS_MAX)


def _keys(telling: Telling) -> Iterator[str]:
    yield from (alert.key for alert in telling.alerts)
    yield from telling.gone


def _names(found: Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted(set(found))[:NAMED_MAX])


def _is_critical(telling: Telling) -> bool:
    """health_status `critical`: an open High alert, or a lost node. Its end is said as such too."""
    said = [(alert.key, alert.severity) for alert in telling.alerts]
    said += [(key, one.severity) for key, one in telling.incident.told.items()]
    return any(grave is Severity.HIGH or key.startswith("unhealthy:") for key, grave in said)


def _title(telling: Telling, scene: Scene, done: Mapping[str, str]) -> str:
    """Short, and of use at 3 a.m.: how grave, who, what, and what was done."""
    incident = telling.incident
    lasted = lasting(scene.now - incident.opened_at)
    if telling.event is Occasion.RESOLVED:
        return harmless(f"RESOLVED after {lasted}: {_ended(incident)}", most=TITLE_MAX)
    if not telling.alerts:
        return harmless(f"PARTLY OVER: {_ended(incident)}; the rest is silenced", most=TITLE_MAX)
    said = _headline(telling, scene)
    worst = telling.alerts[0].severity.value.upper()
    if telling.event is Occasion.REMINDER:
        return harmless(f"STILL {worst} after {lasted}, not acknowledged: {said}", most=TITLE_MAX)
    if not telling.news:
        return harmless(f"PARTLY OVER: still {said}", most=TITLE_MAX)
    again = " AGAIN" if incident.reopened and telling.event is Occasion.OPENED else ""
    briefly = {_brief(deed, key=key) for key, deed in done.items() if deed != deeds.UNTOLD}
    deed = f" - {briefly.pop()}" if len(briefly) == 1 else ""
    return harmless(f"{worst}{again}: {said}{deed}", most=TITLE_MAX)


def _brief(deed: str, *, key: str) -> str:
    """Without the reason, and without whom the title names already."""
    said = REASON.sub("", deed)
    address = causes.facets(key).address or "the node"
    return said.removeprefix(f"{address} ").removeprefix("the node ").removeprefix("is ")


def _headline(telling: Telling, scene: Scene) -> str:
    """The one alert's words, or how many there are and whose; and what is part of it."""
    name, _, part = telling.incident.cause.partition(":")
    main = [one for one in telling.alerts if causes.facets(one.key).cause == name]
    asides = {causes.known(causes.facets(one.key).cause).aside for one in telling.alerts} - {""}
    aside = "".join(f", {words}" for words in sorted(asides)) if main else ""
    main = main or list(telling.alerts)
    nodes = [node for node in (_node(alert, scene) for alert in main) if node]
    if len(main) == 1:
        said = harmless(main[0].text, most=80)
        node = nodes[0] if nodes else ""
        return (said if not node or node in main[0].text else f"{node} {said}") + aside
    nodes = list(dict.fromkeys(nodes))
    whose = ", ".join(nodes[:3])
    rest = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    many = causes.known(name).many.format(n=len(main), part=part) + aside
    return f"{many} ({whose}{rest})" if whose else many


def _ended(incident: Incident) -> str:
    named = [one.words for one in incident.told.values() if one.words]
    if not named:
        name, _, zone = incident.cause.partition(":")
        return causes.known(name).many.format(n=len(incident.told), part=zone)
    more = f" (and {len(incident.told) - 1} more)" if len(incident.told) > 1 else ""
    return f"{harmless(named[0], most=80)}{more}"


def _node(alert: AlertFact, scene: Scene) -> str:
    place = scene.places.get(alert.node_id or "")
    return place.node if place else ""


def _what(telling: Telling, scene: Scene) -> Iterator[str]:
    """News first, then what stood before, then what is over."""
    if telling.incident.reopened:
        yield f"opened again, the {telling.incident.reopened + 1}. time in this incident"
    ordered = sorted(telling.alerts, key=lambda alert: alert.key not in telling.news)
    news = telling.news if telling.event is Occasion.UPDATED else frozenset()
    yield from said_of(ordered, scene.places, news=news)
    for key in telling.gone[:NAMED_MAX]:
        yield f"over: {telling.incident.told[key].words or key}"


def said_of(
    alerts: Sequence[AlertFact], places: Mapping[str, Place], *, news: Collection[str] = ()
) -> Iterator[str]:
    """A line for each of the first alerts, and how many more there are."""
    for alert in alerts[:NAMED_MAX]:
        mark = "new: " if alert.key in news else ""
        place = places.get(alert.node_id or "")
        where = f" [{place.node}, pool {place.pool}]" if place else ""
        since = f", since {alert.opened_at:%Y-%m-%d %H:%M}Z"
        yield f"{mark}{harmless(alert.text, most=220)}{where}{since}"
    if len(alerts) > NAMED_MAX:
        yield f"… and {len(alerts) - NAMED_MAX} more of this cause"


def _evidence(telling: Telling, scene: Scene) -> Iterator[str]:
    """What the decisions of this pass about these alerts rest on, as it was seen."""
    for alert in telling.alerts[:NAMED_MAX]:
        for decision in deeds.about(causes.facets(alert.key), alert.node_id, scene=scene):
            yield f"rule: {decision.proposal.rule}"
            yield from _said(decision.proposal.evidence)


def _said(evidence: Mapping[str, object], head: str = "") -> Iterator[str]:
    """Scalars and lists of them, a line each; one level deep."""
    for name, value in evidence.items():
        if name in UNSAID or value in (None, "", (), []):
            continue
        if isinstance(value, Mapping):
            if not head:
                yield from _said(value, f"{name} ")
        elif isinstance(value, (list, tuple)):
            yield f"{head}{name}: {'; '.join(str(one) for one in value[:8])}".replace("_", " ")
        else:
            yield f"{head}{name.replace('_', ' ')}: {value}"


def _advice(telling: Telling, scene: Scene, *, coming: bool) -> Iterator[str]:
    """The cause's sentences, filled in for the first alerts."""
    for alert in telling.alerts[:3]:
        said = causes.facets(alert.key)
        cause = causes.known(said.cause)
        known = {
            "node": _node(alert, scene) or None,
            "part": said.part,
            "address": said.address,
            "subject": said.subject or None,
            **figures(scene.policy),
        }
        for sentence in cause.coming if coming else cause.can:
            if all(f"{{{name}}}" not in sentence or value for name, value in known.items()):
                yield sentence.format(**known)


def figures(policy: Policy) -> dict[str, str]:
    """Values of the policy that sentences of `causes` may name."""
    return {
        "clean_rounds": str(policy.clean_rounds),
        "bounce_pause": f"{policy.bounce_pause:.2%}",
        "probe_after": lasting(policy.probe_after),
        "probe_messages": str(policy.probe_messages),
        "back_after": str(policy.back_after_heartbeats),
    }


def _can(telling: Telling, scene: Scene) -> Iterator[str]:
    yield from _advice(telling, scene, coming=False)
    number = telling.incident.number
    yield f"mailfleet alert show {number}"
    if telling.event is not Occasion.RESOLVED:
        yield f"mailfleet alert ack {number} --reason TEXT"


def lasting(duration: timedelta) -> str:
    """The largest unit that says something."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 172_800 else f"{seconds // 86_400} d"
