"""A plan against any clock, and the days it has before it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core import warmup, warmup_forecast
from collector.core.model import Kind
from collector.core.policy import Policy
from collector.core.warmup_plan import Holder, SendingDay, midnight
from deliverability.ladders import LADDERS
from tests.core.fleet import NOON, POLICY

LADDER = LADDERS["owners-10k"]
TODAY = midnight(NOON)


def test_the_days_ahead_end_without_a_cap() -> None:
    begun = warmup.start("198.51.100.1", LADDER, stage=18, now=NOON)
    ahead = list(warmup_forecast.of_plan(begun, today=TODAY.date()))
    assert [(one.day - TODAY.date()).days for one in ahead] == [0, 1, 2, 3]
    assert [one.cap.day if one.cap else None for one in ahead] == [266, 319, 383, None]
    assert [one.stage for one in ahead] == [19, 20, 21, 22]


@pytest.mark.parametrize(
    "name, monthly, addresses, stage, days, at",
    [
        ("owners-10k", 10_000, 1, 0, 20, 21),
        ("owners-10k-gentle", 10_000, 1, 0, 37, 38),
        ("owners-10k", 10_000, 1, 15, 5, 21),
        ("owners-10k", 300, 1, 15, 0, 1),
        ("owners-100k", 100_000, 3, 0, 23, 24),
        ("owners-10k", 100_000, 1, 0, 21, None),
    ],
)
def test_the_true_date_of_a_volume(
    name: str, monthly: int, addresses: int, stage: int, days: int, at: int | None
) -> None:
    begin = TODAY.date()
    reach = warmup_forecast.reaching(
        LADDERS[name], monthly=monthly, addresses=addresses, begin=begin, stage=stage
    )
    assert (reach.days, reach.on, reach.stage) == (days, begin + timedelta(days=days), at)


clocks = st.lists(
    st.tuples(
        st.integers(-400, 400),  # hours the clock moves by
        st.integers(0, 600),
        st.integers(0, 30),
        st.booleans(),
    ),
    max_size=60,
)


@given(clocks, st.integers(0, 20), st.booleans())
def test_no_clock_skips_a_stage(
    moves: list[tuple[int, int, int, bool]], stage: int, is_held: bool
) -> None:
    """Forwards, backwards, days away: one stage at most a look, no day counts twice, and what an
    operator holds neither rises nor is let go."""
    now = NOON
    at = warmup.start("198.51.100.1", LADDER, stage=stage, now=now)
    if is_held:
        at = warmup.hold(at, by=Holder.OPERATOR, why="theirs")
    counted: set[datetime] = set()
    for hours, volume, bounced, heard in moves:
        now += timedelta(hours=hours)
        over = warmup.day_to_judge(at, POLICY, now=now)
        if over is None:
            continue
        assert over < now
        seen = SendingDay(
            day=over, heard=heard, volume=volume, firsts=volume, bounced=min(bounced, volume)
        )
        step = warmup.advance(at, seen, policy=POLICY, now=now)
        assert step.plan.stage <= at.stage + 1
        if step.kind is Kind.ADVANCE:
            assert volume >= warmup.least_of(LADDER.stages[at.stage].day, POLICY)
            assert over not in counted
            assert not is_held
            counted.add(over)
        assert 0 <= step.plan.stage <= len(LADDER.stages)
        assert step.kept.stage == at.stage
        assert not is_held or step.plan.held_by is Holder.OPERATOR
        at = step.plan
        assert warmup.day_to_judge(at, POLICY, now=now) is None


@given(st.integers(1, 10**9), st.floats(0.1, 1))
def test_the_least_of_a_cap_is_within_it(cap: int, ratio: float) -> None:
    least = warmup.least_of(cap, Policy(warmup_sent_ratio_min=ratio))
    assert 1 <= least <= cap
    assert least >= cap * ratio - 1e-6 * cap
