"""A sweep of 60 zones beside dnspython's own resolver, against one nameserver with set delays.

    python -m benchmarks.sweep [--zones 60] [--slowest 100] [--pairs 7]

Each zone answers after its own set delay: most soon, as a resolver does that knows the answer
already, a few as late as the slowest. All are answers of the catalogue's zones: test points, one
listing, the rest clear. "sentinels" asks every zone's test points too, as a node does every three
hours; "usual" only about the address, while the test points vouch. The
peer asks exactly the same names, all at once. CPU is of the asking process; the nameserver has its
own.
"""

import argparse
import asyncio
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import dns.asyncresolver
import dns.exception
import dns.message
import dns.rcode
import dns.rrset
import uvloop

from agent.dnsbl import sockets
from agent.dnsbl.sweep import VOUCHED_FOR, Sweep
from benchmarks import measure
from benchmarks.measure import Pairs
from deliverability import nameservers, zones
from deliverability.catalogue import CATALOGUE
from deliverability.zones import QueryName, Zone
from deliverability.zones_shapes import Access

PEER = "dnspython's asyncresolver"
ADDRESS, LISTED_BY = "198.51.100.7", 1
NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
# Of the slowest delay, by the zone's place in its ten.
DELAYS = (0.02, 0.02, 0.02, 0.05, 0.05, 0.1, 0.1, 0.2, 0.5, 1.0)
TXT_IN = b"\x00\x10\x00\x01"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=60)
    parser.add_argument("--slowest", type=float, default=100, help="milliseconds")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    asked = chosen(options.zones)
    if options.serve:
        asyncio.run(serve(asked, slowest=options.slowest / 1000))
        return
    words = ["--zones", str(options.zones), "--slowest", str(options.slowest)]
    command = [sys.executable, "-m", "benchmarks.sweep", "--serve", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            tell(compare(asked, int(server.stdout.readline()), options=options), options)
        finally:
            server.kill()


@dataclass(frozen=True, slots=True)
class Found:
    """One kind of round: wall and CPU seconds, ours beside the peer's, for so many questions; and
    wall seconds beside those of one bare question to the slowest zone, asked in the same turns."""

    what: str
    questions: int
    wall: Pairs
    cpu: Pairs
    slowest: Pairs


def chosen(number: int) -> tuple[Zone, ...]:
    """Zones one may ask without a key; the catalogue's, and its dead ones' names never."""
    free = [one for one in CATALOGUE.selectable() if one.access is not Access.KEY]
    assert len(free) >= number, f"the catalogue has {len(free)} zones without a key"
    return tuple(free[:number])


def compare(asked: Sequence[Zone], port: int, *, options: argparse.Namespace) -> list[Found]:
    server = nameservers.parse(f"127.0.0.1:{port}")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server.ip], server.port
    resolver.lifetime = resolver.timeout = 5.0
    vouched, now = Sweep(sockets.ways([server])), NOW
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:

        async def sentinels() -> None:
            nonlocal now
            now += VOUCHED_FOR
            said = await vouched.once(asked, [ADDRESS], number=1, now=now)
            assert sum(one.verdict is zones.Verdict.LISTED for one in said) == LISTED_BY
            assert all(one.sentinels is zones.Sentinels.RIGHT for one in said)

        async def usual() -> None:
            said = await vouched.once(asked[LISTED_BY:], [ADDRESS], number=1, now=now)
            assert {one.verdict for one in said} == {zones.Verdict.CLEAR}

        def peer(names: Sequence[QueryName]) -> Callable[[], Awaitable[None]]:
            async def ask() -> None:
                await asyncio.gather(*(_resolved(resolver, name) for name in names))

            return ask

        slowest = sockets.ways([server])[0]
        last = [zones.query_name(asked[DELAYS.index(max(DELAYS))], ADDRESS)]

        async def bare() -> None:
            (reply,) = await slowest.ask(last)
            assert reply.is_nxdomain

        rounds = (("sentinels", sentinels, every_name(asked)), ("usual", usual, own_names(asked)))
        runner.run(sentinels())
        return [
            Found(
                what,
                len(names),
                *measured(
                    runner, {"ours": ours, "peer": peer(names), "bare": bare}, count=options.pairs
                ),
            )
            for what, ours, names in rounds
        ]


def every_name(asked: Sequence[Zone]) -> list[QueryName]:
    points = (
        zones.query_name(zone, point)
        for zone in asked
        for point in (zone.sentinel_listed, zone.sentinel_clear)
    )
    return [*(zones.query_name(zone, ADDRESS) for zone in asked), *points]


def own_names(asked: Sequence[Zone]) -> list[QueryName]:
    return [zones.query_name(zone, ADDRESS) for zone in asked[LISTED_BY:]]


async def _resolved(resolver: dns.asyncresolver.Resolver, name: QueryName) -> object:
    try:
        return await resolver.resolve(name.reveal(), "A", search=False)
    except dns.exception.DNSException as error:
        return error


def measured(
    runner: asyncio.Runner, actions: Mapping[str, Callable[[], Awaitable[None]]], *, count: int
) -> tuple[Pairs, Pairs, Pairs]:
    """Wall and CPU of the same runs, one after the other in turn; the first turn warms up."""
    took: dict[str, list[tuple[float, float]]] = {who: [] for who in actions}
    for _ in range(count + 1):
        for who, action in actions.items():
            wall, cpu = time.perf_counter(), _cpu()
            runner.run(_run(action))
            took[who].append((time.perf_counter() - wall, _cpu() - cpu))
    (walls, cpus), (peer_walls, peer_cpus), (bare_walls, _) = (
        zip(*took[who][1:], strict=True) for who in ("ours", "peer", "bare")
    )
    return Pairs(walls, peer_walls), Pairs(cpus, peer_cpus), Pairs(walls, bare_walls)


async def _run(action: Callable[[], Awaitable[None]]) -> None:
    await action()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(found: Sequence[Found], options: argparse.Namespace) -> None:
    rows = [
        (
            one.what,
            one.questions,
            one.wall.ours_median * 1000,
            one.wall.peer_median * 1000,
            one.cpu.ours_median * 1000,
            one.cpu.peer_median * 1000,
            one.cpu.ours_median * 1e6 / one.questions,
        )
        for one in found
    ]
    ratios = {f"CPU of {PEER}, {one.what} round": one.cpu.ratio for one in found}
    ratios |= {
        f"wall of the slowest answer, {one.what} round": 1 / one.slowest.ratio for one in found
    }
    measure.report(
        "sweep",
        columns=(
            *("round", "questions", "wall ms", "peer wall ms", "cpu ms", "peer cpu ms"),
            "cpu µs/question",
        ),
        rows=rows,
        ratios=ratios,
        notes=(
            f"{options.zones} zones; delays: {', '.join(f'{one:g}' for one in sorted(set(DELAYS)))}"
            f" of {options.slowest:g} ms; the slowest answer alone took"
            f" {found[-1].slowest.peer_median * 1000:.0f} ms",
            "targets: wall ≤ 1.3 × the slowest answer, CPU ≥ 10 × less than the peer",
        ),
    )


async def serve(asked: Sequence[Zone], *, slowest: float) -> None:
    """Prints its port; answers for ever, each zone after its own delay."""
    known: dict[bytes, tuple[bytes, float]] = {}
    for index, zone in enumerate(asked):
        delay = slowest * DELAYS[index % len(DELAYS)]
        for ip in (ADDRESS, zone.sentinel_listed, zone.sentinel_clear):
            is_listed = ip == zone.sentinel_listed or (ip == ADDRESS and index < LISTED_BY)
            asked_for, answer = _answer(zone, ip, is_listed=is_listed)
            known[asked_for] = (answer, delay)
            known[asked_for[:-4] + TXT_IN] = (_words(zone, ip), delay)
    loop = asyncio.get_running_loop()

    class Answers(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            end = data.index(b"\0", 12) + 5
            answer, delay = known.get(data[12:end].lower(), (b"", 0.0))
            if answer:
                loop.call_later(delay, self.transport.sendto, data[:2] + answer, addr)

    transport, _ = await loop.create_datagram_endpoint(Answers, local_addr=("127.0.0.1", 0))
    print(transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Event().wait()


def _words(zone: Zone, ip: str) -> bytes:
    """A response with the zone's words about a listing, but for its id."""
    name = zones.query_name(zone, ip).reveal() + "."
    response = dns.message.make_response(dns.message.make_query(name, "TXT", use_edns=0))
    response.answer.append(dns.rrset.from_text(name, 0, "IN", "TXT", '"listed, see our page"'))
    return response.to_wire()[2:]


def _answer(zone: Zone, ip: str, *, is_listed: bool) -> tuple[bytes, bytes]:
    """The question's bytes, and the whole response but for its id."""
    name = zones.query_name(zone, ip).reveal() + "."
    query = dns.message.make_query(name, "A", use_edns=0)
    response = dns.message.make_response(query, recursion_available=True)
    if is_listed:
        code = zone.codes[0].answer
        response.answer.append(dns.rrset.from_text(name, 0, "IN", "A", code))
    else:
        response.set_rcode(dns.rcode.NXDOMAIN)
        soa = f"ns1.{zone.name}. hostmaster.{zone.name}. 1 600 300 86400 0"
        response.authority.append(dns.rrset.from_text(f"{zone.name}.", 0, "IN", "SOA", soa))
    wire = response.to_wire()
    end = wire.index(b"\0", 12) + 5
    (questions,) = struct.unpack_from("!H", wire, 4)
    assert questions == 1
    return wire[12:end].lower(), wire[2:]


if __name__ == "__main__":
    main()
