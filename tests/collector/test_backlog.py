"""Whom the control pass judges next: news, timers, then everybody in slices; nobody is lost."""

from datetime import timedelta

from collector import backlog
from collector.adapters.doorbell import Bell
from collector.backlog import BATCH, SLICE, SLICE_MIN, Backlog
from tests.core.fleet import NOON

MANY = [f"n{i:05}" for i in range(BATCH * 3)]


def test_everybody_is_taken_in_slices_and_nobody_twice() -> None:
    waiting = Backlog()
    waiting.add_round(MANY)
    taken = []
    while waiting:
        batch = waiting.take(NOON)
        assert len(batch) == SLICE
        taken += batch
    assert sorted(taken) == MANY
    assert waiting.take(NOON) == []


def test_news_goes_before_the_round() -> None:
    waiting = Backlog()
    waiting.add_round(MANY)
    waiting.add(["zz", MANY[-1]])
    first = waiting.take(NOON)
    assert {"zz", MANY[-1]} < set(first)
    assert len(first) == 2 + SLICE
    assert len(waiting) == len(MANY) - 1 - SLICE


def test_a_batch_is_bounded_and_the_rest_waits_in_order() -> None:
    waiting = Backlog()
    waiting.add(MANY)
    assert waiting.take(NOON) == MANY[:BATCH]
    waiting.add(["late"])
    assert waiting.take(NOON) == MANY[BATCH : 2 * BATCH]


def test_a_second_round_does_not_starve_the_first() -> None:
    waiting = Backlog()
    waiting.add_round(MANY)
    waiting.take(NOON)
    waiting.add_round(MANY)
    assert waiting.take(NOON) == MANY[SLICE : 2 * SLICE]


def test_a_round_that_nothing_hurries_is_spread_over_its_passes() -> None:
    waiting, passes = Backlog(), 20
    waiting.add_round(MANY, passes=passes)
    taken = [waiting.take(NOON) for _ in range(passes)]
    assert {len(batch) for batch in taken} == {len(MANY) // passes}
    assert not waiting
    assert sorted(node_id for batch in taken for node_id in batch) == MANY
    waiting.add_round(MANY[:SLICE], passes=passes)
    assert len(waiting.take(NOON)) == SLICE_MIN


def test_a_round_in_haste_is_not_slowed_down_by_a_slow_one() -> None:
    waiting = Backlog()
    waiting.add_round(MANY)
    waiting.take(NOON)
    waiting.add_round(MANY, passes=1000)
    assert len(waiting.take(NOON)) == SLICE
    slow = Backlog()
    slow.add_round(MANY, passes=1000)
    slow.add_round(MANY)
    assert len(slow.take(NOON)) == SLICE


def test_timers_run_out_once_at_the_earliest() -> None:
    waiting = Backlog()
    for seconds in (60, 30, 90, 30):
        waiting.wake("n1", NOON + timedelta(seconds=seconds))
    assert not waiting.take(NOON)
    assert waiting.take(NOON + timedelta(seconds=30)) == ["n1"]
    assert not waiting.take(NOON + timedelta(seconds=80))
    waiting.wake("n1", NOON + timedelta(seconds=100))
    assert waiting.take(NOON + timedelta(seconds=100)) == ["n1"]


def test_who_was_not_judged_comes_first() -> None:
    waiting = Backlog()
    waiting.add(MANY)
    waiting.give_back(waiting.take(NOON))
    assert waiting.take(NOON) == MANY[:BATCH]


def test_the_bell_tells_names_before_everybody() -> None:
    bell = Bell()
    bell.ring("n1")
    bell.ring()
    assert bell.take() == frozenset({"n1"})
    assert bell.take() is None
    assert bell.take() == frozenset()
    assert backlog.BATCH >= backlog.SLICE
