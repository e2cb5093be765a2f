"""Alerts that no heartbeat rings for: a receiver that defers for hours, a node that cannot count.
Opened, reworded and resolved by level. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.core.alerts import AlertChanges
from collector.core.model import AlertFact, Severity
from collector.core.policy import Policy

DEFERRAL, COUNTING = "deferral", "counting"
CAUSES = (DEFERRAL, COUNTING)
# The parts of an agent without which nothing is counted, as it names them in its problems.
COUNTING_PARTS = ("state: ", "log: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailing:
    """A node with problems of its own."""

    node_id: str
    name: str
    problems: Sequence[str]


def update(
    deferring: Iterable[str],
    ailing: Iterable[Ailing],
    *,
    standing: Mapping[str, str],
    policy: Policy,
    now: datetime,
) -> AlertChanges:
    """`deferring`: receivers that do so for long; `standing`: texts of all open alerts by key."""
    wanted = {alert.key: alert for alert in _wanted(deferring, ailing, policy=policy, now=now)}
    ours = {key for key in standing if key.partition(":")[0] in CAUSES}
    news = [alert for key, alert in sorted(wanted.items()) if standing.get(key) != alert.text]
    return AlertChanges(opened=tuple(news), resolved=tuple(sorted(ours - wanted.keys())))


def _wanted(
    deferring: Iterable[str], ailing: Iterable[Ailing], *, policy: Policy, now: datetime
) -> Iterator[AlertFact]:
    limit = f"{policy.deferral_alert * 100:g}%"
    for name in deferring:
        yield AlertFact(
            key=f"{DEFERRAL}:{name}",
            severity=Severity.MEDIUM,
            text=f"{name} has deferred {limit} or more of what is new to it for two hours",
            opened_at=now,
        )
    for node in ailing:
        grave = [problem for problem in node.problems if problem.startswith(COUNTING_PARTS)]
        if grave:
            yield AlertFact(
                key=f"{COUNTING}:{node.node_id}",
                severity=Severity.MEDIUM,
                text=f"{node.name} cannot count its mail: {'; '.join(grave)}",
                opened_at=now,
                node_id=node.node_id,
            )
