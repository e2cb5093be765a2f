"""Who enters and who leaves a rotation without any pause: silence, and the end of trouble."""

from collections.abc import Iterator

from collector.core import evidence, obedience
from collector.core.lifecycle import SENDING
from collector.core.model import Kind, NodeFacts, Proposal, Reason
from collector.core.reputation import Stand
from collector.core.rule import Case
from collector.core.signals import AddressSignals


def propose(case: Case) -> Iterator[Proposal]:
    """A lost node leaves the rotation; one that is back, and free to send, enters it."""
    assert case.address is not None
    node, facts = case.node, case.address.facts
    if node.is_lost and facts.in_rotation:
        yield Proposal(
            kind=Kind.REMOVE,
            subject=case.subject,
            reason=Reason.SILENCE,
            rule=f"{_lost_after(case):g} missed heartbeats take a node out of the rotation",
            evidence=evidence.of_silence(node),
        )
    is_free = not node.pauses_of(facts.ip) and node.facts.lifecycle in SENDING
    is_fit = node.is_back and _is_in_step(node.facts) and not _is_sick(case.address)
    if not facts.in_rotation and is_free and is_fit:
        yield Proposal(
            kind=Kind.ADMIT,
            subject=case.subject,
            reason=facts.rotation_reason or Reason.SILENCE,
            rule=f"heard {case.policy.back_after_heartbeats} times in a row, no pause, in step with"
            " its directive: it may take mail",
            evidence=evidence.of_silence(node),
        )


def _lost_after(case: Case) -> float:
    return case.policy.lost_after_intervals


def _is_in_step(node: NodeFacts) -> bool:
    """Its newest directive, one that lets it send, is verified: it does, and we can stop it."""
    order, said = node.order, node.obedience
    if order is None or order.is_silent or said is None:
        return False
    return obedience.is_in_step(order.order, obeyed=said.order, convergence=said.convergence)


def _is_sick(address: AddressSignals) -> bool:
    """A hit not yet looked at again keeps an address that is out from coming in."""
    return any(one.stand is Stand.UNCONFIRMED and one.is_critical for one in address.opinions)
