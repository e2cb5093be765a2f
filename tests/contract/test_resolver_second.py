"""The port Resolver: what one resolver found, another one confirms."""

from deliverability.zones import Sentinels, Verdict
from demo.dns import DnsServer
from tests.contract.test_resolver import ADDRESS, ZONE, asking


async def test_whoever_found_it_is_not_asked_to_confirm_it() -> None:
    async with DnsServer() as finder, DnsServer() as other:
        finder.list(ADDRESS)
        port = asking(finder.address, other.address)
        found = await port.look(ZONE, address=ADDRESS)
        assert (found.verdict, found.resolver) == (Verdict.LISTED, finder.address)
        second = await port.look(ZONE, address=ADDRESS, not_by=found.resolver)
        assert (second.verdict, second.resolver) == (Verdict.CLEAR, other.address)
        assert port.pair() == (finder.address, other.address)


async def test_one_resolver_has_no_second_opinion() -> None:
    async with DnsServer() as server:
        server.list(ADDRESS)
        # The same resolver by its other loopback address is no other one.
        port = asking(server.address, f"[::1]:{server.port}")
        look = await port.look(ZONE, address=ADDRESS, not_by=server.address)
    assert (look.verdict, look.sentinels) == (Verdict.UNKNOWN, Sentinels.UNASKED)
    assert (look.resolver, look.why) == ("", "unconfirmed: one resolver")
    assert port.pair() == (server.address, "")
