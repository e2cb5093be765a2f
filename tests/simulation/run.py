"""Plays one plan, and when a goal is missed cuts it down to what is needed for that."""

import asyncio
from dataclasses import dataclass, replace
from random import Random

from collector.core.policy import Policy
from tests.simulation.fleet import Fleet
from tests.simulation.goals import Goals, Violation
from tests.simulation.happening import Happening
from tests.simulation.plan import Plan

TRIES_MAX = 60
# So late nothing more is asked of a shrunk plan.
AFTER_SECONDS = 4 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """`violation`: the goal that was missed, "" when none was; `at`: when."""

    plan: Plan
    violation: str
    at: float
    steps: int
    decisions: int


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
    )


def shrink(played: Played) -> Played:
    """A smaller plan that misses a goal too: less time, fewer mishaps, tried one by one."""
    best, tries = _sooner(played), 0
    index = 0
    while index < len(best.plan.mishaps) and tries < TRIES_MAX:
        tries += 1
        fewer = best.plan.mishaps[:index] + best.plan.mishaps[index + 1 :]
        again = play(replace(best.plan, mishaps=fewer))
        if again.violation:
            best = again
        else:
            index += 1
    return best


def _sooner(played: Played) -> Played:
    """Without what comes after."""
    at, plan = played.at, played.plan
    before = tuple(one for one in plan.mishaps if one.at <= at)
    lasts = min(plan.lasts, at + AFTER_SECONDS)
    again = play(replace(plan, mishaps=before, lasts=lasts))
    return again if again.violation else played
