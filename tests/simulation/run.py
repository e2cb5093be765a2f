"""Plays one plan, and says whether a goal was missed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from collector.core.policy import Policy
from tests.simulation.fleet import Fleet
from tests.simulation.goals import Goals, Violation
from tests.simulation.happening import Happening
from tests.simulation.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """`violation`: the goal that was missed, "" when none was; `at`: when."""

    plan: Plan
    violation: str
    at: float
    steps: int
    decisions: int
    # How often each mishap happened, and each brake withheld something.
    happened: Mapping[str, int]
    brakes: Mapping[str, int]


def play(plan: Plan) -> Played:
    return asyncio.run(_play(plan))


async def _play(plan: Plan) -> Played:
    fleet = Fleet(plan.pools, policy=Policy(), random=Random(plan.seed))
    fleet.may_sleep = True
    happening = Happening(fleet, plan)
    goals = Goals(fleet, happening.truth)
    violation = ""
    try:
        await fleet.join()
        happening.schedule()
        fleet.watchers += [goals.watch, happening.note_orders]
        await fleet.advance(plan.lasts)
        goals.end()
    except Violation as missed:
        violation = str(missed)
    return Played(
        plan=plan,
        violation=violation,
        at=fleet.clock.seconds,
        steps=goals.steps,
        decisions=goals.decisions,
        happened=dict(happening.happened),
        brakes=dict(goals.brakes),
    )
