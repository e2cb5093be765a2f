"""`mailfleet zone` against a running collector: what may be chosen, why not, and one look."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deliverability import catalogue
from deliverability.catalogue import CATALOGUE, SHIPPED
from tests import collector_bed
from tests.collector_bed import Bed


@pytest.fixture
async def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)
    async with collector_bed.running(tmp_path) as running:
        yield running


async def asked(bed: Bed, *words: str) -> Any:
    code, out, err = await bed.mailfleet("zone", *words, "-o", "json")
    assert code == 0, err
    return json.loads(out)


async def names(bed: Bed, *words: str) -> set[str]:
    code, out, err = await bed.mailfleet("zone", "ls", *words, "-o", "name")
    assert code == 0, err
    return set(out.split())


async def test_the_list_is_what_one_may_choose(bed: Bed) -> None:
    may = {zone.name for zone in CATALOGUE.values() if not catalogue.why_unselectable(zone)}
    assert await names(bed) == may
    assert await names(bed, "--all") == set(SHIPPED)
    assert await names(bed, "--tier", "critical") == {"zen.spamhaus.org"}
    assert "dnsbl.sorbs.net" in await names(bed, "--status", "dead")
    assert not await names(bed, "--status", "dead", "--tier", "critical")


async def test_default_and_watched_are_two_things(bed: Bed) -> None:
    items = {item["name"]: item for item in (await asked(bed, "ls"))["items"]}
    assert (items["zen.spamhaus.org"]["enabled"], items["zen.spamhaus.org"]["watched"]) == (1, 1)
    assert (items["bl.spamcop.net"]["enabled"], items["bl.spamcop.net"]["watched"]) == (1, 1)
    off = items["b.barracudacentral.org"]
    assert (off["enabled"], off["watched"], off["questions_per_day"]) == (0, 0, 0)
    assert items["b.barracudacentral.org"]["why_disabled"]


async def test_a_table_for_people(bed: Bed) -> None:
    code, out, _ = await bed.mailfleet("zone", "ls")
    assert code == 0
    header, first, *_ = out.splitlines()
    assert header.split()[0] == "ZONE"
    assert first.split()[0] == "zen.spamhaus.org"
    assert "5 min" in first


async def test_a_zone_with_all_it_says(bed: Bed) -> None:
    code, out, _ = await bed.mailfleet("zone", "show", "ZEN.spamhaus.org.")
    assert code == 0
    for word in ("127.0.0.30", "botnet controller", "127.255.255.254", "refusal", "<key>.zen.dq"):
        assert word in out
    _, out, _ = await bed.mailfleet("zone", "show", "hostkarma.junkemailfilter.com")
    assert "no listing" in out
    _, out, _ = await bed.mailfleet("zone", "show", "dnsbl.tornevall.org")
    assert "127.0.0.x with bit 64" in out


async def test_a_dead_zone_says_since_when_and_by_whom(bed: Bed) -> None:
    _, out, _ = await bed.mailfleet("zone", "show", "dnsbl.sorbs.net")
    assert "dead, 2024-06-05" in out
    assert "never" in out
    assert "ANSWER" not in out
    found = await asked(bed, "show", "dnsbl.sorbs.net")
    assert (found["selectable"], found["enabled"], found["watched"]) == (False, False, False)
    assert found["source"].startswith("https://")


@pytest.mark.parametrize(
    "words, code, said",
    [
        (("show", "bl.example"), 3, "'bl.example' is not in the catalogue"),
        (("test", "bl.example", "192.0.2.1"), 3, "'bl.example' is not in the catalogue"),
        (("test", "dnsbl.sorbs.net", "192.0.2.1"), 4, "dnsbl.sorbs.net is dead and never asked"),
        (("test", "multi.surbl.org", "192.0.2.1"), 4, "is not asked about ip4 addresses"),
        (("test", "bl.spamcop.net", "2001:db8::1"), 4, "is not asked about ip6 addresses"),
        (("ls", "--tier", "worst"), 2, "'worst' is not one of"),
    ],
)
async def test_what_cannot_be_done(bed: Bed, words: tuple[str, ...], code: int, said: str) -> None:
    before = bed.world.questions
    exited, out, err = await bed.mailfleet("zone", *words)
    assert (exited, out) == (code, "")
    assert said in err
    assert bed.world.questions == before


async def test_a_key_that_is_not_held_is_said(bed: Bed) -> None:
    found = await asked(bed, "test", "combined.mail.abusix.zone", "192.0.2.1")
    assert (found["verdict"], found["sentinels"]) == ("unknown", "unasked")
    assert found["why"] == "combined.mail.abusix.zone answers only with a key of Abusix"


async def test_a_zone_nobody_watches_can_be_tested(bed: Bed) -> None:
    """The world serves ZEN alone: of others it knows nothing, and their sentinels say so."""
    found = await asked(bed, "test", "bl.spamcop.net", "192.0.2.1")
    assert (found["verdict"], found["sentinels"]) == ("unknown", "wrong")


async def test_a_listing_is_told_by_its_meaning(bed: Bed) -> None:
    bed.world.list("192.0.2.9", "127.0.0.10", "127.0.0.30")
    found = await asked(bed, "test", "zen.spamhaus.org", "192.0.2.9")
    assert found["verdict"] == "listed"
    assert found["consequence"] == ["pause", "policy"]
    assert found["meaning"][1] == "127.0.0.30 BCL, botnet controller"
    code, out, _ = await bed.mailfleet("zone", "test", "zen.spamhaus.org", "192.0.2.9")
    assert code == 0
    assert "https://check.spamhaus.org/" in out


async def acted(bed: Bed, *words: str) -> tuple[int, str]:
    code, out, err = await bed.mailfleet("zone", *words)
    return code, out + err


async def test_a_zone_is_switched_on_set_and_reset(bed: Bed) -> None:
    off = next(
        zone.name
        for zone in CATALOGUE.selectable()
        if not zone.is_enabled and zone.access.value == "free"
    )
    code, said = await acted(bed, "enable", off, "--dry-run")
    assert code == 0, said
    assert "would be" in said
    assert not (await asked(bed, "show", off))["watched"]
    code, said = await acted(bed, "enable", off)
    assert f"undo: mailfleet zone reset {off}" in said
    shown = await asked(bed, "show", off)
    assert (shown["watched"], shown["enabled"], shown["changed"]) == (
        True,
        False,
        {"enabled": True},
    )
    words = ("--tier", "critical", "--pace", "2h", "--queries-per-day", "500", "--reason", "ours")
    code, said = await acted(bed, "set", off, *words)
    assert code == 0, said
    assert "pace" in said
    shown = await asked(bed, "show", off)
    assert (shown["tier"], shown["pace_seconds"], shown["queries_per_day_max"]) == (
        "critical",
        7200,
        500,
    )
    code, said = await acted(bed, "reset", off)
    assert code == 0
    shown = await asked(bed, "show", off)
    assert (shown["watched"], shown["changed"]) == (False, {})
    _, out, _ = await bed.mailfleet("events")
    assert out.count("zone set") == 3


@pytest.mark.parametrize(
    "words, why",
    [
        (("enable", "dnsbl.sorbs.net"), "dead: "),
        (("enable", "dbl.spamhaus.org"), "lists domains"),
        (("enable", "bl.example"), "not in the catalogue"),
        (("disable", "zen.spamhaus.org", "--reason", "x"), "no critical zone"),
        (("set", "zen.spamhaus.org", "--tier", "minor", "--reason", "x"), "no critical zone"),
        (("set", "zen.spamhaus.org", "--pace", "30d", "--reason", "x"), "a pace is"),
        (("set", "zen.spamhaus.org", "--pace", "soon", "--reason", "x"), "want a number"),
        (("set", "zen.spamhaus.org", "--reason", "x"), "nothing to change was said"),
        (("disable", "bl.spamcop.net"), "--reason"),
    ],
)
async def test_what_nobody_may_do_to_a_zone(bed: Bed, words: tuple[str, ...], why: str) -> None:
    code, said = await acted(bed, *words)
    assert code != 0
    assert why in said


async def test_a_zone_that_needs_a_key_names_who_has_none(bed: Bed) -> None:
    await bed.join("mta-1", "mta-2")
    await bed.parts.zoning.load()
    name = "combined.mail.abusix.zone"
    assert (await asked(bed, "show", name))["nodes_without_key"] == 2
    code, text = await acted(bed, "enable", name)
    assert code == 0
    assert "2 nodes hold no key of Abusix and will not ask it" in text
    assert (await asked(bed, "show", "bl.spamcop.net"))["nodes_without_key"] == 0


async def test_saying_the_same_again_changes_nothing(bed: Bed) -> None:
    await acted(bed, "disable", "bl.spamcop.net", "--reason", "noise")
    code, said = await acted(bed, "disable", "bl.spamcop.net", "--reason", "noise")
    assert (code, "nothing to change" in said) == (0, True)
    code, said = await acted(bed, "reset", "bl.spamcop.net")
    code, said = await acted(bed, "reset", "bl.spamcop.net")
    assert (code, "nothing to change" in said) == (0, True)
