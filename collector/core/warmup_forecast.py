"""The days a plan has before it, if each of them counts. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from collector.core.warmup_plan import Plan
from deliverability.ladders import MONTH_DAYS, Ladder, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """One day to come. `cap` None: no cap any more."""

    day: date
    stage: int
    cap: Stage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """When so many messages a month can be sent, each day counting."""

    monthly: int
    addresses: int
    per_day: int
    on: date
    days: int
    # The stage, from 1; None: only without a cap.
    stage: int | None


def of_plan(plan: Plan, *, today: date) -> Iterator[Ahead]:
    """From today to the first day without a cap."""
    yield from of_ladder(plan.steps, begin=today, stage=plan.stage)


def of_ladder(ladder: Ladder, *, begin: date, stage: int = 0) -> Iterator[Ahead]:
    for place in range(stage, len(ladder.stages) + 1):
        cap = ladder.stages[place] if place < len(ladder.stages) else None
        yield Ahead(day=begin + timedelta(days=place - stage), stage=place + 1, cap=cap)


def reaching(ladder: Ladder, *, monthly: int, addresses: int, begin: date, stage: int = 0) -> Reach:
    """`monthly` over 30 days and so many addresses that warm together."""
    per_day = -(-monthly // (MONTH_DAYS * max(1, addresses)))
    found = ladder.reaches(per_day)
    place = len(ladder.stages) if found is None else found
    days = max(0, place - stage)
    return Reach(
        monthly=monthly,
        addresses=addresses,
        per_day=per_day,
        on=begin + timedelta(days=days),
        days=days,
        stage=None if found is None else found + 1,
    )
