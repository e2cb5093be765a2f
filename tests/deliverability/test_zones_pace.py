"""How often zones are looked at: all nodes together ask no operator more than it allows."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverability import zones_pace
from deliverability.catalogue import CATALOGUE
from deliverability.zones import ZEN
from deliverability.zones_pace import SHARE, Size

SPAMCOP = CATALOGUE["bl.spamcop.net"]
NORDSPAM = CATALOGUE["bl.nordspam.com"]  # 10,000 questions a day
MONKEYS = [zone for zone in CATALOGUE.enabled() if zone.operator == "Spam Eating Monkey"]
SIZES = st.builds(
    Size, ip4=st.integers(0, 200_000), ip6=st.integers(0, 200_000), nodes=st.integers(0, 100_000)
)


def test_a_small_fleet_asks_as_the_tiers_say() -> None:
    found = zones_pace.paces(CATALOGUE.enabled(), Size(ip4=100, ip6=10, nodes=100))
    assert found == {zone.name: zone.pace for zone in CATALOGUE.enabled()}


def test_a_large_fleet_asks_less_often_where_a_limit_says_so_and_nowhere_else() -> None:
    found = zones_pace.paces([ZEN, SPAMCOP, NORDSPAM], Size(ip4=10_000, nodes=10_000))
    assert found[SPAMCOP.name] == SPAMCOP.pace  # no limit is known
    # At three hours the test points are asked for every round: 10,000 nodes, three questions each.
    assert timedelta(hours=3) < found[ZEN.name] < timedelta(hours=3, minutes=5)
    assert found[NORDSPAM.name] > timedelta(days=1)


def test_an_operators_zones_share_its_limit() -> None:
    size = Size(ip4=30_000, nodes=1)
    alone = zones_pace.paces(MONKEYS[:1], size)[MONKEYS[0].name]
    both = zones_pace.paces(MONKEYS, size)[MONKEYS[0].name]
    assert len(MONKEYS) == 2
    assert alone < both


def test_a_key_has_a_limit_of_its_own() -> None:
    size = Size(ip4=10_000, nodes=10_000)
    keyless = {"Spamhaus": Size()}
    assert zones_pace.paces([ZEN], size, keyless=keyless)[ZEN.name] == ZEN.pace
    told = zones_pace.paces([ZEN], size, keyless=keyless, said={ZEN.name})
    assert told == zones_pace.paces([ZEN], size)


@pytest.mark.parametrize("limit", [100, 10_000, 300_000])
@settings(deadline=None)
@given(size=SIZES)
def test_no_limit_is_passed_and_what_even_once_a_week_passes_it_is_left_out(
    limit: int, size: Size
) -> None:
    zones = [replace(zone, queries_per_day_max=limit) for zone in MONKEYS]
    found = zones_pace.paces(zones, size)
    assert set(found) in (set(), {zone.name for zone in zones})
    paces = {zone.name: found.get(zone.name, zones_pace.PACE_MAX) for zone in zones}
    asked = sum(zones_pace.questions_per_day(z, size, pace=paces[z.name]) for z in zones)
    assert (asked <= limit * SHARE) is bool(found)
    assert all(paces[zone.name] >= zone.pace for zone in zones)


@settings(deadline=None)  # a busy machine is no defect
@given(size=SIZES)
def test_steps_are_rounded_up_and_few(size: Size) -> None:
    stepped = size.stepped()
    for name in ("ip4", "ip6", "nodes"):
        exact, step = getattr(size, name), getattr(stepped, name)
        assert exact <= step <= exact * 1.1 + 2
    assert len({Size(ip4=n).stepped().ip4 for n in range(10_000)}) < 110
