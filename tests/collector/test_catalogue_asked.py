"""Every zone one may choose, asked over real sockets by node and collector, by its own codes."""

from datetime import datetime, timezone

import pytest

from agent.dnsbl import sockets
from agent.dnsbl.sweep import Sweep
from collector.adapters.clock import SystemClock
from collector.adapters.resolver import DnsResolver
from collector.core.model import Look
from deliverability import nameservers
from deliverability.catalogue import CATALOGUE, SHIPPED
from deliverability.zones import Sentinels, Verdict, Zone
from deliverability.zones_shapes import Access
from demo.dns import DnsServer

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
LISTED, CLEAR, NEUTRAL = "192.0.2.1", "192.0.2.2", "192.0.2.3"
ASKED = tuple(zone for zone in CATALOGUE.selectable() if zone.access is not Access.KEY)


def last_code(zone: Zone) -> str:
    return zone.codes[-1].answer


async def test_a_node_sweeps_them_all_at_once() -> None:
    async with DnsServer(ASKED) as server:
        for zone in ASKED:
            server.list(LISTED, last_code(zone), zone=zone)
        ways = sockets.ways([nameservers.parse(server.address)], seconds=2)
        readings = await Sweep(ways).once(ASKED, (LISTED, CLEAR), number=1, now=NOW)
        # Two test points, two addresses, and the reason of one.
        assert server.questions == 5 * len(ASKED)
    assert len(readings) == 2 * len(ASKED)
    assert {each.sentinels for each in readings} == {Sentinels.RIGHT}
    for each in readings:
        said = Verdict.LISTED if each.address == LISTED else Verdict.CLEAR
        assert (each.verdict, each.why) == (said, ""), each.zone


async def look(server: DnsServer, zone: Zone, address: str) -> Look:
    asking = DnsResolver([nameservers.parse(server.address)], SystemClock(), seconds=2)
    return await asking.look(zone.name, address=address)


@pytest.mark.parametrize("zone", [zone for zone in ASKED if zone.others], ids=lambda one: one.name)
async def test_what_an_operator_calls_no_listing_is_none(zone: Zone) -> None:
    async with DnsServer([zone]) as server:
        server.list(NEUTRAL, zone.others[0].answer, zone=zone)
        server.list(LISTED, zone.others[0].answer, last_code(zone), zone=zone)
        neutral, listed = [await look(server, zone, one) for one in (NEUTRAL, LISTED)]
    assert (neutral.verdict, neutral.sentinels) == (Verdict.CLEAR, Sentinels.RIGHT)
    assert neutral.answers == (zone.others[0].answer,)
    assert listed.verdict is Verdict.LISTED


async def test_a_clear_test_point_that_answers_white_is_right() -> None:
    """Junk Email Filter has its own clear test point on its white list."""
    zone = CATALOGUE["hostkarma.junkemailfilter.com"]
    async with DnsServer([zone]) as server:
        server.list(zone.sentinel_clear, "127.0.0.1", zone=zone)
        assert (await look(server, zone, CLEAR)).sentinels is Sentinels.RIGHT
        server.list(zone.sentinel_clear, "127.0.0.2", zone=zone)
        assert (await look(server, zone, CLEAR)).sentinels is Sentinels.WRONG


async def test_a_zone_gone_mad_or_refusing_lists_nobody() -> None:
    for zone in ASKED:
        async with DnsServer([zone]) as server:
            server.mad(zone=zone)
            found = await look(server, zone, CLEAR)
            assert (found.verdict, found.sentinels) == (Verdict.UNKNOWN, Sentinels.WRONG), zone.name
            server.refuse(zone=zone)
            found = await look(server, zone, CLEAR)
            assert found.why.startswith("refused 127.255.255.254"), zone.name


async def test_the_dead_cause_no_question() -> None:
    dead = SHIPPED.where(status="dead")
    async with DnsServer(()) as server:
        for zone in dead:
            found = await look(server, zone, CLEAR)
            assert (found.verdict, found.sentinels) == (Verdict.UNKNOWN, Sentinels.UNASKED)
            assert found.why == f"{zone.name} is dead and never asked"
        assert server.questions == 0
    assert len(dead) > 30
    assert {zone.name for zone in CATALOGUE.enabled()}.isdisjoint(zone.name for zone in dead)
