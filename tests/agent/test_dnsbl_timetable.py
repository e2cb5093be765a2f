"""When zones are due: their pace with chance in it, TTLs kept, restarts that ask nobody anew."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from agent.dnsbl.timetable import Timetable, next_delay
from deliverability.catalogue import CATALOGUE
from deliverability.zones import ZEN

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
SPAMCOP = CATALOGUE["bl.spamcop.net"]
BOTH = (ZEN, SPAMCOP)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_a_zone_never_asked_is_due_soon_and_a_mild_one_not_with_all_others() -> None:
    table = Timetable(lambda: 0.5)
    assert table.due(BOTH, now=NOW) == ()
    assert table.due(BOTH, now=NOW + timedelta(seconds=1.5)) == (ZEN,)
    assert table.due(BOTH, now=NOW + minutes(2.5)) == BOTH


def test_each_zone_keeps_its_own_pace() -> None:
    table = Timetable(lambda: 0.5)
    for zone in BOTH:
        table.asked(zone, at=NOW)
    assert table.wait(BOTH, now=NOW) == minutes(5)
    assert table.due(BOTH, now=NOW + minutes(4.9)) == ()
    assert table.due(BOTH, now=NOW + minutes(5)) == (ZEN,)
    assert table.due(BOTH, now=NOW + minutes(60)) == BOTH
    assert table.wait(BOTH, now=NOW + minutes(60)) == timedelta(seconds=1)


def test_another_pace_counts_at_once() -> None:
    table = Timetable(lambda: 0.5)
    table.asked(ZEN, at=NOW)
    assert table.due([replace(ZEN, pace=minutes(1))], now=NOW + minutes(1))


def test_chance_moves_it_by_a_tenth() -> None:
    for luck, due in ((0.0, 4.5), (1.0, 5.5)):
        table = Timetable(lambda luck=luck: luck)  # type: ignore[misc]
        table.asked(ZEN, at=NOW)
        assert table.wait([ZEN], now=NOW) == minutes(due) == next_delay(ZEN.pace, luck)


def test_held_answers_are_waited_for_but_not_for_ever() -> None:
    table = Timetable(lambda: 0.5)
    table.asked(ZEN, at=NOW, not_before=NOW + minutes(8))
    assert table.due([ZEN], now=NOW + minutes(7)) == ()
    assert table.due([ZEN], now=NOW + minutes(8)) == (ZEN,)
    table.asked(ZEN, at=NOW, not_before=NOW + timedelta(days=9))
    assert table.due([ZEN], now=NOW + timedelta(hours=6)) == (ZEN,)


def test_a_clock_set_back_stops_nothing() -> None:
    table = Timetable(lambda: 0.5)
    table.asked(ZEN, at=NOW + timedelta(days=400))
    assert table.due([ZEN], now=NOW) == ()
    assert table.due([ZEN], now=NOW + minutes(5)) == (ZEN,)


def test_nothing_to_ask_is_no_busy_loop() -> None:
    assert Timetable(lambda: 0.5).wait((), now=NOW) == minutes(10)


def test_a_zone_told_to_hurry_before_its_first_round_does() -> None:
    table = Timetable(lambda: 0.9)
    assert table.due([SPAMCOP], now=NOW) == ()
    hurried = replace(SPAMCOP, pace=timedelta(seconds=10))
    assert table.due([hurried], now=NOW) == ()
    assert table.due([hurried], now=NOW + timedelta(seconds=9)) == (hurried,)
