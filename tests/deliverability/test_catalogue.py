"""The data of the catalogue: every row is legal, dated, sourced, and never more than it claims."""

import itertools
import re
from datetime import timedelta

import pytest

from deliverability import catalogue, zones, zones_rows
from deliverability.catalogue import CATALOGUE, SHIPPED, Catalogue, Override
from deliverability.zones_shapes import (
    PACES,
    Access,
    Confirmation,
    Consequence,
    Kind,
    Status,
    Tier,
    Zone,
    number_of,
)

ROWS = tuple(CATALOGUE.values())
NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
DAY = re.compile(r"20\d\d(-[01]\d(-[0-3]\d)?)?")
SELECTABLE_MIN = 50  # the owners look at more than fifty lists
every_row = pytest.mark.parametrize("zone", ROWS, ids=lambda zone: zone.name)


def test_there_is_a_choice() -> None:
    assert len(CATALOGUE.selectable()) >= SELECTABLE_MIN
    assert len({zone.operator for zone in CATALOGUE.selectable()}) >= SELECTABLE_MIN * 0.7
    assert CATALOGUE.selectable(Kind.IP6)
    assert not CATALOGUE.selectable(Kind.DOMAIN)  # nobody asks about domains


def test_what_hurts_most_comes_first() -> None:
    tiers = list(Tier)
    told = [tiers.index(zone.tier) for zone in ROWS]
    assert told == sorted(told)


def test_only_what_is_enabled_and_critical_is_watched_unasked() -> None:
    on = CATALOGUE.enabled()
    assert [zone for zone in on if zone.tier is Tier.CRITICAL] == [zones.ZEN]
    assert on == tuple(zone for zone in ROWS if zone.is_enabled)
    assert tuple(zone for zone in on if Kind.IP6 in zone.kinds) == CATALOGUE.enabled(Kind.IP6)


def test_a_fleet_says_what_it_looks_at_how_often_and_how_much_it_hurts() -> None:
    fast = timedelta(minutes=1)
    ours = Catalogue(
        overrides={
            "zen.spamhaus.org": Override(is_enabled=False),
            "bl.spamcop.net": Override(tier=Tier.CRITICAL, pace=fast),
            "dnsbl.sorbs.net": Override(is_enabled=True),
            "bl.example": Override(is_enabled=True),
        }
    )
    on = {zone.name: zone for zone in ours.enabled()}
    assert on.keys() == {z.name for z in CATALOGUE.enabled()} - {"zen.spamhaus.org"}
    assert (on["bl.spamcop.net"].tier, on["bl.spamcop.net"].pace) == (Tier.CRITICAL, fast)
    assert on["bl.spamcop.net"].codes == CATALOGUE["bl.spamcop.net"].codes
    assert not ours["zen.spamhaus.org"].is_enabled
    assert ours["dnsbl.dronebl.org"] is CATALOGUE["dnsbl.dronebl.org"]


def test_what_is_off_by_default_may_be_switched_on() -> None:
    name = next(zone.name for zone in CATALOGUE.selectable() if not zone.is_enabled)
    ours = Catalogue(overrides={name: Override(is_enabled=True)})
    assert name in {zone.name for zone in ours.enabled()}


def test_the_revision_says_what_is_in_it() -> None:
    off, on = (Override(is_enabled=one) for one in (False, True))
    ours = Catalogue(overrides={"bl.spamcop.net": off, "zen.spamhaus.org": on})
    same = Catalogue(overrides={"zen.spamhaus.org": on, "bl.spamcop.net": off})
    strange = Catalogue(overrides={"bl.example": on})
    others = (Catalogue(), Catalogue(overrides={"bl.spamcop.net": on, "zen.spamhaus.org": on}))
    assert ours.revision == same.revision
    assert strange.revision == Catalogue().revision
    assert len({one.revision for one in (ours, *others)}) == 3
    assert all(0 < one.revision < 2**63 for one in (ours, *others))


@pytest.mark.parametrize(
    "name, why",
    [
        ("bl.example", "'bl.example' is not in the catalogue of zones"),
        ("dnsbl.sorbs.net", "dnsbl.sorbs.net cannot be chosen: dead: "),
        ("dbl.spamhaus.org", "lists domains"),
    ],
)
def test_what_nobody_may_choose_is_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        catalogue.choose(name)


def test_a_zone_is_chosen_as_people_write_it() -> None:
    assert catalogue.choose("ZEN.spamhaus.org.") is zones.ZEN


@every_row
def test_a_row_names_itself_its_source_and_its_day(zone: Zone) -> None:
    assert NAME.fullmatch(zone.name)
    assert zone.operator
    assert zone.kinds
    assert re.match(r"https?://", zone.source)
    assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", zone.dated)
    assert DAY.fullmatch(zone.seen), zone.seen
    assert zone.evidence
    assert zone.is_enabled != bool(zone.why_disabled)


@every_row
def test_no_text_is_unfit_for_a_terminal(zone: Zone) -> None:
    texts = (
        zone.note,
        zone.evidence,
        zone.limits,
        zone.why_disabled,
        zone.operator,
        zone.delisting,
    )
    assert all(text.isprintable() and text == text.strip() for text in texts)


@every_row
def test_codes_lie_inside_loopback_and_do_not_overlap(zone: Zone) -> None:
    for code in (*zone.codes, *zone.others):
        assert code.meaning
        assert number_of(code.answer) is not None
        assert code.first >> 24 == code.last >> 24 == 127
        assert code.first >> 8 != 0x7FFFFF
        assert code.last >> 8 != 0x7FFFFF
        assert code.bit in (0, 1, 2, 4, 8, 16, 32, 64, 128)
    for one, other in itertools.combinations((*zone.codes, *zone.others), 2):
        if one.bit or other.bit:
            assert one.bit != other.bit
        else:
            assert one.last < other.first or other.last < one.first, (str(one), str(other))
    assert all(number_of(error) is not None for error in zone.errors)


@every_row
def test_what_lists_lists_and_what_does_not_clears(zone: Zone) -> None:
    for code in zone.codes:
        assert zone.code(code.answer) is code
        assert not {code.answer} & set(zone.errors)
    for code in zone.others:
        assert (zone.code(code.answer), zone.other(code.answer)) == (None, code)
        assert code.consequence is Consequence.NONE


@every_row
def test_the_pace_is_its_tiers_or_slower_but_never_slower_than_six_hours(zone: Zone) -> None:
    assert PACES[zone.tier] <= zone.pace <= timedelta(hours=6)


@every_row
def test_only_free_living_and_confirmed_zones_are_enabled(zone: Zone) -> None:
    if zone.is_enabled:
        assert zone.status is Status.ALIVE
        assert zone.access is Access.FREE
        assert zone.confirmed is not Confirmation.REPORTED
        assert not catalogue.why_unselectable(zone)
        assert zone.delisting


def test_enabled_zones_were_seen_alive_within_the_year() -> None:
    """By a probe of the test points, or by the operator's own word."""
    for zone in CATALOGUE.enabled():
        assert zone.seen[:4] == zone.dated[:4], zone.name
        assert "answered" in zone.evidence or "operator" in zone.evidence, zone.name
        assert zone.status is Status.ALIVE


@every_row
def test_the_dead_are_never_selectable_and_never_asked(zone: Zone) -> None:
    if zone.status is not Status.DEAD:
        return
    assert zone.codes == zone.others == ()
    assert all(zone is not one for kind in Kind for one in CATALOGUE.selectable(kind))
    assert catalogue.why_unselectable(zone).startswith("dead: ")
    with pytest.raises(ValueError, match=r"dead and never asked"):
        zones.query_name(zone, "192.0.2.1")


@every_row
def test_whoever_may_be_chosen_can_be_asked_and_vouched_for(zone: Zone) -> None:
    if catalogue.why_unselectable(zone):
        return
    assert zone.codes
    assert zone.sentinel_listed
    assert zone.sentinel_clear
    assert (zone.access is Access.KEY) <= bool(zone.keyed_suffix)
    assert zone.keyed_suffix in ("",) or zone.keyed_suffix.startswith("{key}.")
    key = zones.ZoneKey("k", operator=zone.operator)
    for point in (zone.sentinel_listed, zone.sentinel_clear):
        assert zones.query_name(zone, point, key=key).reveal().count(".") > 4


@every_row
def test_who_tells_of_neighbours_never_pauses(zone: Zone) -> None:
    if zone.tier is Tier.INFORMATIONAL:
        assert all(code.consequence is not Consequence.PAUSE for code in zone.codes)


@every_row
def test_a_part_names_a_whole_of_the_same_operator(zone: Zone) -> None:
    if zone.part_of:
        whole = CATALOGUE[zone.part_of]
        assert whole.operator == zone.operator
        assert not whole.part_of
        assert not zone.is_enabled


@pytest.mark.parametrize("name", ["dnsbl.sorbs.net", "ix.dnsbl.manitu.net", "relays.ordb.org"])
def test_operators_will_ask_for_these(name: str) -> None:
    zone = CATALOGUE.by_name(name)
    assert zone is not None
    assert zone.status is Status.DEAD
    assert zone.why_disabled


@pytest.mark.parametrize("name", ["ZEN.spamhaus.org", "zen.spamhaus.org."])
def test_names_are_found_as_people_write_them(name: str) -> None:
    assert CATALOGUE.by_name(name) is zones.ZEN


def test_no_other_name_is_found() -> None:
    assert CATALOGUE.by_name("bl.example") is None
    assert "bl.example" not in CATALOGUE
    assert SHIPPED.where(name="bl.example") == ()


@pytest.mark.parametrize("text", ["127.0.0.2", "127.0.0.2=pause", "127.0.0.2=kill:x", "x=pause:x"])
def test_a_code_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever part is wrong
        zones_rows._codes(text)


@pytest.mark.parametrize(
    "text, answer, covers, shown",
    [
        ("127.0.0.4=pause:x", "127.0.0.4", ["127.0.0.4"], "127.0.0.4"),
        ("127.0.0.2-127.0.0.9=none:x", "127.0.0.2", ["127.0.0.9"], "127.0.0.2-127.0.0.9"),
        ("127.0.0.0&64=none:x", "127.0.0.64", ["127.0.0.65"], "127.0.0.x with bit 64"),
        ("any=none:x", "127.0.0.2", ["127.9.9.9"], "127.0.0.2-127.255.254.255"),
    ],
)
def test_a_code_as_it_is_written(text: str, answer: str, covers: list[str], shown: str) -> None:
    (code,) = zones_rows._codes(text)
    assert (code.answer, str(code)) == (answer, shown)
    assert all(code.covers(number_of(one) or 0) for one in covers)
    assert not code.covers(number_of("127.0.0.1") or 0)
    assert not code.covers(number_of("127.255.255.254") or 0)
