"""A real resolver with its cache between the node and the zone: rbldnsd, unbound, our sweep."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.dnsbl import selftest, sockets
from agent.dnsbl.sweep import Sweep
from agent.model import NameserverState
from deliverability import nameservers
from deliverability.zones import ZEN, Sentinels, Verdict, ZoneKeys
from tests.rbldnsd_bed import Rbldnsd
from tests.unbound_bed import Unbound

pytestmark = pytest.mark.needs("rbldnsd", "unbound")

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
ADDRESS, OTHER = "10.77.0.12", "10.77.0.13"


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[Rbldnsd]:
    with Rbldnsd(tmp_path) as running:
        yield running


@pytest.fixture
def resolver(tmp_path: Path, zone: Rbldnsd) -> Iterator[Unbound]:
    with Unbound(tmp_path, zone=ZEN.name, server=zone.address) as running:
        yield running


async def test_through_a_caching_resolver(zone: Rbldnsd, resolver: Unbound) -> None:
    zone.list(ADDRESS, "127.0.0.4")
    sweep = Sweep(sockets.ways([nameservers.parse(resolver.address)], seconds=2))
    listed, clear = await sweep.once([ZEN], [ADDRESS, OTHER], number=1, now=NOW)
    assert (listed.verdict, listed.answers, listed.reason) == (
        Verdict.LISTED,
        ("127.0.0.4",),
        "listed",
    )
    assert (clear.verdict, clear.sentinels) == (Verdict.CLEAR, Sentinels.RIGHT)
    # The cache says for how long it keeps what it says, and we do not ask before.
    held = sweep.held_until(ZEN, [ADDRESS])
    assert held is not None
    assert NOW < held <= NOW + timedelta(seconds=1)
    assert await sweep.once([ZEN], [ADDRESS], number=2, now=NOW) == ()


async def test_a_zone_that_does_not_answer_its_resolver_is_unknown(
    zone: Rbldnsd, resolver: Unbound
) -> None:
    zone.freeze()
    try:
        sweep = Sweep(sockets.ways([nameservers.parse(resolver.address)], seconds=0.3))
        (said,) = await sweep.once([ZEN], [ADDRESS], number=1, now=NOW)
    finally:
        zone.wake()
    assert (said.verdict, said.sentinels) == (Verdict.UNKNOWN, Sentinels.WRONG)
    assert said.why in ("timeout", "SERVFAIL")


async def test_it_rewrites_nothing(zone: Rbldnsd, resolver: Unbound) -> None:
    (way,) = sockets.ways([nameservers.parse(resolver.address)], seconds=2)
    # Below a name nobody but it would answer for.
    strange = f"nobody.has.this.{ZEN.name}"
    found = await selftest.look(way, keys=ZoneKeys(), strange=strange, now=NOW)
    assert (found.state, found.why) == (NameserverState.GOOD, "")
