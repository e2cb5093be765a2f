"""A DNS server on loopback that answers blocklist zones from a world one can change while it runs.

For the demo and simulations: the zones' real names, codes and sentinels, and their bad days. Knows
no recursion and serves nobody but loopback.
"""

import asyncio
import contextlib
import ipaddress
import string
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset

from deliverability import zones
from deliverability.zones import Zone

TTL_SECONDS = 2
REFUSAL = "127.255.255.254"
PLAIN = frozenset(string.ascii_letters + string.digits)
HIJACK = "203.0.113.80"
TCP_WAIT_SECONDS = 5
PORT_TRIES_MAX = 20


class Mood(Enum):
    """What kind of day a zone has."""

    NORMAL = "normal"
    REFUSING = "refusing"  # answers every question with 127.255.255.254
    MAD = "mad"  # lists the world, its clear sentinel too
    SERVFAIL = "servfail"
    SILENT = "silent"


@dataclass(slots=True)
class World:
    """What one zone holds now: codes by address, and its mood."""

    zone: Zone
    mood: Mood = Mood.NORMAL
    listed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # What the TXT record of every listing says.
    reason: str = "listed"

    def answers(self, address: str) -> tuple[str, ...]:
        """Empty: not listed."""
        first = self.zone.codes[0].answer
        if self.mood is Mood.REFUSING:
            return (REFUSAL,)
        if address == self.zone.sentinel_listed:
            return (first,)
        if self.mood is Mood.MAD:
            return (first,)
        return self.listed.get(address, ())


class DnsServer:
    """`async with DnsServer() as server:` answers at `server.address`, by UDP and TCP."""

    def __init__(self, served: Sequence[Zone] = (zones.ZEN,)) -> None:
        # The longest name first: some zones stand below another one.
        ordered = sorted(served, key=lambda zone: -len(zone.name))
        self._worlds = {zone.name: World(zone) for zone in ordered}
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self.questions = 0
        self.truncating = False
        # Hijacked: an address of its own for every name that does not exist.
        self.rewriting = False
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        """OSError when the port is taken. 0: any port free for both UDP and TCP."""
        loop = asyncio.get_running_loop()
        for _ in range(PORT_TRIES_MAX):
            tcp = await asyncio.start_server(self._converse, "127.0.0.1", port)
            self.port = tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
                )
            except OSError:
                tcp.close()
                if port:
                    raise
                continue
            self._tcp = tcp
            return
        raise OSError("no port is free for both UDP and TCP")

    async def stop(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            await self._tcp.wait_closed()

    async def __aenter__(self) -> "DnsServer":
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def list(self, address: str, *codes: str, zone: Zone = zones.ZEN) -> None:
        """Lists the address, with the zone's first code when none is given."""
        ip = str(ipaddress.ip_address(address))
        self._worlds[zone.name].listed[ip] = codes or (zone.codes[0].answer,)

    def delist(self, address: str, *, zone: Zone = zones.ZEN) -> None:
        self._worlds[zone.name].listed.pop(str(ipaddress.ip_address(address)), None)

    def say(self, reason: str, *, zone: Zone = zones.ZEN) -> None:
        """From now on the zone's TXT records give this reason."""
        self._worlds[zone.name].reason = reason

    def listed(self, *, zone: Zone = zones.ZEN) -> tuple[str, ...]:
        return tuple(sorted(self._worlds[zone.name].listed))

    def normal(self, *, zone: Zone = zones.ZEN) -> None:
        self._worlds[zone.name].mood = Mood.NORMAL

    def refuse(self, *, zone: Zone = zones.ZEN) -> None:
        self._worlds[zone.name].mood = Mood.REFUSING

    def mad(self, *, zone: Zone = zones.ZEN) -> None:
        self._worlds[zone.name].mood = Mood.MAD

    def servfail(self, *, zone: Zone = zones.ZEN) -> None:
        self._worlds[zone.name].mood = Mood.SERVFAIL

    def silent(self, *, zone: Zone = zones.ZEN) -> None:
        self._worlds[zone.name].mood = Mood.SILENT

    def respond(self, packet: bytes, *, by_udp: bool) -> bytes | None:
        """The response to a packet; None for silence, and for what is no DNS question."""
        try:
            query = dns.message.from_wire(packet)
        except (dns.exception.DNSException, ValueError):
            return None
        if len(query.question) != 1 or query.flags & dns.flags.QR:
            return None
        self.questions += 1
        response = dns.message.make_response(query, recursion_available=True)
        if by_udp and self.truncating:
            response.flags |= dns.flags.TC
            return response.to_wire()
        return self._fill(response)

    def _fill(self, response: dns.message.Message) -> bytes | None:
        asked = response.question[0]
        found = self._find(asked.name.to_text(omit_final_dot=True).lower())
        if found is None:
            return self._nowhere(response, dns.rcode.REFUSED)
        world, address = found
        if world.mood is Mood.SILENT:
            return None
        if world.mood is Mood.SERVFAIL:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        answers = world.answers(address)
        if not answers:
            return self._nowhere(response, dns.rcode.NXDOMAIN)
        if asked.rdtype == dns.rdatatype.TXT:
            text = dns.rdata.from_text("IN", "TXT", _quoted(world.reason))
            response.answer.append(dns.rrset.from_rdata(asked.name, TTL_SECONDS, text))
        elif asked.rdtype == dns.rdatatype.A:
            response.answer.append(
                dns.rrset.from_text(asked.name, TTL_SECONDS, "IN", "A", *answers)
            )
        return response.to_wire()

    def _nowhere(self, response: dns.message.Message, rcode: dns.rcode.Rcode) -> bytes:
        if self.rewriting:
            hijack = dns.rrset.from_text(response.question[0].name, 300, "IN", "A", HIJACK)
            response.answer.append(hijack)
        else:
            response.set_rcode(rcode)
        return response.to_wire()

    def _find(self, name: str) -> tuple[World, str] | None:
        """The world and the address a name asks about; under any key where the zone has keys."""
        for world in self._worlds.values():
            for suffix in _suffixes(world.zone, name):
                if name.endswith("." + suffix):
                    return world, _address(name.removesuffix("." + suffix))
        return None

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(EOFError, OSError, asyncio.TimeoutError):
                size = await asyncio.wait_for(reader.readexactly(2), TCP_WAIT_SECONDS)
                packet = await asyncio.wait_for(
                    reader.readexactly(struct.unpack("!H", size)[0]), TCP_WAIT_SECONDS
                )
                response = self.respond(packet, by_udp=False)
                if response is not None:
                    writer.write(struct.pack("!H", len(response)) + response)
                    await writer.drain()
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self._server.respond(data, by_udp=True)
        if response is not None:
            self._transport.sendto(response, addr)


def _quoted(text: str) -> str:
    """In the form of master files (RFC 1035 section 5.1), every byte that may mean more escaped."""
    plain = (chr(one) if chr(one) in PLAIN else f"\\{one:03}" for one in text.encode()[:255])
    return f'"{"".join(plain)}"'


def _suffixes(zone: Zone, name: str) -> Iterator[str]:
    yield zone.name
    if zone.keyed_suffix:
        tail = zone.keyed_suffix.removeprefix("{key}")
        key = name.removesuffix(tail).rpartition(".")[2]
        yield key + tail


def _address(reversed_ip: str) -> str:
    """The address a reversed name means; empty, which nobody lists, when it means none."""
    labels = reversed_ip.split(".")[::-1]
    joined = ".".join(labels) if len(labels) == 4 else ""
    if len(labels) == 32:
        digits = "".join(labels)
        joined = ":".join(digits[at : at + 4] for at in range(0, 32, 4))
    try:
        return str(ipaddress.ip_address(joined))
    except ValueError:
        return ""
