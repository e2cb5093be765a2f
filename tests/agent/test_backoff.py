"""How long the agent waits, and that a fleet does not come back at one moment."""

from datetime import timedelta

import pytest

from agent import backoff

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    "failures, spread, least, most",
    [
        (0, None, 0, 10),
        (0, 50, 0, 50),
        (0, 1, 0, 1),
        (1, None, 10, 20),
        (3, None, 40, 80),
        (4, None, 45, 90),
        (60, None, 45, 90),
        (2, 1, 2, 4),
        (60, 1, 4.5, 9),
        (2, 120, 60, 120),
    ],
)
def test_reconnecting(failures: int, spread: int | None, least: float, most: float) -> None:
    given = None if spread is None else spread * SECOND
    assert backoff.reconnect(failures, spread=given, fraction=0.0) == least * SECOND
    assert backoff.reconnect(failures, spread=given, fraction=1.0) == most * SECOND


def test_a_refusal_waits_about_five_minutes() -> None:
    assert backoff.refused(0.0) == timedelta(minutes=4)
    assert backoff.refused(1.0) == timedelta(minutes=6)


def test_a_pause_is_tried_again_for_ever() -> None:
    waits = [backoff.attempt(failures) / SECOND for failures in (0, 1, 2, 3, 4, 99, 10_000)]
    assert waits == [1, 2, 4, 8, 10, 10, 10]


def test_jitter_goes_both_ways_and_never_to_nothing() -> None:
    interval = 30 * SECOND
    assert backoff.jittered(interval, jitter=3 * SECOND, fraction=0.0) == 27 * SECOND
    assert backoff.jittered(interval, jitter=3 * SECOND, fraction=1.0) == 33 * SECOND
    assert backoff.jittered(interval, jitter=interval, fraction=0.0) == 3 * SECOND
