"""Alerts folded into incidents, and what is to be told of them. Sends nothing.

By level: whatever alerts stand after this pass, whoever opened them, are grouped by cause and
compared with what people were told; `telling` says when the difference is told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from collector.core import causes, deeds, notices, silences, telling
from collector.core import settled as settling
from collector.core.deeds import Scene
from collector.core.incident import Docket, Incident, IncidentDraft, Place, Told
from collector.core.judgement import EffectDraft
from collector.core.levels import AlertChanges
from collector.core.model import AlertFact, Decision, NodeFacts, Snapshot
from collector.core.notice import Notice
from collector.core.notices import Telling
from collector.core.phrases import lines
from collector.core.policy import Policy
from collector.core.settled import Settled
from collector.core.severity import Severity, gravest
from collector.core.signals import NodeSignals
from collector.core.telling import Next, Thread

# Lines of one notice that repeats what stands.
WORDS_MAX = 2 * notices.NAMED_MAX
NO_CHANGES = AlertChanges()
_Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChanges:
    """Incidents as they will stand, and what is to be sent; nothing of either: what is settled."""

    incidents: tuple[IncidentDraft, ...] = ()
    notices: tuple[EffectDraft, ...] = ()
    settled: Settled | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the pass found out and decided before anybody is told."""

    alerts: AlertChanges
    nodes: Sequence[NodeSignals] = ()
    decisions: Sequence[Decision] = ()


def update(
    snapshot: Snapshot,
    made: Made,
    *,
    policy: Policy,
    now: datetime,
    settled: Settled | None = None,
) -> IncidentChanges:
    """What becomes of every incident. `settled`: what a pass before found so; no incident is looked
    at while it holds."""
    is_quiet = made.alerts == NO_CHANGES
    if is_quiet and settled is not None and settled.covers(snapshot, policy, now=now):
        return IncidentChanges(settled=settled)
    standing = stand(snapshot.alerts, made.alerts)
    about = {alert.node_id for alert in standing.values()}
    nodes = {node.facts.id: node.facts for node in made.nodes if node.facts.id in about}
    places = _places(snapshot, nodes.values())
    scene = Scene(
        before={alert.key: alert for alert in snapshot.alerts},
        places=places,
        nodes=nodes,
        decisions=deeds.decided(made.decisions),
        undone=deeds.undone_of(snapshot.standing, snapshot.denials),
        policy=policy,
        now=now,
    )
    threads = tuple(_cases(standing, scene, docket=snapshot.docket))
    told = [_told(thread, telling.step(thread), scene) for thread in threads]
    if is_quiet and all(draft is None for draft, _ in told):
        return IncidentChanges(settled=settling.of(snapshot, threads, policy=policy, now=now))
    return IncidentChanges(
        incidents=tuple(draft for draft, _ in told if draft is not None),
        notices=tuple(notice for _, notice in told if notice is not None),
    )


def reworded(
    said: Iterable[Notice], alerts: Iterable[AlertFact], *, docket: Docket
) -> Iterator[Notice]:
    """The same notices in today's words, for whoever repeats what stands. Words alone that change
    page nobody."""
    standing = {alert.key: alert for alert in alerts}
    known = {one.name: one for one in docket.incidents}
    for notice in said:
        incident = known.get(notice.thread)
        told = [standing[key] for key in incident.told if key in standing] if incident else []
        words = notices.said_of(_gravest_first(told), docket.places)
        yield replace(notice, what=lines(words, most=WORDS_MAX)) if told else notice


def stand(alerts: Iterable[AlertFact], changes: AlertChanges) -> dict[str, AlertFact]:
    """The alerts after this pass, by key. One that was open already is as old as it was."""
    before = {alert.key: alert for alert in alerts}
    opened = {
        one.key: replace(one, opened_at=before[one.key].opened_at) if one.key in before else one
        for one in changes.opened
    }
    resolved = set(changes.resolved)
    return {key: one for key, one in (before | opened).items() if key not in resolved}


def _places(snapshot: Snapshot, nodes: Iterable[NodeFacts]) -> dict[str, Place]:
    """Also of nodes whose first alert opens just now."""
    pools = snapshot.fleet.pools
    judged = {
        node.id: Place(
            node=node.name,
            pool=pools[node.pool_id].name,
            tenant=node.tenant_id or pools[node.pool_id].tenant_id,
        )
        for node in nodes
    }
    return {**snapshot.docket.places, **judged}


def _cases(standing: Mapping[str, AlertFact], scene: Scene, *, docket: Docket) -> Iterator[Thread]:
    """One for each cause that has an open incident or an alert, in a fixed order."""
    followed = leaders(standing)
    groups = grouped(standing, scene.places, followed=followed)
    known = _known(docket.incidents, scene)
    numbers = count(docket.next_number)
    open_ = {key for key, one in known.items() if one.is_open}
    for group in sorted(groups.keys() | open_, key=str):
        incident, alerts = known.get(group), groups.get(group, {})
        yield Thread(
            incident=incident or _fresh(group, next(numbers), now=scene.now),
            is_new=incident is None,
            alerts=alerts,
            loud=_loud(
                [one for key, one in alerts.items() if key not in followed], scene, docket=docket
            ),
            policy=scene.policy,
            now=scene.now,
        )


def _fresh(key: _Key, number: int, *, now: datetime) -> Incident:
    cause, tenant = key
    return Incident(number=number, cause=cause, tenant=tenant, opened_at=now)


def _loud(alerts: Iterable[AlertFact], scene: Scene, *, docket: Docket) -> tuple[AlertFact, ...]:
    """Those nobody silenced."""
    now = scene.now
    active = [one for one in docket.silences if one.is_active(now)]
    if not active:
        return tuple(alerts)
    return tuple(
        one
        for one in alerts
        if not silences.silencing(one, active, place=_place(one, scene.places), now=now)
    )


def _gravest_first(alerts: Iterable[AlertFact]) -> tuple[AlertFact, ...]:
    return tuple(sorted(alerts, key=lambda one: (-one.severity.rank, one.opened_at, one.key)))


def leaders(standing: Mapping[str, AlertFact]) -> dict[str, str]:
    """Of each echo the alert it follows: the gravest about the same subject. Nobody is told of an
    echo by itself, while what it follows stands."""
    echoes = [key for key in standing if causes.facets(key).cause in causes.ECHOES]
    if not echoes:
        return {}
    heads: dict[str, AlertFact] = {}
    for key, alert in sorted(standing.items()):
        said = causes.facets(key)
        known = heads.get(said.subject)
        is_graver = known is None or alert.severity.rank > known.severity.rank
        if said.cause not in causes.ECHOES and is_graver:
            heads[said.subject] = alert
    found = ((key, heads.get(causes.facets(key).subject)) for key in echoes)
    return {key: head.key for key, head in found if head is not None}


def grouped(
    standing: Mapping[str, AlertFact], places: Mapping[str, Place], *, followed: Mapping[str, str]
) -> dict[_Key, dict[str, AlertFact]]:
    """By cause and tenant, which make an incident."""
    groups: dict[_Key, dict[str, AlertFact]] = {}
    for key, alert in standing.items():
        head = standing[followed[key]] if key in followed else alert
        groups.setdefault(_group(head, places), {})[key] = alert
    return groups


def _group(alert: AlertFact, places: Mapping[str, Place]) -> _Key:
    """Tenants never share an incident: one would read of the other's nodes."""
    place = _place(alert, places)
    return causes.cause_of(alert.key), place.tenant if place else None


def _place(alert: AlertFact, places: Mapping[str, Place]) -> Place | None:
    return places.get(alert.node_id) if alert.node_id else None


def _known(incidents: Iterable[Incident], scene: Scene) -> dict[_Key, Incident]:
    """The one each cause goes on with: the open one, else the newest that may open again."""
    found: dict[_Key, Incident] = {}
    for one in sorted(incidents, key=lambda each: (each.is_open, each.number)):
        ended = one.resolved_at
        if ended is None or scene.now - ended <= scene.policy.reopens_within:
            found[one.cause, one.tenant] = one
    return found


def _told(
    thread: Thread, step: Next, scene: Scene
) -> tuple[IncidentDraft | None, EffectDraft | None]:
    """What is written of the incident, and what is sent."""
    if step.event is None:
        is_same = step.incident == thread.incident and not thread.is_new
        draft = IncidentDraft(incident=step.incident, unacknowledge=step.unacknowledge)
        return (None if is_same else draft), None
    thread = replace(thread, loud=_gravest_first(thread.loud))
    shown = thread.loud if thread.alerts else ()
    told = Telling(
        event=step.event,
        incident=replace(step.incident, notices=step.incident.notices + 1),
        alerts=shown,
        news=frozenset(
            alert.key for alert in telling.news(replace(thread, incident=step.incident))
        ),
        gone=tuple(sorted(step.incident.told.keys() - thread.alerts.keys())),
        standing=len(thread.alerts),
    )
    notice, deeds = notices.draft(told, scene)
    after = replace(
        told.incident,
        told=_remembered(thread, step.incident, deeds),
        severity=gravest((notice.severity, step.incident.severity or Severity.LOW)),
        told_at=thread.now,
    )
    draft = IncidentDraft(incident=after, unacknowledge=step.unacknowledge)
    return draft, notices.effect(notice)


def _remembered(thread: Thread, incident: Incident, deeds: Mapping[str, str]) -> dict[str, Told]:
    """What people know from now on. Of many, not every word."""
    loud = {alert.key: alert for alert in thread.loud[: telling.TOLD_MAX]}
    kept = {key: one for key, one in incident.told.items() if key in thread.alerts}
    is_long = len(loud) > notices.WORDED_MAX
    for key, alert in loud.items():
        known = kept.get(key)
        grave = gravest((alert.severity, known.severity if known else alert.severity))
        assert grave is not None
        kept[key] = Told(
            severity=grave,
            words="" if is_long else notices.words_of(alert),
            did="" if is_long else deeds.get(key, ""),
        )
    return kept
