"""A cause and its people over time: alerts come and go, passes judge, notices are collected."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from collector.core import incidents, notice
from collector.core.incident import Docket, Incident, Place, Silence
from collector.core.incidents import Made
from collector.core.levels import AlertChanges
from collector.core.model import (
    AlertFact,
    Decision,
    Denial,
    NodeFacts,
    Severity,
    Standing,
    StandingKey,
)
from collector.core.notice import Notice
from collector.core.policy import Policy
from collector.core.settled import Settled
from collector.core.signals import NodeSignals
from tests.core import fleet
from tests.core.fleet import NOON, POLICY

ZEN = "zen.spamhaus.org"
Nodes = tuple[NodeFacts, ...]


@dataclass
class Thread:
    """Commits what each pass says, as the store would. Whatever is settled changes no outcome."""

    alerts: dict[str, AlertFact] = field(default_factory=dict)
    known: dict[int, Incident] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    places: dict[str, Place] = field(default_factory=dict)
    now: datetime = NOON
    notices: list[Notice] = field(default_factory=list)
    policy: Policy = POLICY
    settled: Settled | None = None
    # Passes that looked at no incident.
    skipped: int = 0

    def opens(self, *alerts: AlertFact, **rest: Any) -> list[Notice]:
        """They open in the pass that tells of them."""
        news = tuple(replace(alert, opened_at=self.now) for alert in alerts)
        return self.judged(AlertChanges(opened=news, resolved=()), **rest)

    def ends(self, *keys: str, **rest: Any) -> list[Notice]:
        return self.judged(AlertChanges(opened=(), resolved=keys), **rest)

    def later(self, **parts: float) -> list[Notice]:
        """A pass after so long, with nothing new."""
        self.now += timedelta(**parts)
        return self.judged(AlertChanges(opened=(), resolved=()))

    def judged(
        self,
        changes: AlertChanges,
        *,
        nodes: Nodes = (),
        decisions: tuple[Decision, ...] = (),
        standing: Mapping[StandingKey, Standing] | None = None,
        denials: Mapping[StandingKey, Denial] | None = None,
    ) -> list[Notice]:
        docket = Docket(
            incidents=tuple(self.known.values()),
            silences=self.silences,
            places=self.places,
            next_number=max(self.known, default=0) + 1,
        )
        seen = replace(
            fleet.snapshot(*nodes),
            alerts=tuple(self.alerts.values()),
            docket=docket,
            standing=standing or {},
            denials=denials or {},
        )
        signals = tuple(NodeSignals(facts=node, addresses=(), is_back=False) for node in nodes)
        made = Made(alerts=changes, nodes=signals, decisions=decisions)
        done = incidents.update(seen, made, policy=self.policy, now=self.now, settled=self.settled)
        bare = incidents.update(seen, made, policy=self.policy, now=self.now)
        assert (done.incidents, done.notices) == (bare.incidents, bare.notices)
        self.skipped += done.settled is not None and done.settled is self.settled
        self.settled = done.settled
        self.alerts = incidents.stand(seen.alerts, changes)
        for draft in done.incidents:
            by = "" if draft.unacknowledge else draft.incident.acknowledged_by
            self.known[draft.incident.number] = replace(draft.incident, acknowledged_by=by)
        told = [notice.from_payload(one.payload) for one in done.notices]
        self.notices += told
        return told

    @property
    def only(self) -> Incident:
        (incident,) = self.known.values()
        return incident

    def acknowledge(self) -> None:
        self.known[self.only.number] = replace(self.only, acknowledged_by="anna")


def alert(
    key: str = f"listed:{ZEN}:198.51.100.1",
    severity: Severity = Severity.HIGH,
    *,
    text: str = "",
    node: str | None = "n1",
) -> AlertFact:
    return AlertFact(
        key=key, severity=severity, text=text or f"text of {key}", opened_at=NOON, node_id=node
    )


def listed(number: int, severity: Severity = Severity.HIGH) -> AlertFact:
    ip = f"198.51.100.{number}"
    text = f"{ip} is listed by {ZEN}: 127.0.0.2 SBL"
    return alert(f"listed:{ZEN}:{ip}", severity, text=text, node=f"n{number}")


def sick(number: int, cause: str = "unhealthy") -> AlertFact:
    return alert(
        f"{cause}:n{number}", Severity.MEDIUM, text=f"n{number} is {cause}", node=f"n{number}"
    )


def events(notices: list[Notice]) -> list[str]:
    return [one.event.value for one in notices]
