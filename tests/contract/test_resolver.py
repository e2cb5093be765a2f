"""The port Resolver: one suite, by the demo's DNS server and by the real rbldnsd."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timezone
from pathlib import Path

import dns.flags
import dns.message
import dns.rrset
import pytest

from collector.adapters import resolver
from collector.adapters.resolver import DnsResolver
from collector.core.model import Look
from collector.ports import Resolver
from deliverability import nameservers
from deliverability.nameservers import Nameserver
from deliverability.zones import Sentinels, Verdict, ZoneKey
from demo.dns import DnsServer
from tests import rbldnsd_bed
from tests.rbldnsd_bed import Rbldnsd

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
ZONE, ADDRESS = "zen.spamhaus.org", "10.77.0.12"
World = DnsServer | Rbldnsd
RBLDNSD = pytest.param("rbldnsd", marks=pytest.mark.needs("rbldnsd"))


class StillClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture(params=["demo", RBLDNSD])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "demo":
        async with DnsServer() as server:
            yield server
    else:
        with Rbldnsd(tmp_path) as bed:
            yield bed


def asking(*places: str, key: str | None = None, seconds: float = 2) -> Resolver:
    return DnsResolver(
        nameservers.parse_all(places),
        StillClock(),
        key=ZoneKey(key) if key else None,
        seconds=seconds,
    )


@pytest.mark.parametrize("key", [None, rbldnsd_bed.KEY], ids=["plain", "keyed"])
async def test_listed_and_clear(world: World, key: str | None) -> None:
    port = asking(world.address, key=key)
    world.list(ADDRESS, "127.0.0.4", "127.0.0.9")
    assert await port.look(ZONE, address=ADDRESS) == Look(
        address=ADDRESS,
        zone=ZONE,
        verdict=Verdict.LISTED,
        answers=("127.0.0.4", "127.0.0.9"),
        sentinels=Sentinels.RIGHT,
        at=NOW,
    )
    world.delist(ADDRESS)
    look = await port.look(ZONE, address=ADDRESS)
    assert (look.verdict, look.answers, look.why) == (Verdict.CLEAR, (), "")
    assert look.sentinels is Sentinels.RIGHT


async def test_a_refusal_is_unknown(world: World) -> None:
    world.list(ADDRESS, "127.255.255.254")
    look = await asking(world.address).look(ZONE, address=ADDRESS)
    assert (look.verdict, look.sentinels) == (Verdict.UNKNOWN, Sentinels.RIGHT)
    assert look.why.startswith("refused 127.255.255.254")


async def test_a_list_gone_mad_is_unknown(world: World) -> None:
    world.mad()
    look = await asking(world.address).look(ZONE, address=ADDRESS)
    assert (look.verdict, look.sentinels) == (Verdict.UNKNOWN, Sentinels.WRONG)
    assert look.why == "sentinel 127.0.0.1 listed"


@pytest.mark.parametrize(
    "mood, why",
    [
        ("servfail", "SERVFAIL"),
        ("silent", "timeout"),
        ("refuse", "refused 127.255.255.254: asked through a public or unattributable resolver"),
    ],
)
async def test_a_server_that_does_not_say(mood: str, why: str) -> None:
    async with DnsServer() as server:
        server.list(ADDRESS)
        getattr(server, mood)()
        look = await asking(server.address, key="s3cretkey", seconds=0.1).look(
            ZONE, address=ADDRESS
        )
    assert (look.verdict, look.sentinels, look.why) == (Verdict.UNKNOWN, Sentinels.WRONG, why)
    assert "s3cretkey" not in repr(look)


async def test_a_truncated_answer_is_fetched_by_tcp() -> None:
    async with DnsServer() as server:
        server.truncating = True
        server.list(ADDRESS, "127.0.0.3")
        look = await asking(server.address).look(ZONE, address=ADDRESS)
    assert (look.verdict, look.answers) == (Verdict.LISTED, ("127.0.0.3",))


async def test_nobody_listens() -> None:
    async with DnsServer() as server:
        gone = server.address
    look = await asking(gone, seconds=0.2).look(ZONE, address=ADDRESS)
    assert look.verdict is Verdict.UNKNOWN
    assert look.why in {"nameserver unreachable", "timeout"}


async def test_the_next_nameserver_is_asked_when_the_first_is_not_right() -> None:
    async with DnsServer() as broken, DnsServer() as sane:
        broken.servfail()
        sane.list(ADDRESS)
        look = await asking(broken.address, sane.address).look(ZONE, address=ADDRESS)
        assert (look.verdict, look.sentinels) == (Verdict.LISTED, Sentinels.RIGHT)
        broken.mad()
        sane.delist(ADDRESS)
        look = await asking(broken.address, sane.address).look(ZONE, address=ADDRESS)
        assert (look.verdict, look.sentinels) == (Verdict.CLEAR, Sentinels.RIGHT)
        sane.servfail()
        look = await asking(broken.address, sane.address).look(ZONE, address=ADDRESS)
        assert look.why == "sentinel 127.0.0.1 listed"


class Fibber(asyncio.DatagramProtocol):
    """Answers whatever is asked with what `answer` makes of it."""

    def __init__(self, answer: Callable[[dns.message.Message], None]) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = dns.message.make_response(dns.message.from_wire(data))
        self.answer(response)
        self.transport.sendto(response.to_wire(), addr)


def alias_loop(response: dns.message.Message) -> None:
    name = response.question[0].name
    response.answer.append(dns.rrset.from_text(name, 5, "IN", "CNAME", name.to_text()))


def truncate(response: dns.message.Message) -> None:
    response.flags |= dns.flags.TC  # and nobody listens on that port by TCP


@pytest.mark.parametrize(
    "answer, why", [(alias_loop, "malformed answer"), (truncate, "nameserver unreachable")]
)
async def test_answers_of_no_use(answer: Callable[[dns.message.Message], None], why: str) -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Fibber(answer), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    look = await asking(f"127.0.0.1:{port}", key="s3cretkey").look(ZONE, address=ADDRESS)
    transport.close()
    assert (look.verdict, look.sentinels, look.why) == (Verdict.UNKNOWN, Sentinels.WRONG, why)


@pytest.mark.parametrize(
    "zone, address, why",
    [
        ("bl.example", ADDRESS, "not a zone we know"),
        (ZONE, "mail.example", "not an IP address"),
    ],
)
async def test_what_cannot_be_asked(zone: str, address: str, why: str) -> None:
    async with DnsServer() as server:
        look = await asking(server.address).look(zone, address=address)
        assert server.questions == 0
    assert (look.zone, look.address, look.why) == (zone, address, why)
    assert (look.verdict, look.sentinels) == (Verdict.UNKNOWN, Sentinels.UNASKED)


def test_the_configured_nameservers_or_the_systems(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    assert resolver.chosen([], path) == (Nameserver("127.0.0.1"),)
    path.write_text("nameserver 10.0.0.1\n")
    assert resolver.chosen([], path) == (Nameserver("10.0.0.1"),)
    assert resolver.chosen(["127.0.0.1:5353"], path) == (Nameserver("127.0.0.1", 5353),)
