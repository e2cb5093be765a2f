"""Policy by a person's words: parsed, bounded, without contradictions, said as it is read."""

from dataclasses import fields, replace
from datetime import timedelta
from enum import Enum

import pytest

from collector.core import policy as policies
from collector.core import policy_change, policy_values, policy_words
from collector.core.policy import BOUNDS, PauseListed, Policy
from collector.core.policy_change import ASCENDING, Unfit
from tests.core.snapshots import Dice

NAMES = [one.name for one in fields(Policy)]


def test_every_value_has_bounds_and_words() -> None:
    words = {name for name in NAMES if isinstance(getattr(Policy(), name), Enum)}
    assert set(BOUNDS) == set(NAMES) - words
    assert set(policy_words.DOES) == set(NAMES) - {"revision"}
    assert not policy_change.problems(Policy())


def test_units() -> None:
    assert policy_words.unit("floor_ratio") == "ratio"
    assert policy_words.unit("sweep_critical") == "seconds"
    assert policy_words.unit("lost_after_intervals") == "intervals"
    assert policy_words.unit("clean_rounds") == ""
    assert policy_words.unit("pause_listed") == "word"


def test_what_is_said_is_read_again() -> None:
    for number in range(50):
        policy = Dice(number).policy()
        for name in (name for name in NAMES if name != "revision"):
            text = policy_change.said(policy, name)
            again = policy_change.said(
                replace(policy, **{name: policy_change.parse(name, text=text)}),  # type: ignore[arg-type]
                name,
            )
            assert again == text, (number, name)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("blind_after", "90m", timedelta(minutes=90)),
        ("blind_after", "2H", timedelta(hours=2)),
        ("blind_after", "45", timedelta(seconds=45)),
        ("loop_lag_max", "500ms", timedelta(milliseconds=500)),
        ("floor_ratio", "65%", 0.65),
        ("floor_ratio", " 0.65 ", 0.65),
        ("clean_rounds", "3", 3),
        ("pause_listed", "Any", PauseListed.ANY),
    ],
)
def test_words_are_read(name: str, text: str, value: object) -> None:
    assert policy_change.parse(name, text=text) == value


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"shoe_size": "43"}, "shoe_size is no value of the policy"),
        ({"revision": "9"}, "revision is no value of the policy"),
        ({"floor_ratio": "much"}, "floor_ratio: 'much' is no number"),
        ({"floor_ratio": "5s"}, "floor_ratio is no duration"),
        ({"blind_after": "5%"}, "blind_after is a duration"),
        ({"pause_listed": "often"}, "pause_listed is one of critical, major, any"),
        ({"bounce_close": "6%"}, "a pause ends below what alerts"),
        ({"clean_rounds": "2.5"}, "clean_rounds is a whole number"),
        ({"clean_rounds": "200%"}, "clean_rounds is a whole number"),
        ({"floor_ratio": "0.1"}, "floor_ratio = 0.1 is outside 0.3 to 0.95"),
        ({"lost_after_intervals": "2", "late_after_intervals": "2"}, "late before it is lost"),
        ({"floor_ratio": "0.9"}, "before it has taken a pool to its floor"),
        ({"second_sweep_after": "10m"}, "too early to confirm"),
        ({"heartbeat_interval": "1s"}, "overtake each other"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(words: dict[str, str], why: str) -> None:
    with pytest.raises(Unfit, match=why):
        policy_change.changed(Policy(), words)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Unfit) as unfit:
        policy_change.changed(
            Policy(), {"shoe_size": "43", "floor_ratio": "7", "clean_rounds": "x"}
        )
    assert len(unfit.value.problems) == 3


def test_names_of_the_table_are_values() -> None:
    assert {name for low, high, _ in ASCENDING for name in (low, high)} <= set(NAMES)


def test_a_change_tells_what_it_was_and_is() -> None:
    after = policy_change.changed(Policy(), {"floor_ratio": "70%", "blind_after": "2h"})
    assert policy_change.differences(before=Policy(), after=after) == {
        "floor_ratio": ("0.6", "0.7"),
        "blind_after": ("60m", "2h"),
    }
    assert (
        policy_change.said(replace(after, heartbeat_jitter=timedelta(days=3)), "heartbeat_jitter")
        == "3d"
    )


def test_numbers_make_the_same_policy() -> None:
    for number in range(50):
        policy = Dice(number).policy()
        values = policy_values.of(policy)
        assert policy_values.made(values) == policy
        assert policy_values.made({**values, "gone": 1.0}) == policy
    assert policies.problems(Policy()) == ()
