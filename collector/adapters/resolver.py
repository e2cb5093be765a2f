"""The collector's own look at a zone, beside the node's: the second look of a confirmation.

Owns the asking; what an answer means stands in `deliverability.zones`. Decides nothing, caches
nothing. What the network does to a question is an unknown look with its reason, never an exception.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import anyio
import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from collector.core.model import Look
from collector.ports import Clock
from deliverability import nameservers, zones
from deliverability.catalogue import SHIPPED
from deliverability.nameservers import Nameserver
from deliverability.zones import Finding, QueryName, Reply, Sentinels, Verdict, Zone, ZoneKey

ANSWER_SECONDS_MAX = 5.0
ATTEMPTS_MAX = 2
IN_FLIGHT_MAX = 16
MESSAGE_BYTES_MAX = 1232


def chosen(
    configured: Iterable[str], path: Path = Path("/etc/resolv.conf")
) -> tuple[Nameserver, ...]:
    """Those configured, else those of resolv.conf(5). ValueError names a text that is none."""
    return nameservers.parse_all(configured) or nameservers.parse_resolv_conf(
        path.read_text(errors="replace") if path.is_file() else ""
    )


class DnsResolver:
    """The port `Resolver`, through the configured nameservers in order of preference."""

    def __init__(
        self,
        servers: Iterable[Nameserver],
        clock: Clock,
        *,
        key: ZoneKey | None = None,
        seconds: float = ANSWER_SECONDS_MAX,
        known: Mapping[str, Zone] = SHIPPED,
    ) -> None:
        """`seconds`: the wait for each of the two attempts. `known`: the zones, by name."""
        self._nameservers = tuple(servers)
        assert self._nameservers, "a resolver needs a nameserver"
        self._clock = clock
        self._key = key
        self._seconds = seconds
        self._known = known
        self._limiter = anyio.CapacityLimiter(IN_FLIGHT_MAX)

    async def look(self, zone: str, *, address: str) -> Look:
        """Unknown, its sentinels unasked, for a zone or an address that cannot be asked about."""
        known = self._known.get(zone)
        if known is None:
            return self._look(_unasked("not a zone we know"), zone=zone, address=address)
        if why := zones.why_unaskable(known, address, key=self._key):
            return self._look(_unasked(why), zone=zone, address=address)
        try:
            names = [
                zones.query_name(known, point, key=self._key)
                for point in (known.sentinel_listed, known.sentinel_clear, address)
            ]
        except ValueError:
            return self._look(_unasked("not an IP address"), zone=zone, address=address)
        return self._look(await self._find(known, names), zone=zone, address=address)

    async def _find(self, zone: Zone, names: Sequence[QueryName]) -> Finding:
        """By the first nameserver through which the sentinels are right; else the preferred's."""
        findings = []
        for nameserver in self._nameservers:
            positive, negative, reply = await self._ask_all(names, nameserver)
            findings.append(zones.assess(zone, reply, positive=positive, negative=negative))
            if findings[-1].sentinels is Sentinels.RIGHT:
                return findings[-1]
        return findings[0]

    async def _ask_all(self, names: Sequence[QueryName], nameserver: Nameserver) -> list[Reply]:
        replies = [Reply()] * len(names)

        async def settle(index: int, name: QueryName) -> None:
            async with self._limiter:
                replies[index] = await _ask(name, nameserver, seconds=self._seconds)

        async with anyio.create_task_group() as tasks:
            for index, name in enumerate(names):
                tasks.start_soon(settle, index, name)
        return replies

    def _look(self, finding: Finding, *, zone: str, address: str) -> Look:
        return Look(
            address=address,
            zone=zone,
            verdict=finding.verdict,
            answers=finding.answers,
            sentinels=finding.sentinels,
            at=self._clock.now(),
            why=finding.why,
        )


async def _ask(name: QueryName, nameserver: Nameserver, *, seconds: float) -> Reply:
    """One question, asked again once when nothing came back."""
    problem = ""
    for _ in range(ATTEMPTS_MAX):
        try:
            return _reply(await _exchange(name, nameserver, seconds=seconds))
        except dns.exception.Timeout:
            problem = "timeout"
        except (OSError, EOFError):
            problem = "nameserver unreachable"
        except (dns.exception.DNSException, ValueError):  # their texts may quote the name
            problem = "malformed answer"
    return Reply(problem=problem)


async def _exchange(
    name: QueryName, nameserver: Nameserver, *, seconds: float
) -> dns.message.QueryMessage:
    """By UDP from a fresh random port, by TCP when the answer is truncated; forgeries ignored."""
    query = dns.message.make_query(
        name.reveal(), dns.rdatatype.A, use_edns=0, payload=MESSAGE_BYTES_MAX
    )
    response, _ = await dns.asyncquery.udp_with_fallback(
        query,
        nameserver.ip,
        timeout=seconds,
        port=nameserver.port,
        ignore_unexpected=True,
        ignore_trailing=True,
        ignore_errors=True,
    )
    assert isinstance(response, dns.message.QueryMessage), "dnspython matched it to our query"
    return response


def _reply(response: dns.message.QueryMessage) -> Reply:
    rcode = response.rcode()
    if rcode == dns.rcode.NXDOMAIN:
        return Reply(is_nxdomain=True)
    if rcode != dns.rcode.NOERROR:
        return Reply(problem=dns.rcode.to_text(rcode))
    found = response.resolve_chaining().answer
    return zones.answer(record.to_text() for record in found or ())


def _unasked(why: str) -> Finding:
    return Finding(verdict=Verdict.UNKNOWN, answers=(), sentinels=Sentinels.UNASKED, why=why)
