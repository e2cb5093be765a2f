"""Rates over windows, and the owners' targets: tables of cases."""

from datetime import timedelta

import pytest

from collector.core import health, histograms, rates
from collector.core.health import Health, Target
from collector.core.policy import Policy
from collector.core.rates import Window
from collector.core.readings import TargetFact
from deliverability import delays
from tests.core.fleet import NOON

POLICY = Policy()
QUIET = Window()
PROMPT = [0] * delays.BUCKETS
PROMPT[delays.bucket_of(2.0)] = 96
PROMPT[delays.bucket_of(600.0)] = 4


@pytest.mark.parametrize(
    "window, least, ratio",
    [
        (QUIET, 1, None),
        (QUIET, 0, None),
        (Window(first_sent=190, first_bounced=10), 200, 0.05),
        (Window(first_sent=190, first_bounced=9), 200, None),
        # First attempts count where they are known, attempts where they are not.
        (Window(first_sent=90, first_bounced=10, sent=500, bounced=10), 50, 0.1),
        (Window(sent=150, deferred=30, bounced=20), 200, 0.1),
        # What we did to ourselves is nobody's attempt.
        (Window(sent=1, bounced=1, ours=1000), 50, None),
    ],
)
def test_bounce_ratio(window: Window, least: int, ratio: float | None) -> None:
    assert rates.bounce_ratio(window, least=least) == ratio


BAD = Window(first_sent=90, first_deferred=10)
GOOD = Window(first_sent=95, first_deferred=5)


@pytest.mark.parametrize(
    "older, newer, sustained",
    [(BAD, BAD, True), (BAD, GOOD, False), (GOOD, BAD, False), (BAD, QUIET, None)],
)
def test_deferrals_are_sustained_in_both_halves(
    older: Window, newer: Window, sustained: bool | None
) -> None:
    assert rates.defers_for_long(POLICY, older=older, newer=newer) is sustained


def test_windows_add_up() -> None:
    assert rates.total([BAD, GOOD, Window(bytes_sent=7)]) == Window(
        first_sent=185, first_deferred=15, bytes_sent=7
    )
    assert rates.total([]) == QUIET


def told(
    queue: dict[str, int | None] | None,
    *,
    recent: Window = QUIET,
    day: Window = QUIET,
    delivered: list[int] | None = None,
) -> dict[str, Target]:
    found = health.targets(queue=queue, recent=recent, day=day, delivered=delivered or [])
    return {target.name: target for target in found}


@pytest.mark.parametrize(
    "queue, state",
    [
        (None, Health.UNKNOWN),
        ({"active": 1, "incoming": None, "deferred": 3}, Health.UNKNOWN),
        ({"active": 50, "incoming": 0, "deferred": 49}, Health.OK),
        ({"active": 50, "incoming": 1, "deferred": 49}, Health.WARN),
    ],
)
def test_the_queue(queue: dict[str, int | None] | None, state: Health) -> None:
    assert told(queue)["queue"].state is state


@pytest.mark.parametrize(
    "sent, active, state",
    [
        (1500, None, Health.OK),
        (1499, None, Health.UNKNOWN),
        (1499, 99, Health.OK),
        (1499, 100, Health.WARN),
    ],
)
def test_slow_matters_where_mail_waits(sent: int, active: int | None, state: Health) -> None:
    found = told({"active": active}, recent=Window(sent=sent))["messages a minute"]
    assert (found.state, found.value) == (state, "100")


def test_promptness() -> None:
    assert told({})["within 5 minutes"].state is Health.UNKNOWN
    few = [count // 10 for count in PROMPT]
    assert told({}, delivered=few)["within 5 minutes"].state is Health.UNKNOWN
    good = told({}, delivered=PROMPT)["within 5 minutes"]
    assert (good.state, good.value) == (Health.OK, "96.0%")
    late = [*PROMPT[:-1], 5]
    assert told({}, delivered=late)["within 5 minutes"].state is Health.WARN


def test_bounces() -> None:
    assert told({})["bounces"].state is Health.UNKNOWN
    assert told({}, day=Window(first_sent=1000, first_bounced=9))["bounces"].state is Health.OK
    bad = told({}, day=Window(first_sent=990, first_bounced=10))["bounces"]
    assert (bad.state, bad.value) == (Health.WARN, "1.00%")


def test_a_target_is_missed_since_it_first_was() -> None:
    def missed(active: int | None, known: tuple[TargetFact, ...], minutes: int) -> list[TargetFact]:
        queue = {"active": active, "incoming": 0, "deferred": 0}
        found = [told(queue)["queue"]]
        now = NOON + timedelta(minutes=minutes)
        return [*health.missed(found, {one.name: one for one in known}, now=now)]

    assert missed(99, (), 0) == []
    (first,) = missed(100, (), 0)
    (second,) = missed(200, (first,), 15)
    assert (second.value, second.since, second.seen_at) == (
        "200",
        NOON,
        NOON + timedelta(minutes=15),
    )
    assert missed(None, (second,), 75) == [second]
    assert missed(None, (second,), 76) == []
    assert missed(None, (), 0) == []
    assert missed(0, (second,), 30) == []


def test_histograms_are_packed_and_have_differences() -> None:
    assert histograms.pack([[], [], [], [], []]) == b""
    one = histograms.pack([[1, 2], [], [3], [], []])
    two = histograms.pack([[1, 5, 1], [], [3], [], [7]])
    assert histograms.unpack(one)["total"][:3] == (1, 2, 0)
    assert sum(map(sum, histograms.unpack(b"").values())) == 0
    grown = histograms.since(two, before=one)
    assert (grown["total"][:3], sum(grown["queue"]), grown["transmit"][0]) == ((0, 3, 1), 0, 7)
    # A count that fell belongs to another era.
    assert sum(map(sum, histograms.since(one, before=two).values())) == 0
    assert histograms.added([grown, grown])["total"][1] == 6
    assert sum(histograms.added([])["total"]) == 0


@pytest.mark.parametrize(
    "counted, sustained, state",
    [
        (Window(first_sent=5, first_deferred=5), True, Health.UNKNOWN),
        (Window(first_sent=90, first_deferred=10), True, Health.WARN),
        (Window(first_sent=90, first_deferred=10), False, Health.OK),
        (Window(first_sent=90, first_deferred=10), None, Health.WARN),
        (Window(first_sent=95, first_deferred=5), None, Health.OK),
    ],
)
def test_a_receiver(counted: Window, sustained: bool | None, state: Health) -> None:
    assert health.of_receiver(counted, POLICY, sustained=sustained) is state


def test_the_limit_of_deferrals_is_the_policys() -> None:
    lenient = Policy(deferral_alert=0.11)
    assert rates.defers_for_long(lenient, older=BAD, newer=BAD) is False
    assert health.of_receiver(BAD, lenient, sustained=None) is Health.OK
    assert health.of_receiver(BAD, POLICY, sustained=None) is Health.WARN
