"""Warm-up of sending domains within a judgement: days that are over, and what is decided of them.

A plan of a domain begins by a person's word alone, and is over all pools: no pool is asked whether
it may act. Where automation is stopped, the days wait.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.core import warming, warmup
from collector.core.model import Decision, Fate, Snapshot, Subject
from collector.core.policy import Policy
from collector.core.warming import Turn


def judge(
    snapshot: Snapshot, policy: Policy, *, now: datetime
) -> tuple[tuple[Turn, ...], tuple[Decision, ...]]:
    """What the days made of the plans, and what is decided of it."""
    of_domains = tuple(_turns(snapshot, policy, now=now))
    return of_domains, tuple(_decide(of_domains, policy, now=now))


def _turns(snapshot: Snapshot, policy: Policy, *, now: datetime) -> Iterator[Turn]:
    for one in snapshot.domains:
        if one.day is not None and not snapshot.fleet.automation_stopped:
            yield Turn(
                subject=Subject(node_id="", address=one.plan.subject, pool_id=""),
                before=one,
                step=warmup.advance(one.plan, one.day, policy=policy, now=now),
            )


def _decide(turns: Sequence[Turn], policy: Policy, *, now: datetime) -> Iterator[Decision]:
    """Every one is made: no brake is meant for what lets nobody in or out."""
    for proposal in warming.propose(turns):
        yield Decision(
            proposal=proposal,
            fate=Fate.MADE,
            brake=None,
            aggregates={},
            policy_revision=policy.revision,
            at=now,
        )
