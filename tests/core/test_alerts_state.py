"""Alerts that follow from a node's own facts: the rows of the table, their edges, their ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core.judge import judge
from collector.core.model import AlertFact, NodeFacts, Reason, Severity
from collector.core.rates import Window
from collector.core.readings import (
    CertificateFact,
    DnsFact,
    DnsState,
    HostFacts,
    MailFacts,
    ServiceFact,
    StandingReport,
    TargetFact,
)
from tests.core import fleet
from tests.core.fleet import NOON, POLICY

IP = "198.51.100.1"
HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def node(**rest: object) -> NodeFacts:
    return fleet.node("n1", **rest)


def mailed(day: Window, complaints: int | None = None) -> NodeFacts:
    mail = MailFacts(day=day, week=Window(), complaints_day=complaints)
    return fleet.node("n1", fleet.address(mail=mail))


def service(name: str, state: str = "stopped") -> tuple[ServiceFact, ...]:
    return (ServiceFact(name=name, state=state, since=NOON),)


def certificate(days: float, *, life: int = 30) -> NodeFacts:
    ends = NOON + timedelta(days=days)
    one = CertificateFact(name="own", issued_at=ends - timedelta(days=life), expires_at=ends)
    return node(certificates=(one,))


def busy(minutes: float) -> NodeFacts:
    return node(host=HostFacts(cpu_busy_since=fleet.ago(minutes=minutes)))


def missed(minutes: float) -> NodeFacts:
    since = fleet.ago(minutes=minutes)
    one = TargetFact(name="queue", value="200", target="< 100", since=since, seen_at=NOON)
    return node(targets_missed=(one,))


def record(state: DnsState) -> NodeFacts:
    one = DnsFact(record="SPF", name="example.net", state=state, since=NOON, why="two records")
    return fleet.node("n1", fleet.address(dns=(one,)))


BOUNCING = Window(first_sent=940, first_bounced=60)
BLOCKED = replace(fleet.pause(Reason.BLOCKED), receiver="gmail")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (node(services=service("postfix")), ("service-down:n1", HIGH)),
        (node(services=service("dovecot.service")), ("service-down:dovecot.service:n1", MEDIUM)),
        (node(services=service("postfix", "unknown")), None),
        (node(host=HostFacts(disk_ratio=0.96)), ("disk:n1", HIGH)),
        (node(host=HostFacts(disk_ratio=0.95)), ("disk:n1", MEDIUM)),
        (node(host=HostFacts(disk_ratio=0.80)), None),
        (node(host=HostFacts()), None),
        (busy(15), ("cpu:n1", LOW)),
        (busy(14), None),
        (certificate(6.9), ("certificate:own:n1", MEDIUM)),
        (certificate(9), None),
        (certificate(29, life=90), ("certificate:own:n1", MEDIUM)),
        (certificate(31, life=90), None),
        (missed(60), ("target:queue:n1", LOW)),
        (missed(59), None),
        (mailed(BOUNCING), (f"bounces:{IP}", MEDIUM)),
        (mailed(Window(first_sent=950, first_bounced=50)), None),
        (mailed(Window(sent=1000, first_sent=1000), 3), (f"complaints:{IP}", MEDIUM)),
        (mailed(Window(sent=1000, first_sent=1000), 2), None),
        (mailed(Window(sent=9000, first_sent=9000), 9), None),
        (node(pauses=(BLOCKED,)), (f"blocked:gmail:{IP}", MEDIUM)),
        (node(pauses=(replace(BLOCKED, address="198.51.100.9"),)), None),
        (record(DnsState.BROKEN), (f"dns:SPF:{IP}", MEDIUM)),
        (record(DnsState.UNKNOWN), None),
        (node(standing=StandingReport(since=NOON, text="zen")), ("standing-order:n1", HIGH)),
    ],
)
def test_the_table(facts: NodeFacts, expected: tuple[str, Severity] | None) -> None:
    judgement = judge(fleet.snapshot(facts), POLICY, now=NOON)
    said = [(one.key, one.severity) for one in judgement.alerts_open]
    assert said == ([] if expected is None else [expected])


def test_a_certificates_words_follow_the_days() -> None:
    texts = []
    for days in (25.0, 13.0, 6.0, 0.5, -1.0):
        judgement = judge(fleet.snapshot(certificate(days, life=90)), POLICY, now=NOON)
        texts += [one.text.partition(": ")[2] for one in judgement.alerts_open]
    assert texts == [
        *(f"own expires within {days} days" for days in (30, 14, 7, 1)),
        "own has expired",
    ]


def test_a_fuller_disk_is_a_graver_alert_and_an_emptier_one_none() -> None:
    full = node(host=HostFacts(disk_ratio=0.97))
    known = AlertFact(key="disk:n1", severity=MEDIUM, text="n1: ...", opened_at=NOON, node_id="n1")
    seen = replace(fleet.snapshot(full), alerts=(known,))
    assert [one.severity for one in judge(seen, POLICY, now=NOON).alerts_open] == [HIGH]
    empty = replace(seen, nodes=(node(host=HostFacts(disk_ratio=0.5)),))
    assert judge(empty, POLICY, now=NOON).alerts_resolve == ("disk:n1",)
