"""A node holds an order ahead of our journal: the collector was restored. What follows from it.

What the order silences stays silent under a RESTORED pause, which only a person lifts; what it
lets send may send. Nothing resumes by itself.
"""

from collections.abc import Iterator
from datetime import datetime

from collector.core import inputs
from collector.core.judgement import Judgement, PauseDraft
from collector.core.model import (
    Decision,
    Fate,
    Kind,
    NodeFacts,
    Order,
    Proposal,
    Reason,
    Subject,
)

RULE = "an order ahead of the journal"


def is_ahead(applied: Order | None, *, known: Order | None) -> bool:
    """Whether the node was told something that our journal does not know.

    Also in words of the same number: a later self of ours used it before we did.
    """
    if applied is None:
        return False
    if known is None or applied.order != known.order:
        return known is None or applied.order > known.order
    return _words(applied) != _words(known)


def _words(order: Order) -> tuple[object, ...]:
    """What an order says, in whatever order it says it."""
    addresses = sorted((ip, sorted(pauses)) for ip, pauses in order.addresses)
    return sorted(order.node_pauses), addresses


def judge(
    node: NodeFacts, applied: Order, *, term: int, policy_revision: int, now: datetime
) -> Judgement:
    """RESTORED pauses for what the order silences; empty of changes when it silences nothing."""
    decisions = tuple(
        Decision(
            proposal=proposal,
            fate=Fate.MADE,
            brake=None,
            aggregates={},
            policy_revision=policy_revision,
            at=now,
        )
        for proposal in _proposals(node, applied)
    )
    pauses = tuple(
        PauseDraft(
            subject=decision.proposal.subject,
            reason=Reason.RESTORED,
            owner="automation",
            note=", ".join(_said(applied, decision.proposal.subject.address)),
            decision=index,
        )
        for index, decision in enumerate(decisions)
    )
    return Judgement(
        at=now,
        term=term,
        decisions=decisions,
        inputs=tuple(inputs.of_order(one, node, applied=applied, term=term) for one in decisions),
        pauses_open=pauses,
    )


def _proposals(node: NodeFacts, applied: Order) -> Iterator[Proposal]:
    held = {pause.address for pause in node.pauses if pause.reason is Reason.RESTORED}
    for address in _silenced(node, applied):
        if address in held:
            continue
        yield Proposal(
            kind=Kind.PAUSE,
            subject=Subject(node_id=node.id, address=address, pool_id=node.pool_id),
            reason=Reason.RESTORED,
            rule=RULE,
            evidence={
                "applied": _shown(applied),
                "known": None if node.order is None else _shown(node.order),
                "pauses": list(_said(applied, address)),
            },
        )


def _silenced(node: NodeFacts, applied: Order) -> list[str | None]:
    """Addresses the order silences; None, the whole node, when it says so or names a stranger."""
    ours = {address.ip for address in node.addresses}
    silenced = sorted(address for address, pauses in applied.addresses if pauses)
    if applied.node_pauses or not ours.issuperset(silenced):
        return [None]
    return list(silenced)


def _said(applied: Order, address: str | None) -> tuple[str, ...]:
    """The reasons the order gives for this subject."""
    if address is None:
        every = {reason for _, pauses in applied.addresses for reason in pauses}
        return tuple(sorted(every | set(applied.node_pauses)))
    return next((pauses for ip, pauses in applied.addresses if ip == address), ())


def _shown(order: Order) -> dict[str, object]:
    return {
        "term": order.term,
        "revision": order.revision,
        "node_pauses": list(order.node_pauses),
        "addresses": {address: list(pauses) for address, pauses in order.addresses},
    }
