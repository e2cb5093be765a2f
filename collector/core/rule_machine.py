"""SERVICE_DOWN, DISK_FULL and DNS_BROKEN: a node that cannot deliver, or should not be seen to.

What is not known neither pauses nor resumes: a node that says nothing of its disk may have one.
"""

from collector.core import machine
from collector.core.machine import RUNNING, STOPPED
from collector.core.model import Reason
from collector.core.readings import DnsFact, DnsState, ServiceFact
from collector.core.rule import Asked, Case, Rule


def _service_opens(case: Case) -> Asked | None:
    down = [
        one
        for one in machine.smtp(case.node.facts.services)
        if one.state == STOPPED and case.now - one.since >= case.policy.service_down_after
    ]
    if not down:
        return None
    return Asked(rule="a node whose SMTP service is down is out", evidence=_shown(down))


def _service_ends(case: Case) -> Asked | None:
    known = machine.smtp(case.node.facts.services)
    if not known or any(one.state != RUNNING for one in known):
        return None
    return Asked(rule="the SMTP service runs again", evidence=_shown(known))


def _shown(services: tuple[ServiceFact, ...] | list[ServiceFact]) -> dict[str, object]:
    return {one.name: f"{one.state} since {one.since.isoformat()}" for one in services}


def _disk_opens(case: Case) -> Asked | None:
    ratio, limit = _disk(case), case.policy.disk_pause
    if ratio is None or ratio < limit:
        return None
    rule = f"a queue's disk filled to {limit:.0%} takes no more mail"
    return Asked(rule=rule, evidence={"disk_ratio": round(ratio, 3)})


def _disk_ends(case: Case) -> Asked | None:
    ratio, limit = _disk(case), case.policy.disk_close
    if ratio is None or ratio >= limit:
        return None
    rule = f"the queue's disk is below {limit:.0%} again"
    return Asked(rule=rule, evidence={"disk_ratio": round(ratio, 3)})


def _disk(case: Case) -> float | None:
    host = case.node.facts.host
    return host.disk_ratio if host else None


def _dns_opens(case: Case) -> Asked | None:
    broken = [
        one
        for one in _essential(case)
        if one.state is DnsState.BROKEN and case.now - one.since >= case.policy.dns_broken_after
    ]
    if not broken:
        return None
    rule = "an address without what receivers demand of its DNS does not send"
    return Asked(rule=rule, evidence={one.record: f"{one.name}: {one.why}" for one in broken})


def _dns_ends(case: Case) -> Asked | None:
    """All of it must be seen right: a record no resolver can look at is not."""
    known = _essential(case)
    if not known or any(one.state is not DnsState.VALID for one in known):
        return None
    return Asked(
        rule="what receivers demand of its DNS is right again",
        evidence={one.record: one.name for one in known},
    )


def _essential(case: Case) -> tuple[DnsFact, ...]:
    assert case.address is not None
    return tuple(one for one in case.address.facts.dns if one.is_essential)


SERVICE = Rule(reason=Reason.SERVICE_DOWN, opens=_service_opens, ends=_service_ends)
DISK = Rule(reason=Reason.DISK_FULL, opens=_disk_opens, ends=_disk_ends)
DNS = Rule(reason=Reason.DNS_BROKEN, opens=_dns_opens, ends=_dns_ends)
