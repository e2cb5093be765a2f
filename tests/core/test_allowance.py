"""A full purse at first, then a steady rate, whatever the clock does."""

from collector.core.allowance import Allowance


def take(purse: Allowance, wanted: int, *, now: float) -> int:
    return purse.take(wanted, most=10, per_second=0.5, now=now)


def test_a_full_purse_is_spent_and_refilled_at_its_rate() -> None:
    purse = Allowance(left=10, at=100.0)
    assert take(purse, 7, now=100.0) == 7
    assert take(purse, 7, now=100.0) == 3
    assert take(purse, 7, now=101.0) == 0
    assert take(purse, 7, now=104.0) == 2


def test_it_holds_no_more_than_its_size() -> None:
    assert take(Allowance(left=10, at=0.0), 99, now=1e6) == 10


def test_a_clock_that_goes_back_gives_nothing() -> None:
    purse = Allowance(left=0, at=100.0)
    assert take(purse, 1, now=50.0) == 0
    assert take(purse, 1, now=52.0) == 1
