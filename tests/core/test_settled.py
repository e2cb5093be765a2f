"""While nothing changes nothing is looked at, and nothing is missed: every pass of these tests is
judged a second time by somebody to whom nothing is settled (`tests.core.thread`)."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core.incident import Place, Silence
from collector.core.model import Severity
from tests.core.fleet import NOON
from tests.core.thread import Thread, alert, listed

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def silence(number: int, *, begins: timedelta, lasts: timedelta) -> Silence:
    return Silence(
        number=number,
        starts_at=NOON + begins,
        ends_at=NOON + begins + lasts,
        made_by="anna",
        reason="work",
        cause=random.Random(number).choice(("skew", None)),
        pool="p1",
    )


def test_a_pass_over_what_stood_before_looks_at_nothing() -> None:
    thread = Thread()
    thread.opens(*(listed(n, Severity.MEDIUM) for n in range(1, 9)))
    thread.later(seconds=1)
    assert thread.skipped == 0, "what was just told is looked at once more"
    for _ in range(3):
        assert thread.later(seconds=1) == []
    assert thread.skipped == 3


def test_people_are_reminded_though_nothing_changed() -> None:
    thread = Thread()
    thread.opens(alert("duplicate:n1"))
    told = [thread.later(minutes=5) for _ in range(120)]
    assert any(told)
    assert thread.skipped > 110


def test_what_is_gathered_is_told_in_time() -> None:
    thread = Thread()
    thread.opens(alert("skew:n1", Severity.LOW))
    waited = 0
    while not thread.later(seconds=1):
        waited += 1
    assert waited == thread.policy.notify_gather.total_seconds() - 1
    assert thread.skipped > waited / 2


@pytest.mark.parametrize(
    "change",
    [
        {"silences": (silence(1, begins=-HOUR, lasts=2 * HOUR),)},
        {"places": {"n1": Place(node="mx1", pool="p1", tenant="t")}},
        {"now": NOON - HOUR},
    ],
)
def test_another_silence_or_place_or_clock_is_looked_at(change: dict[str, object]) -> None:
    thread = Thread()
    thread.opens(alert("skew:n1", Severity.LOW))
    for _ in range(3):
        thread.later(minutes=1)
    before = thread.skipped
    for name, value in change.items():
        setattr(thread, name, value)
    thread.later()
    assert thread.skipped == before


def test_another_policy_is_looked_at() -> None:
    thread = Thread()
    thread.opens(alert("duplicate:n1"))
    thread.later(seconds=1)
    thread.policy = replace(thread.policy, notify_again_after=MINUTE)
    assert thread.later(minutes=2)


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_missed_whatever_happens(seed: int) -> None:
    dice, thread = random.Random(seed), Thread()
    keys = [f"{cause}:n{n}" for cause in ("skew", "duplicate", "blind") for n in (1, 2)]
    keys += [f"listed:zone:198.51.100.{n}" for n in (1, 2)]
    keys += [f"score:198.51.100.{n}" for n in (1, 2)]
    thread.places = {f"n{n}": Place(node=f"mx{n}", pool="p1") for n in (1, 2)}
    thread.silences = tuple(
        silence(n, begins=MINUTE * dice.randrange(600), lasts=MINUTE * dice.randrange(1, 90))
        for n in range(4)
    )
    for _ in range(400):
        match dice.randrange(12):
            case 0:
                key = dice.choice(keys)
                thread.opens(alert(key, dice.choice(list(Severity)), node=f"n{key[-1]}"))
            case 1:
                thread.ends(*dice.sample(sorted(thread.alerts), min(len(thread.alerts), 2)))
            case 2 if len(thread.known) == 1:
                thread.acknowledge()
            case 3:
                thread.now -= timedelta(seconds=dice.randrange(300))
            case _:
                thread.later(seconds=dice.choice((1, 1, 7, 60, 600)))
    assert thread.skipped > 30
    assert thread.notices
