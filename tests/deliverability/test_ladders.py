"""Ladders: what the data says, what it must not say, and the limits of receivers beside it."""

import pytest

from deliverability import ladders, limits
from deliverability.ladders import LADDERS, LadderError, Stage

HEADER = "name\tsubject\tmonthly\tstages\thour\treceiver\tnote\tsource\tdated"
ROW = "one\taddress\t1-\t10 +20% x3\t1/8 >=5\t60%\ta note\ta source\t2026-11-22"
DOMAIN = "two\tdomain\t1-\t5 6 8\t1/24 >=1\t100%\ta note\ta source\t2026-11-22"


@pytest.mark.parametrize(
    "monthly, name",
    [
        (0, "owners-10k"),
        (1_000, "owners-10k"),
        (10_000, "owners-10k"),
        (10_001, "owners-100k"),
        (100_000, "owners-100k"),
        (100_001, "owners-1m"),
        (10**9, "owners-1m"),
    ],
)
def test_the_owners_bands_are_the_default(monthly: int, name: str) -> None:
    assert ladders.default(monthly).name == name
    assert ladders.default(monthly, subject="domain").name == name.replace("-", "-domain-", 1)


@pytest.mark.parametrize(
    "name, per_day, days",
    [
        # The conflict the owners' figures hold: +20 % takes 20 days to 333 a day, +10 % takes 37.
        ("owners-10k", 333, 20),
        ("owners-10k-gentle", 333, 37),
        ("owners-10k-gentle", 74, 21),
        ("owners-100k", 1_112, 23),
        ("owners-1m", 1_000, 25),
        ("owners-1m", 1_000_000, None),
    ],
)
def test_when_a_ladder_reaches_a_volume(name: str, per_day: int, days: int | None) -> None:
    assert LADDERS[name].reaches(per_day) == days


def test_published_ladders_stand_as_published() -> None:
    sendgrid = LADDERS["sendgrid"].stages
    assert [stage.hour for stage in sendgrid[:13]] == [
        *(20, 28, 39, 55, 77, 108, 151, 211, 295, 413, 579, 810, 1000),
    ]
    assert sendgrid[0].day == 480
    ses = LADDERS["ses"].stages
    assert (len(ses), ses[0].day, ses[-1].day) == (45, 50, 50_020)


def test_every_ladder_rises_and_names_its_source() -> None:
    for ladder in LADDERS.values():
        days = [stage.day for stage in ladder.stages]
        assert days == sorted(set(days)), ladder.name
        assert all(1 <= one.hour <= one.day >= one.receiver >= 1 for one in ladder.stages)
        assert ladder.source
        assert ladder.dated.year >= 2026


def test_growth_is_expanded_when_read() -> None:
    found = ladders.read("\n".join((HEADER, ROW, DOMAIN)))
    assert found["one"].stages == (
        Stage(day=10, hour=5, receiver=6),
        Stage(day=12, hour=5, receiver=7),
        Stage(day=14, hour=5, receiver=8),
    )
    assert [stage.day for stage in found["two"].stages] == [5, 6, 8]


@pytest.mark.parametrize(
    "wrong, said",
    [
        (ROW.replace("10 +20% x3", "10 +0% x3"), "does not allow more"),
        (ROW.replace("10 +20% x3", "10 +20% x101"), "more than 100"),
        (ROW.replace("10 +20% x3", "10"), "1 stages"),
        (ROW.replace("10 +20% x3", "10 9"), "does not allow more"),
        (ROW.replace("10 +20% x3", "0 9"), "outside 1"),
        (ROW.replace("10 +20% x3", "1 ten"), "invalid literal"),
        (ROW.replace("60%", "0%"), "receiver"),
        (ROW.replace("60%", "most"), "is not"),
        (ROW.replace("1/8 >=5", "1/25 >=5"), "hour"),
        (ROW.replace("address", "node"), "subject"),
        (ROW.replace("one", "One"), "name"),
        (ROW.replace("2026-11-22", "lately"), "lately"),
        (ROW.replace("a source", ""), "no source"),
        (ROW.replace("1-\t", "2-\t"), "gap"),
        (ROW.replace("1-\t", "1-9\t"), "gap"),
        (ROW + "\tmore", "columns"),
        (ROW + "\n" + ROW, "twice"),
    ],
)
def test_what_is_not_right_is_refused_with_its_name(wrong: str, said: str) -> None:
    with pytest.raises(LadderError, match=said):
        ladders.read("\n".join((HEADER, wrong, DOMAIN)))


@pytest.mark.parametrize(
    "receiver, score, warming, expected",
    [
        ("google", 100, False, 3_500),
        ("google", 100, True, 1_750),
        ("google", 79, False, 1_750),
        ("google", 49, False, 875),
        ("google", 49, True, 875),
        ("microsoft", 80, False, 2_000),
        ("a-domain.example", 80, False, 800),
        ("other", 80, True, 400),
    ],
)
def test_limits_of_receivers(receiver: str, score: int, warming: bool, expected: int) -> None:
    assert limits.per_hour(receiver, score=score, warming=warming) == expected


def test_the_owners_limits() -> None:
    microsoft = limits.limit_of("microsoft")
    assert (microsoft.connections, microsoft.retry_minutes, microsoft.per_connection) == (5, 25, 50)
    assert microsoft.source.startswith("the owners")
