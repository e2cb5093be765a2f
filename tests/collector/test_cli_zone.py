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
    assert (items["bl.spamcop.net"]["enabled"], items["bl.spamcop.net"]["watched"]) == (1, 0)
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
