"""Alerts about mail, machine and what is published: the rows of DESIGN's table that follow from one
node's own facts. Opens and closes none."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from collector.core import machine, rates
from collector.core.model import NodeFacts, Reason, Severity
from collector.core.policy import Policy
from collector.core.readings import CertificateFact, DnsState
from collector.core.signals import AddressSignals, NodeSignals

# The owners': days before a certificate's end. A step that lies before its renewal says nothing:
# what lives for thirty days is renewed in its last third.
CERTIFICATE_DAYS = (30, 14, 7, 1)
RENEWED_IN_LAST = 3

Said = tuple[str, Severity, str]


def of_node(node: NodeSignals, policy: Policy, *, now: datetime) -> Iterator[Said]:
    """(key, severity, text) of everything that should stand."""
    facts = node.facts
    yield from _services(facts)
    yield from _host(facts, policy, now=now)
    for certificate in facts.certificates:
        yield from _certificate(facts, certificate, now=now)
    for missed in facts.targets_missed:
        if now - missed.since >= policy.targets_missed_after:
            text = f"{facts.name}: {missed.name} is {missed.value}, the target {missed.target}"
            yield f"target:{missed.name}:{facts.id}", Severity.LOW, text
    if facts.standing is not None:
        text = f"{facts.name} silenced itself while it heard no collector: {facts.standing.text}"
        yield f"standing-order:{facts.id}", Severity.HIGH, text
    for address in node.addresses:
        yield from _address(node, address, policy)


def _services(facts: NodeFacts) -> Iterator[Said]:
    stopped = [one for one in facts.services if one.state == machine.STOPPED]
    down, smtp = ([one.name for one in ones] for ones in (stopped, machine.smtp(stopped)))
    if smtp:
        text = f"{facts.name}: the SMTP service is down ({', '.join(smtp)})"
        yield f"service-down:{facts.id}", Severity.HIGH, text
    for name in down:
        if name not in smtp:
            text = f"{facts.name}: {name} is down"
            yield f"service-down:{name}:{facts.id}", Severity.MEDIUM, text


def _host(facts: NodeFacts, policy: Policy, *, now: datetime) -> Iterator[Said]:
    host = facts.host
    if host is None:
        return
    ratio = host.disk_ratio
    if ratio is not None and ratio > policy.disk_alert:
        severity = Severity.HIGH if ratio > policy.disk_pause else Severity.MEDIUM
        yield f"disk:{facts.id}", severity, f"{facts.name}: the queue's disk is {ratio:.0%} full"
    busy = host.cpu_busy_since
    if busy is not None and now - busy >= policy.cpu_alert_after:
        text = f"{facts.name}: its processor is more than {policy.cpu_alert:.0%} busy for long"
        yield f"cpu:{facts.id}", Severity.LOW, text


def _certificate(facts: NodeFacts, one: CertificateFact, *, now: datetime) -> Iterator[Said]:
    left, life = one.expires_at - now, one.expires_at - one.issued_at
    steps = [
        days for days in CERTIFICATE_DAYS if left <= timedelta(days=days) <= life / RENEWED_IN_LAST
    ]
    if not steps:
        return
    text = f"{facts.name}: {one.name} expires within {min(steps)} days"
    if left <= timedelta(0):
        text = f"{facts.name}: {one.name} has expired"
    yield f"certificate:{one.name}:{facts.id}", Severity.MEDIUM, text


def _address(node: NodeSignals, address: AddressSignals, policy: Policy) -> Iterator[Said]:
    ip, mail = address.facts.ip, address.facts.mail
    bounced, complained = rates.bounces(mail, policy), rates.complaints(mail, policy)
    if bounced is not None and bounced.ratio > policy.bounce_alert:
        text = f"{ip}: {bounced.ratio:.1%} of {bounced.of} bounced over {bounced.span}"
        yield f"bounces:{ip}", Severity.MEDIUM, text
    is_many = complained is not None and complained.count >= policy.complaints_min
    if complained is not None and is_many and complained.ratio > policy.complaint_alert:
        text = f"{ip}: {complained.ratio:.2%} of {complained.of} complained over {complained.span}"
        yield f"complaints:{ip}", Severity.MEDIUM, text
    for pause in node.facts.pauses:
        if pause.reason is Reason.BLOCKED and pause.address == ip:
            text = f"{pause.receiver} refuses nearly all of {ip} for its reputation"
            yield f"blocked:{pause.receiver}:{ip}", Severity.MEDIUM, text
    for record in address.facts.dns:
        if record.state is DnsState.BROKEN:
            text = f"{ip}: {record.record} of {record.name} is wrong: {record.why}"
            yield f"dns:{record.record}:{ip}", Severity.MEDIUM, text
    yield from _score(address, policy)


def _score(address: AddressSignals, policy: Policy) -> Iterator[Said]:
    """Against the median of its own seven days."""
    known = address.facts.score
    if known is None or known.median is None:
        return
    now = address.score
    fell = known.median - now.value
    is_far = fell > policy.score_drop_ratio * known.median and fell >= policy.score_drop_points
    if is_far:
        why = "; ".join(f"{one.cause} ({one.points})" for one in now.lost)
        ip = address.facts.ip
        text = f"{ip}: its score fell from {known.median} to {now.value}: {why}"
        yield f"score:{ip}", Severity.MEDIUM, text
