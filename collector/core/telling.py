"""When people are told of an incident, and as what. Words are made by `notices`.

At once when it is High or a listing, else gathered; paced, slower the more was said; folded when
one cause has many subjects; damped when it comes and goes; its end always, if its beginning was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.core import causes
from collector.core.incident import Incident
from collector.core.model import AlertFact
from collector.core.notice import Occasion
from collector.core.policy import Policy
from collector.core.severity import Severity, gravest

# Opened again so often, it is flapping: its end is believed only after a calm.
FLAPS = 2
# Follow-ups of what is urgent wait this part of the gathering time.
HASTE = 6
# Alerts of one incident that are remembered one by one.
TOLD_MAX = 5_000
DOUBLINGS_MAX = 10
REMINDER_DOUBLINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One cause now: the alerts that stand, and those of them that nobody silenced."""

    incident: Incident
    is_new: bool
    alerts: Mapping[str, AlertFact]
    loud: tuple[AlertFact, ...]
    policy: Policy
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The incident after this pass, before anything is told; `event` None: nothing is."""

    incident: Incident
    event: Occasion | None = None
    unacknowledge: bool = False


def step(thread: Thread) -> Next:
    incident = thread.incident
    if not thread.alerts:
        return _ending(thread)
    if incident.resolved_at is not None:
        # People were told it was over: all that stands is news again.
        incident = replace(
            incident,
            told={},
            severity=None,
            reminders=0,
            reopened=incident.reopened + 1,
            calm_since=None,
            resolved_at=None,
        )
        return replace(_due(replace(thread, incident=incident)), unacknowledge=True)
    if incident.calm_since is not None:
        incident = replace(incident, calm_since=None, reopened=incident.reopened + 1)
    return _due(replace(thread, incident=incident))


def _ending(thread: Thread) -> Next:
    """Nothing stands any more."""
    incident, now = thread.incident, thread.now
    calm = replace(incident, calm_since=incident.calm_since or now)
    assert calm.calm_since is not None
    is_flapping = incident.reopened >= FLAPS
    if incident.severity is None:
        return Next(incident=replace(calm, resolved_at=now))
    if is_flapping and now - calm.calm_since < thread.policy.calm_after_flapping:
        return Next(incident=calm)
    return Next(incident=replace(calm, resolved_at=now), event=Occasion.RESOLVED)


def _due(thread: Thread) -> Next:
    """Whether people are told of what stands, and as what."""
    incident = thread.incident
    fresh = news(thread)
    if fresh and _is_time(thread, fresh):
        event = Occasion.OPENED if incident.severity is None else Occasion.UPDATED
        return Next(incident=incident, event=event, unacknowledge=bool(incident.acknowledged_by))
    if incident.severity is None or incident.told_at is None:
        return Next(incident=incident)
    waited = thread.now - incident.told_at
    if incident.told.keys() - thread.alerts.keys() and waited >= _pace(thread):
        return Next(incident=incident, event=Occasion.UPDATED)
    if _is_forgotten(thread, waited):
        return Next(
            incident=replace(incident, reminders=incident.reminders + 1), event=Occasion.REMINDER
        )
    return Next(incident=incident)


def moments(thread: Thread) -> Iterator[datetime]:
    """When time alone may change what the next step is, past ones among them: each is the other
    side of a comparison with `now` above or below."""
    incident, policy = thread.incident, thread.policy
    if incident.calm_since is not None:
        yield incident.calm_since + policy.calm_after_flapping
    fresh = news(thread)
    if fresh:
        yield min(alert.opened_at for alert in fresh) + policy.notify_gather
    if incident.told_at is not None:
        yield incident.told_at + policy.notify_gather / HASTE
        yield incident.told_at + _pace(thread)
        yield incident.told_at + _patience(thread)


def news(thread: Thread) -> list[AlertFact]:
    """What nobody was told, or not as so grave."""
    told = thread.incident.told
    is_full = len(told) >= TOLD_MAX
    return [
        alert
        for alert in thread.loud
        if (
            alert.severity.rank > told[alert.key].severity.rank
            if alert.key in told
            else not is_full
        )
    ]


def _is_time(thread: Thread, fresh: Sequence[AlertFact]) -> bool:
    incident, policy = thread.incident, thread.policy
    is_urgent = any(_is_urgent(alert) for alert in fresh)
    lasted = thread.now - min(alert.opened_at for alert in fresh)
    if incident.severity is None or incident.told_at is None:
        return is_urgent or lasted >= policy.notify_gather
    worst = gravest(alert.severity for alert in fresh)
    assert worst is not None
    if worst.rank > incident.severity.rank:
        return True
    waited = thread.now - incident.told_at
    if is_urgent and not _is_folded(thread):
        return waited >= policy.notify_gather / HASTE
    return lasted >= policy.notify_gather and waited >= _pace(thread)


def _is_urgent(alert: AlertFact) -> bool:
    return alert.severity is Severity.HIGH or causes.facets(alert.key).cause in causes.LISTINGS


def _is_folded(thread: Thread) -> bool:
    return len(thread.incident.told) > thread.policy.notify_fold_above


def _pace(thread: Thread) -> timedelta:
    """Between two notices of one incident: slower the more there were, slowest when it folds."""
    policy = thread.policy
    if _is_folded(thread):
        return policy.notify_fold_pace
    doublings = min(max(thread.incident.notices - 1, 0), DOUBLINGS_MAX)
    return min(policy.notify_gather * (1 << doublings), policy.notify_fold_pace)


def _is_forgotten(thread: Thread, waited: timedelta) -> bool:
    """High, and nobody said that they saw it."""
    if thread.incident.acknowledged_by or all(a.severity is not Severity.HIGH for a in thread.loud):
        return False
    return waited >= _patience(thread)


def _patience(thread: Thread) -> timedelta:
    """Until people are reminded, longer each time."""
    doublings = min(thread.incident.reminders, REMINDER_DOUBLINGS)
    return thread.policy.notify_again_after * (1 << doublings)
