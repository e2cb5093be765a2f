"""The sweep against the real rbldnsd serving ZEN under its own name and under a DQS key's."""

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from agent.dnsbl import sockets
from agent.dnsbl.sweep import Sweep
from agent.model import ZoneReading
from deliverability import nameservers, zones
from deliverability.zones import (
    Consequence,
    QueryName,
    Reply,
    Sentinels,
    Verdict,
    ZoneKey,
    ZoneKeys,
)
from tests import rbldnsd_bed
from tests.rbldnsd_bed import Rbldnsd

pytestmark = pytest.mark.needs("rbldnsd")

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
ADDRESS = "10.77.0.12"


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Rbldnsd]:
    with Rbldnsd(tmp_path) as running:
        yield running


async def look(bed: Rbldnsd, key: str | None = None, seconds: float = 2) -> ZoneReading:
    ways = sockets.ways([nameservers.parse(bed.address)], seconds=seconds)
    sweep = Sweep(ways, keys=ZoneKeys(*([ZoneKey(key)] if key else [])))
    (reading,) = await sweep.once([zones.ZEN], [ADDRESS], number=1, now=NOW)
    return reading


@pytest.mark.parametrize(
    "code, consequence",
    [
        ("127.0.0.2", Consequence.PAUSE),
        ("127.0.0.4", Consequence.PAUSE),
        ("127.0.0.9", Consequence.PAUSE),
        ("127.0.0.10", Consequence.POLICY),
    ],
)
@pytest.mark.parametrize("key", [None, rbldnsd_bed.KEY], ids=["plain", "keyed"])
async def test_listed(bed: Rbldnsd, code: str, consequence: Consequence, key: str | None) -> None:
    bed.list(ADDRESS, code)
    reading = await look(bed, key)
    assert (reading.verdict, reading.answers) == (Verdict.LISTED, (code,))
    assert reading.sentinels is Sentinels.RIGHT
    assert reading.zone == "zen.spamhaus.org"
    assert zones.consequence(zones.ZEN, reading.answers) is consequence


async def test_listed_then_delisted(bed: Rbldnsd) -> None:
    assert (await look(bed)).verdict is Verdict.CLEAR
    bed.list(ADDRESS, "127.0.0.2", "127.0.0.9")
    assert (await look(bed)).answers == ("127.0.0.2", "127.0.0.9")
    bed.delist(ADDRESS)
    reading = await look(bed)
    assert (reading.verdict, reading.sentinels, reading.why) == (
        Verdict.CLEAR,
        Sentinels.RIGHT,
        "",
    )


async def test_a_refusal_beside_right_sentinels_is_unknown(bed: Rbldnsd) -> None:
    bed.list(ADDRESS, "127.255.255.255")
    reading = await look(bed)
    assert (reading.verdict, reading.sentinels) == (Verdict.UNKNOWN, Sentinels.RIGHT)
    assert reading.why == "refused 127.255.255.255: too many queries"


async def test_a_list_gone_mad(bed: Rbldnsd) -> None:
    bed.mad()
    reading = await look(bed)
    assert (reading.verdict, reading.sentinels) == (Verdict.UNKNOWN, Sentinels.WRONG)
    assert reading.why == "sentinel 127.0.0.1 listed"
    bed.normal()
    assert (await look(bed)).verdict is Verdict.CLEAR


async def test_an_emptied_list(bed: Rbldnsd) -> None:
    bed.dead()
    reading = await look(bed)
    assert (reading.verdict, reading.why) == (Verdict.UNKNOWN, "sentinel 127.0.0.2 clear")


async def test_a_frozen_server_is_a_timeout(bed: Rbldnsd) -> None:
    bed.list(ADDRESS)
    bed.freeze()
    reading = await look(bed, seconds=0.2)
    assert (reading.verdict, reading.sentinels) == (Verdict.UNKNOWN, Sentinels.WRONG)
    assert reading.why == "timeout"
    bed.wake()
    assert (await look(bed)).verdict is Verdict.LISTED


async def test_a_key_that_does_not_work_is_refused(bed: Rbldnsd) -> None:
    bed.list(ADDRESS)
    reading = await look(bed, "wrongkey")
    assert (reading.verdict, reading.why) == (Verdict.UNKNOWN, "REFUSED")


async def test_a_foreign_zone_is_refused(bed: Rbldnsd) -> None:
    name = QueryName(shown="x", revealed="12.0.77.10.bl.example")
    (way,) = sockets.ways([nameservers.parse(bed.address)])
    assert await way.ask([name]) == (Reply(problem="REFUSED"),)
