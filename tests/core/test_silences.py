"""What a silence covers, what it never does, and which may not be made."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core import silences
from collector.core.incident import Place, Silence
from collector.core.model import AlertFact, Severity
from tests.core.fleet import NOON
from tests.core.thread import ZEN, alert, listed, sick

PLACE = Place(node="mta-1", pool="default")
HOUR = timedelta(hours=1)


def silence(**fields: str) -> Silence:
    return Silence(
        number=1, starts_at=NOON, ends_at=NOON + HOUR, made_by="anna", reason="known", **fields
    )


@pytest.mark.parametrize(
    ("made", "about", "covered"),
    [
        (silence(cause="unhealthy"), sick(1), True),
        (silence(cause="blind"), sick(1), False),
        (silence(node="mta-1"), sick(1), True),
        (silence(node="n1"), sick(1), True),
        (silence(node="mta-2"), sick(1), False),
        (silence(pool="default"), sick(1), True),
        (silence(pool="other"), sick(1), False),
        (silence(pool="default", cause="unhealthy"), sick(1), True),
        (silence(address="198.51.100.1"), listed(1, Severity.MEDIUM), True),
        (silence(address="198.51.100.1"), sick(1), False),
        (silence(zone=ZEN), listed(1, Severity.MEDIUM), True),
        (silence(zone="bl.example"), listed(1, Severity.MEDIUM), False),
        # A High listing wants its cause named.
        (silence(zone=ZEN), listed(1), False),
        (silence(pool="default"), listed(1), False),
        (silence(cause="listed"), listed(1), True),
        (silence(cause="listed", address="198.51.100.2"), listed(1), False),
        (silence(zone=ZEN), alert(f"zone-brake:{ZEN}", node=None), False),
        (silence(cause="zone-brake"), alert(f"zone-brake:{ZEN}", node=None), True),
        # Another High is covered like any.
        (silence(node="mta-1"), alert("disobedient:n1"), True),
    ],
)
def test_every_field_given_must_fit(made: Silence, about: AlertFact, covered: bool) -> None:
    place = PLACE if about.node_id else None
    assert silences.covers(made, about, place=place) == covered
    found = silences.silencing(about, [made], place=place, now=NOON)
    assert (found is not None) == covered


@pytest.mark.parametrize(("minutes", "active"), [(-1, False), (0, True), (59, True), (60, False)])
def test_it_lasts_as_long_as_it_says(minutes: int, active: bool) -> None:
    now = NOON + timedelta(minutes=minutes)
    found = silences.silencing(sick(1), [silence(cause="unhealthy")], place=None, now=now)
    assert (found is not None) == active


def test_the_one_that_ends_last_is_shown() -> None:
    long = replace(silence(cause="unhealthy"), number=2, ends_at=NOON + 2 * HOUR)
    both = [silence(cause="unhealthy"), long]
    assert silences.silencing(sick(1), both, place=None, now=NOON) == long


@pytest.mark.parametrize(
    ("made", "count"),
    [
        (silence(cause="blind"), 0),
        (silence(), 1),
        (replace(silence(node="mta-1"), ends_at=NOON + timedelta(days=7)), 0),
        (replace(silence(node="mta-1"), ends_at=NOON + timedelta(days=7, seconds=1)), 1),
        (replace(silence(node="mta-1"), ends_at=NOON), 1),
        (replace(silence(), ends_at=NOON - HOUR), 2),
    ],
)
def test_a_silence_ends_and_names_something(made: Silence, count: int) -> None:
    assert len(silences.problems(made)) == count
