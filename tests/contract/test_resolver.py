"""The port Resolver: one suite, by the demo's DNS server and by the real rbldnsd."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from collector.adapters import resolver
from collector.adapters.resolver import DnsResolver
from collector.core.model import Look
from collector.ports_zones import TellingResolver
from deliverability import nameservers
from deliverability.nameservers import Nameserver
from deliverability.zones import Sentinels, Verdict, ZoneKey, ZoneKeys
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


def asking(*places: str, key: str | None = None, seconds: float = 2) -> TellingResolver:
    return DnsResolver(
        nameservers.parse_all(places),
        StillClock(),
        keys=ZoneKeys(ZoneKey(key)) if key else ZoneKeys(),
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
        resolver=world.address,
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
        self.transport.sendto(response.to_wire(max_size=65_535), addr)


def alias_loop(response: dns.message.Message) -> None:
    name = response.question[0].name
    response.answer.append(dns.rrset.from_text(name, 5, "IN", "CNAME", name.to_text()))


def truncate(response: dns.message.Message) -> None:
    response.flags |= dns.flags.TC  # and nobody listens on that port by TCP


def five_hundred(response: dns.message.Message) -> None:
    name = response.question[0].name
    texts = [f"127.0.{n // 250}.{n % 250 + 2}" for n in range(500)]
    response.answer.append(dns.rrset.from_text(name, 5, "IN", "A", *texts))


def endless_chain(response: dns.message.Message) -> None:
    name = response.question[0].name.to_text()
    for hop in range(40):
        after = f"h{hop}.example."
        response.answer.append(dns.rrset.from_text(name, 5, "IN", "CNAME", after))
        name = after
    response.answer.append(dns.rrset.from_text(name, 5, "IN", "A", "127.0.0.2"))


def both(response: dns.message.Message) -> None:
    response.set_rcode(dns.rcode.NXDOMAIN)
    response.answer.append(
        dns.rrset.from_text(response.question[0].name, 5, "IN", "A", "127.0.0.2")
    )


def other_id(response: dns.message.Message) -> None:
    response.id ^= 1


def other_question(response: dns.message.Message) -> None:
    response.question = [dns.rrset.from_text("other.example.", 0, "IN", "A")]


@asynccontextmanager
async def fibbing(answer: Callable[[dns.message.Message], None]) -> AsyncIterator[str]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Fibber(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


@pytest.mark.parametrize(
    "answer, why",
    [
        (alias_loop, "malformed answer"),
        (truncate, "nameserver unreachable"),
        (five_hundred, "more than 32 answers"),
        (endless_chain, "malformed answer"),
        (both, "NXDOMAIN together with addresses"),
        (other_id, "timeout"),
        (other_question, "timeout"),
    ],
)
async def test_answers_of_no_use(answer: Callable[[dns.message.Message], None], why: str) -> None:
    async with fibbing(answer) as place:
        look = await asking(place, key="s3cretkey", seconds=0.3).look(ZONE, address=ADDRESS)
    assert (look.verdict, look.sentinels, look.why) == (Verdict.UNKNOWN, Sentinels.WRONG, why)
    assert look.answers == ()


def shouting(response: dns.message.Message) -> None:
    said = '"\\027[31mlisted\\007, see s3cretKEY\\010" "' + "x" * 250 + '"'
    name = response.question[0].name
    response.answer.append(dns.rrset.from_text(name, 5, "IN", "TXT", said))


async def test_a_zones_words_are_bounded_harmless_and_without_the_key() -> None:
    async with fibbing(shouting) as place:
        words = await asking(place, key="s3cretkey").why_listed(ZONE, address=ADDRESS)
    assert words.startswith("[31mlisted , see <key> x")
    assert len(words) == 200
    async with fibbing(five_hundred) as place:
        assert await asking(place).why_listed(ZONE, address=ADDRESS) == ""


async def test_right_test_points_vouch_for_what_is_clear_and_for_nothing_else() -> None:
    async with DnsServer() as server:
        port = DnsResolver(
            nameservers.parse_all([server.address]), StillClock(), vouched_for=timedelta(hours=3)
        )
        for expected in (3, 4, 5):
            look = await port.look(ZONE, address=ADDRESS)
            assert (look.verdict, look.sentinels) == (Verdict.CLEAR, Sentinels.RIGHT)
            assert server.questions == expected
        server.list(ADDRESS)
        assert (await port.look(ZONE, address=ADDRESS)).verdict is Verdict.LISTED
        assert server.questions == 8
        server.mad()
        look = await port.look(ZONE, address=ADDRESS)
        assert (look.verdict, look.sentinels) == (Verdict.UNKNOWN, Sentinels.WRONG)
        server.normal()
        server.delist(ADDRESS)
        before = server.questions
        assert (await port.look(ZONE, address=ADDRESS)).verdict is Verdict.CLEAR
        assert server.questions == before + 3


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
