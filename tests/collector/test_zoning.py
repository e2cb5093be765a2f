"""What the fleet looks at: handed out, changed by people, paced by limits, told at once."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.adapters.doorbell import Bell
from collector.core.heartbeat import HandedOut
from collector.core.policy import Policy
from collector.ports import Actor, AuditEntry
from collector.ports_zones import FleetSize
from collector.zoning import Zoning
from deliverability import zones_pace, zones_rows
from deliverability.catalogue import CATALOGUE, Override
from deliverability.zones import ZEN, Tier
from deliverability.zones_pace import Size
from tests.store_bed import START

SPAMCOP = CATALOGUE["bl.spamcop.net"]
NORDSPAM = CATALOGUE["bl.nordspam.com"]  # 10,000 questions a day
ENTRY = AuditEntry(
    actor=Actor(name="anna", origin="here"), action="zone set", subject="x", at=START
)


class Words:
    """A journal that holds what was said of zones, and a fleet of this size."""

    def __init__(self, fleet: FleetSize) -> None:
        self.fleet = fleet
        self.overrides: dict[str, Override] = {}

    async def zone_overrides(self) -> Mapping[str, Override]:
        return dict(self.overrides)

    async def set_zone_override(
        self, zone: str, override: Override | None, *, entry: AuditEntry
    ) -> None:
        assert entry.action == "zone set"
        self.overrides.pop(zone, None)
        if override is not None:
            self.overrides[zone] = override

    async def fleet_size(self) -> FleetSize:
        return self.fleet


async def zoning(
    size: Size,
    policy: Policy = Policy(),  # noqa: B008
    *,
    keyless: Size | None = None,
    told: Callable[[HandedOut], None] = lambda _: None,
) -> Zoning:
    """`keyless`: of Spamhaus; None: nobody holds a key."""
    fleet = FleetSize(all=size, keyless={} if keyless is None else {"Spamhaus": keyless})
    made = Zoning(
        Words(fleet),  # type: ignore[arg-type]  # addresses without agents are the lookout's
        policy=lambda: policy,
        doorbell=Bell(),
        told=told,
    )
    await made.load()
    return made


async def test_what_is_enabled_is_handed_out_as_it_stands() -> None:
    found = await zoning(Size(ip4=3, nodes=3))
    rows = zones_rows.handed_out(found.handed_out().rows)
    assert set(rows) == {zone.name for zone in CATALOGUE.enabled()}
    for name, zone in rows.items():
        ours = CATALOGUE[name]
        assert (zone.codes, zone.others, dict(zone.errors)) == (
            ours.codes,
            ours.others,
            dict(ours.errors),
        )
        assert (zone.tier, zone.pace, zone.kinds) == (ours.tier, ours.pace, ours.kinds)
        assert (zone.sentinel_listed, zone.sentinel_clear) == (
            ours.sentinel_listed,
            ours.sentinel_clear,
        )
    assert len(found.handed_out().rows) < 16_000


async def test_the_policy_paces_the_critical_zones_and_people_all() -> None:
    found = await zoning(Size(ip4=3, nodes=3), Policy(sweep_critical=timedelta(seconds=20)))
    assert found.catalogue()[ZEN.name].pace == timedelta(seconds=20)
    hour = timedelta(hours=1)
    await found.change(ZEN.name, Override(pace=hour), entry=ENTRY)
    await found.change(SPAMCOP.name, Override(tier=Tier.CRITICAL), entry=ENTRY)
    rows = zones_rows.handed_out(found.handed_out().rows)
    assert (rows[ZEN.name].pace, rows[SPAMCOP.name].pace) == (hour, timedelta(seconds=20))
    assert rows[SPAMCOP.name].tier is Tier.CRITICAL


async def test_a_large_fleets_pace_is_handed_out_and_is_what_everybody_sees() -> None:
    size = Size(ip4=10_000, nodes=10_000)
    slow = await zoning(size)
    assert slow.catalogue()[ZEN.name].pace > timedelta(hours=1)
    rows = zones_rows.handed_out(slow.handed_out().rows)
    assert rows[ZEN.name].pace == slow.catalogue()[ZEN.name].pace


async def test_a_public_limit_is_for_the_nodes_without_a_key() -> None:
    size = Size(ip4=10_000, nodes=10_000)
    assert (await zoning(size, keyless=Size())).catalogue()[ZEN.name].pace == ZEN.pace
    few = await zoning(size, keyless=Size(ip4=500, nodes=500))
    assert few.catalogue()[ZEN.name].pace == ZEN.pace
    half = await zoning(size, keyless=Size(ip4=5_000, nodes=5_000))
    all_ = await zoning(size)
    assert ZEN.pace < half.catalogue()[ZEN.name].pace < all_.catalogue()[ZEN.name].pace


async def test_a_limit_the_fleet_says_is_for_all_of_it() -> None:
    found = await zoning(Size(ip4=10_000, nodes=10_000), keyless=Size())
    await found.change(ZEN.name, Override(queries_per_day_max=1_000_000), entry=ENTRY)
    slow = found.catalogue()[ZEN.name]
    assert zones_pace.questions_per_day(slow, found.size(), pace=slow.pace) <= 800_000
    await found.change(ZEN.name, Override(queries_per_day_max=0), entry=ENTRY)
    assert found.catalogue()[ZEN.name].pace == ZEN.pace


async def test_a_zone_the_fleet_is_too_large_for_is_not_asked() -> None:
    found = await zoning(Size(ip4=60_000, nodes=60_000))
    assert NORDSPAM in CATALOGUE.enabled()
    assert NORDSPAM.name not in zones_rows.handed_out(found.handed_out().rows)
    assert not found.catalogue()[NORDSPAM.name].is_enabled
    await found.change(NORDSPAM.name, Override(queries_per_day_max=1_000_000), entry=ENTRY)
    assert NORDSPAM.name in zones_rows.handed_out(found.handed_out().rows)


SWITCHED = st.dictionaries(
    st.sampled_from([zone.name for zone in CATALOGUE.selectable() if zone.queries_per_day_max]),
    st.builds(
        Override,
        is_enabled=st.sampled_from([None, True, False]),
        tier=st.sampled_from([None, *Tier]),
        pace=st.none() | st.timedeltas(timedelta(minutes=1), timedelta(days=1)),
        queries_per_day_max=st.none() | st.integers(0, 500_000),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.tuples(SWITCHED, st.integers(0, 200_000), st.integers(0, 9)), max_size=5),
)
async def test_limits_hold_whatever_is_switched_and_whoever_comes_and_goes(
    steps: list[tuple[dict[str, Override], int, int]],
) -> None:
    """Counted from the text the nodes are told, not from what was meant."""
    found = await zoning(Size())
    for overrides, nodes, addresses in steps:
        store = found._store
        assert isinstance(store, Words)
        store.overrides = dict(overrides)
        store.fleet = FleetSize(all=Size(ip4=nodes * (addresses + 1), ip6=nodes, nodes=nodes))
        await found.load()
        rows = zones_rows.handed_out(found.handed_out().rows)
        asked: dict[str, float] = {}
        limits: dict[str, int] = {}
        for name, row in rows.items():
            said = found.catalogue()[name]
            day = zones_pace.questions_per_day(said, store.fleet.all, pace=row.pace)
            asked[said.operator] = asked.get(said.operator, 0) + day
            if limit := said.queries_per_day_max:
                limits[said.operator] = min(limits.get(said.operator, limit), limit)
        for operator, limit in limits.items():
            assert asked[operator] <= limit * zones_pace.SHARE, (operator, asked[operator])


async def test_whoever_has_nodes_to_tell_is_told_when_something_changed_and_only_then() -> None:
    told: list[int] = []
    found = await zoning(Size(ip4=3, nodes=3), told=lambda zones: told.append(zones.revision))
    told.clear()
    before = found.handed_out().revision
    await found.load()
    assert told == []
    await found.change(SPAMCOP.name, Override(is_enabled=False), entry=ENTRY)
    assert len(told) == 1
    assert told[0] != before
    assert SPAMCOP.name not in zones_rows.handed_out(found.handed_out().rows)
    assert found.catalogue().is_dismissed(SPAMCOP.name)
    await found.change(SPAMCOP.name, None, entry=ENTRY)
    assert told[1:] == [before]


async def test_a_preview_changes_nothing() -> None:
    found = await zoning(Size(ip4=3, nodes=3))
    would = found.preview({SPAMCOP.name: Override(is_enabled=False)})
    assert SPAMCOP not in would.enabled()
    assert found.catalogue().overrides == {}
