"""What the fleet looks at: handed out, changed by people, paced by limits, told at once."""

from collections.abc import Mapping
from datetime import timedelta

from collector.adapters.doorbell import Bell
from collector.core.policy import Policy
from collector.ports import Actor, AuditEntry
from collector.zoning import Zoning
from deliverability import zones_rows
from deliverability.catalogue import CATALOGUE, Override
from deliverability.zones import ZEN, Tier
from deliverability.zones_pace import Size
from tests.store_bed import START

SPAMCOP = CATALOGUE["bl.spamcop.net"]
ENTRY = AuditEntry(
    actor=Actor(name="anna", origin="here"), action="zone set", subject="x", at=START
)


class Words:
    """A journal that holds what was said of zones, and a fleet of this size."""

    def __init__(self, size: Size) -> None:
        self.size = size
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

    async def fleet_size(self) -> Size:
        return self.size


async def zoning(size: Size, policy: Policy = Policy(), *, key: bool = False) -> Zoning:  # noqa: B008
    made = Zoning(
        Words(size),  # type: ignore[arg-type]  # addresses without agents are the lookout's
        policy=lambda: policy,
        doorbell=Bell(),
        keyed=("Spamhaus",) if key else (),
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
    assert (await zoning(size, key=True)).catalogue()[ZEN.name].pace == ZEN.pace


async def test_whoever_has_nodes_to_tell_is_told_when_something_changed_and_only_then() -> None:
    found = await zoning(Size(ip4=3, nodes=3))
    told: list[int] = []
    found.told = lambda: told.append(found.handed_out().revision)
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
