"""What the rules ask for, subject by subject. The brakes have not spoken yet.

Rules look at levels, not edges: whatever is wanted and not so is proposed again at each pass.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime

from collector.core import membership, rule_listed, rule_machine, rule_rates, rule_standing
from collector.core.model import Denial, Kind, Pause, Proposal, Reason, Snapshot, StandingKey
from collector.core.policy import Policy
from collector.core.rule import Asked, Case, Rule
from collector.core.signals import NodeSignals
from collector.core.zonebrake import ZoneBrakes

# By what a rule is about: the node, one of its addresses, an address at one receiver.
OF_NODE = (rule_machine.SERVICE, rule_machine.DISK, rule_standing.RULE)
OF_ADDRESS = (rule_listed.RULE, rule_rates.BOUNCES, rule_rates.COMPLAINTS, rule_machine.DNS)
OF_RECEIVER = (rule_rates.BLOCKED,)
RULES: Mapping[Reason, Rule] = {rule.reason: rule for rule in (*OF_NODE, *OF_ADDRESS, *OF_RECEIVER)}
AUTOMATION = "automation"


def cases(
    nodes: Iterable[NodeSignals], *, brakes: ZoneBrakes, policy: Policy, now: datetime
) -> dict[str, Case]:
    """Of each node as a whole, by its id, in their order."""
    return {
        node.facts.id: Case(node=node, address=None, brakes=brakes, policy=policy, now=now)
        for node in nodes
    }


def propose(nodes: Mapping[str, Case], snapshot: Snapshot) -> tuple[Proposal, ...]:
    """Every proposal of this pass, in the order of nodes and addresses."""
    return tuple(one for case in nodes.values() for one in _of_node(case, snapshot))


def lasts(key: StandingKey, denial: Denial, *, case: Case) -> bool:
    """Whether what a person has said no to is still so. `case`: of the node."""
    if key.kind is not Kind.PAUSE or key.reason not in RULES:
        return False
    rule = RULES[key.reason]
    asked = [case] if rule in OF_NODE else _addresses(case, key.address)
    return any(rule.stands(replace(one, receiver=key.receiver, denial=denial)) for one in asked)


def _of_node(case: Case, snapshot: Snapshot) -> Iterator[Proposal]:
    yield from _by_rules(OF_NODE, case, snapshot)
    for address in _addresses(case, None):
        yield from _by_rules(OF_ADDRESS, address, snapshot)
        for receiver in _receivers(address):
            yield from _by_rules(OF_RECEIVER, replace(address, receiver=receiver), snapshot)
        yield from membership.propose(address)


def _addresses(case: Case, only: str | None) -> list[Case]:
    return [
        replace(case, address=one) for one in case.node.addresses if only in (None, one.facts.ip)
    ]


def _receivers(case: Case) -> list[str]:
    """Those that answered lately, and those that a pause is about."""
    subject = case.subject
    lately = {one.receiver for one in case.mail.receivers} if case.mail else set()
    held = {p.receiver for p in case.node.facts.pauses if p.address == subject.address}
    return sorted(lately | {receiver for receiver in held if receiver is not None})


def _by_rules(rules: tuple[Rule, ...], case: Case, snapshot: Snapshot) -> Iterator[Proposal]:
    for rule in rules:
        case = _with_denial(rule, case, snapshot)
        covering = [pause for pause in case.node.facts.pauses if _covers(pause, rule, case)]
        if not covering:
            asked = None if rule.is_denied(case) else rule.opens(case)
            if asked is not None:
                yield _proposal(Kind.PAUSE, rule, case, asked=asked)
            continue
        ours = [pause for pause in covering if _is_ours(pause, case)]
        asked = _ends(rule, case, ours)
        if asked is not None:
            evidence = {"pauses": [pause.id for pause in ours], **asked.evidence}
            told = replace(asked, evidence=evidence)
            yield _proposal(Kind.RESUME, rule, case, asked=told)


def _covers(pause: Pause, rule: Rule, case: Case) -> bool:
    """An open pause of this reason that holds all of the subject."""
    subject = case.subject
    return (
        pause.reason is rule.reason
        and pause.address in (None, subject.address)
        and pause.receiver in (None, subject.receiver)
    )


def _is_ours(pause: Pause, case: Case) -> bool:
    subject = case.subject
    said = (pause.owner, pause.address, pause.receiver)
    return said == (AUTOMATION, subject.address, subject.receiver)


def _ends(rule: Rule, case: Case, ours: list[Pause]) -> Asked | None:
    if not ours:
        return None
    late = [pause for pause in ours if pause.expires_at and pause.expires_at <= case.now]
    if len(late) == len(ours):
        return Asked(
            rule="its time is over: what is sent from now on is judged anew",
            evidence={"expired_at": [f"{pause.expires_at}" for pause in late]},
        )
    return rule.ends(case)


def _with_denial(rule: Rule, case: Case, snapshot: Snapshot) -> Case:
    """Most of the time nobody has said no to anything."""
    if not snapshot.denials:
        return case
    subject = case.subject
    key = StandingKey(subject.node_id, subject.address, Kind.PAUSE, rule.reason, subject.receiver)
    return replace(case, denial=snapshot.denials.get(key))


def _proposal(kind: Kind, rule: Rule, case: Case, *, asked: Asked) -> Proposal:
    said = {item.name: getattr(asked, item.name) for item in fields(asked)}
    return Proposal(kind=kind, subject=case.subject, reason=rule.reason, **said)
