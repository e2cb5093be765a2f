"""Judges a stored decision once more, from its stored inputs, by the same rules that judged it."""

from collector.core import decide, restored, safety, signals, warming, warming_domains, zonebrake
from collector.core.inputs import Inputs
from collector.core.model import Decision, Order, Proposal
from collector.core.policy import Policy


def judge_again(inputs: Inputs, policy: Policy) -> Decision | None:
    """What these inputs lead to; None when nothing asks for it. `policy`: that of its revision, for
    what was decided; another for what would have been."""
    if inputs.applied is not None:
        return _restored(inputs, inputs.applied, policy=policy)
    now, snapshot = inputs.at, inputs.snapshot
    if snapshot.domains:
        _, decided = warming_domains.judge(snapshot, policy, now=now)
        return next((one for one in decided if _is_meant(one.proposal, inputs)), None)
    nodes = signals.read_all(snapshot, policy, now=now)
    brakes = zonebrake.held(inputs.seen.zones, snapshot.fleet, policy=policy, now=now)
    turns = warming.turns(snapshot, policy, now=now)
    cases = decide.cases(nodes, brakes=brakes, policy=policy, now=now)
    asked = decide.propose(cases, snapshot)
    for proposal in (*asked, *warming.propose(turns)):
        if _is_meant(proposal, inputs):
            return safety.again(proposal, snapshot, seen=inputs.seen, policy=policy, now=now)
    return None


def _restored(inputs: Inputs, applied: Order, *, policy: Policy) -> Decision | None:
    (node,) = inputs.snapshot.nodes
    judgement = restored.judge(
        node,
        applied,
        term=inputs.snapshot.term,
        policy_revision=policy.revision,
        now=inputs.at,
    )
    return next((one for one in judgement.decisions if _is_meant(one.proposal, inputs)), None)


def _is_meant(proposal: Proposal, inputs: Inputs) -> bool:
    said = (proposal.subject, proposal.kind, proposal.reason)
    return said == (inputs.subject, inputs.kind, inputs.reason)
