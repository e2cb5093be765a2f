"""One batch of questions against nameservers that answer, lie, lose, refuse and fall silent."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import dns.message
import dns.rcode
import pytest
import uvloop

from agent.dnsbl import sockets
from deliverability import nameservers, zones
from deliverability.nameservers import Nameserver
from deliverability.zones import QueryName, Reply
from demo.dns import DnsServer

CLEAR = Reply(is_nxdomain=True)
Address = tuple[str, int]
Answer = Callable[[bytes], list[bytes]]


def names(count: int) -> list[QueryName]:
    return [
        zones.query_name(zones.ZEN, f"10.1.{number // 250}.{number % 250}")
        for number in range(count)
    ]


def nxdomain(packet: bytes) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(packet))
    response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire()


class Peer(asyncio.DatagramProtocol):
    """Answers each packet with what `answer` makes of it, and remembers who asked what."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.seen: list[tuple[Address, bytes]] = []
        self.address = Nameserver("127.0.0.1")

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport
        self.address = Nameserver(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.seen.append((addr, data))
        for packet in self.answer(data):
            self.transport.sendto(packet, addr)


@asynccontextmanager
async def peer(answer: Answer) -> AsyncIterator[Peer]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Peer(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield protocol
    finally:
        transport.close()


async def ask(served: Nameserver, asked: list[QueryName], seconds: float = 3.0) -> list[Reply]:
    return list(await sockets.ask(asked, nameserver=served, seconds=seconds))


def by(server: DnsServer) -> Nameserver:
    return nameservers.parse(server.address)


async def some_of_everything() -> None:
    async with DnsServer() as server:
        server.list("10.1.0.3", "127.0.0.4", "127.0.0.10")
        asked = names(5)
        assert await ask(by(server), asked, 2) == [
            *[CLEAR] * 3,
            Reply(addresses=("127.0.0.4", "127.0.0.10")),
            CLEAR,
        ]
        server.truncating = True
        assert (await ask(by(server), asked, 2))[2:4] == [
            CLEAR,
            Reply(addresses=("127.0.0.4", "127.0.0.10")),
        ]
        server.truncating = False
        server.servfail()
        assert await ask(by(server), asked) == [Reply(problem="SERVFAIL")] * 5
        server.silent()
        assert await ask(by(server), asked, 0.1) == [sockets.TIMEOUT] * 5
    assert await ask(by(server), asked) == [sockets.UNREACHABLE] * 5


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_replies_in_the_order_of_the_names(
    run: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    run(some_of_everything())


async def test_no_names_no_replies() -> None:
    async with DnsServer() as server:
        assert await ask(by(server), []) == []


async def test_a_foreign_zone_is_refused() -> None:
    name = QueryName(shown="x", revealed="2.0.0.127.bl.example")
    async with DnsServer() as server:
        assert await ask(by(server), [name]) == [Reply(problem="REFUSED")]


async def test_a_lost_question_is_asked_once_more() -> None:
    lost: set[bytes] = set()

    def lossy(packet: bytes) -> list[bytes]:
        if packet not in lost:
            lost.add(packet)
            return []
        return [nxdomain(packet)]

    async with peer(lossy) as served:
        assert await ask(served.address, names(3), 0.3) == [CLEAR] * 3
        assert len(served.seen) == 6


async def test_silence_is_asked_twice_and_no_more() -> None:
    async with peer(lambda _: []) as served:
        began = time.monotonic()
        assert await ask(served.address, names(2), 0.15) == [sockets.TIMEOUT] * 2
        assert 0.3 <= time.monotonic() - began < 1
        assert len(served.seen) == 4


async def test_forgeries_are_passed_over() -> None:
    other = names(9)[8]

    def forger(packet: bytes) -> list[bytes]:
        listed = dns.message.make_response(dns.message.from_wire(packet))
        wrong_id = bytes([packet[0] ^ 1]) + listed.to_wire()[1:]
        query = dns.message.make_query(other.reveal(), "A", id=listed.id)
        wrong_name = dns.message.make_response(query).to_wire()
        return [b"", b"junk", packet, packet[:12], wrong_id, wrong_name, nxdomain(packet)]

    async with peer(forger) as served:
        assert await ask(served.address, names(3)) == [CLEAR] * 3
        assert len(served.seen) == 3


async def test_answers_given_twice_count_once() -> None:
    async with peer(lambda packet: [nxdomain(packet)] * 2) as served:
        assert await ask(served.address, names(100)) == [CLEAR] * 100


async def test_no_more_are_in_flight_than_allowed() -> None:
    held: list[bytes] = []
    most = 0

    def hold(packet: bytes) -> list[bytes]:
        nonlocal most
        held.append(packet)
        most = max(most, len(held))
        return []

    async def release(served: Peer) -> None:
        waiting = 600
        while True:
            await asyncio.sleep(0.02)  # and one too many would be there by then
            if len(held) >= min(sockets.IN_FLIGHT_MAX, waiting):
                waiting -= len(held)
                for packet in held:
                    served.transport.sendto(nxdomain(packet), served.seen[-1][0])
                held.clear()

    async with peer(hold) as served:
        releasing = asyncio.ensure_future(release(served))
        assert await ask(served.address, names(600), 5) == [CLEAR] * 600
        releasing.cancel()
    assert most == sockets.IN_FLIGHT_MAX
    assert len(served.seen) == 600


async def test_ids_and_ports_differ() -> None:
    async with peer(lambda packet: [nxdomain(packet)]) as served:
        for _ in range(4):
            await ask(served.address, names(20))
        ports = [address[1] for address, _ in served.seen]
        ids = [packet[:2] for _, packet in served.seen]
    assert len(set(ports)) >= 3  # a new socket a batch; a port may come again
    assert len(set(ids)) > 70
    assert sorted(ids) != ids


async def test_cancelling_leaves_nothing_behind() -> None:
    async with peer(lambda _: []) as served:
        asking = asyncio.ensure_future(ask(served.address, names(3), 30))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert len(served.seen) == 3
        await asyncio.sleep(0.05)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []


async def test_a_tcp_that_hangs_up_or_hangs() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        writer.close()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    def truncated(packet: bytes) -> list[bytes]:
        return [packet[:2] + b"\x83\x80" + packet[4:]]

    for serve, expected in ((hang_up, sockets.UNREACHABLE), (hang, sockets.TIMEOUT)):
        for _ in range(20):  # until a port is free for both
            async with peer(truncated) as served:
                try:
                    tcp = await asyncio.start_server(serve, "127.0.0.1", served.address.port)
                except OSError:
                    continue
                assert await ask(served.address, names(2), 0.2) == [expected] * 2
                tcp.close()
                await tcp.wait_closed()
                break
        else:
            pytest.fail("no port is free for both UDP and TCP")
