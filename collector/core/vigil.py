"""Alerts that no heartbeat rings for: a receiver that defers for hours, a node that cannot count,
a channel of notification that does not deliver. Opened, reworded and resolved by level. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.core import causes, levels
from collector.core.causes import Owner
from collector.core.channels import ChannelState
from collector.core.levels import AlertChanges
from collector.core.model import AlertFact, Severity
from collector.core.policy import Policy

DEFERRAL, COUNTING, CHANNEL = "deferral", "counting", "channel"
CAUSES = causes.owned_by(Owner.VIGIL)
# A channel that fails for less has a bad moment.
FAILS_FOR = timedelta(minutes=5)
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
    standing: Iterable[AlertFact],
    policy: Policy,
    now: datetime,
) -> AlertChanges:
    """`deferring`: receivers that do so for long."""
    wanted = _wanted(deferring, ailing, policy=policy, now=now)
    return levels.changes(wanted, standing=standing, is_ours=levels.of_causes(CAUSES))


def of_channels(
    states: Mapping[str, ChannelState], *, standing: Iterable[AlertFact], now: datetime
) -> AlertChanges:
    """Of every configured channel: it fails for a while, or a notice was lost and none went out
    since."""
    wanted = (alert for name, state in states.items() for alert in _wrong(name, state, now=now))
    return levels.changes(wanted, standing=standing, is_ours=levels.of_causes((CHANNEL,)))


def _wrong(name: str, state: ChannelState, *, now: datetime) -> Iterator[AlertFact]:
    since, lost = state.failing_since, state.failed_at
    is_failing = since is not None and now - since >= FAILS_FOR
    has_lost = lost is not None and (state.sent_at is None or state.sent_at < lost)
    if is_failing or has_lost:
        what = "lost a notice" if has_lost else "does not deliver"
        yield AlertFact(
            key=f"{CHANNEL}:{name}",
            severity=Severity.MEDIUM,
            text=f"the channel {name} {what}: {state.problem or 'refused'}",
            opened_at=now,
        )


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
