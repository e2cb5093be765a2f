"""The collector's own look at a zone, beside the node's: the second look of a confirmation.

Owns the asking; what an answer means stands in `deliverability.zones`. Decides nothing, and keeps
nothing but which test points answered rightly. What the network does to a question is an unknown
look with its reason, never an exception.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex

import anyio
import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from collector.core.model import Look
from collector.core.reputation import ONE_RESOLVER
from collector.ports import Clock
from deliverability import nameservers, nameservers_judged, zones
from deliverability.catalogue import SHIPPED
from deliverability.nameservers import Nameserver
from deliverability.nameservers_judged import NameserverState, Tried, Whose
from deliverability.zones import Finding, QueryName, Reply, Sentinels, Verdict, Zone, ZoneKeys
from deliverability.zones_pace import SENTINELS_EVERY

ANSWER_SECONDS_MAX = 5.0
ATTEMPTS_MAX = 2
IN_FLIGHT_MAX = 16
MESSAGE_BYTES_MAX = 1232
TEXT_PARTS_MAX = 8
NO_KEYS = ZoneKeys()
_VOUCHED = Finding(verdict=Verdict.CLEAR, answers=(), sentinels=Sentinels.RIGHT, why="")
NOT_VOUCHED, VOUCHED_FOR = timedelta(0), SENTINELS_EVERY


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
        keys: ZoneKeys = NO_KEYS,
        seconds: float = ANSWER_SECONDS_MAX,
        vouched_for: timedelta = NOT_VOUCHED,
    ) -> None:
        """`seconds`: the wait for each of the two attempts. `vouched_for`: how long right test
        points vouch for what is clear; all else is vouched for by test points asked with it."""
        self._nameservers = tuple(servers)
        assert self._nameservers, "a resolver needs a nameserver"
        self._clock = clock
        self._keys = keys
        self._seconds = seconds
        self._vouched_for = vouched_for
        self._right: dict[tuple[str, Nameserver], datetime] = {}
        self._limiter = anyio.CapacityLimiter(IN_FLIGHT_MAX)

    async def look(self, zone: str, *, address: str, not_by: str = "") -> Look:
        """Unknown, its sentinels unasked, for a zone or an address that cannot be asked about, and
        where all there is to ask is `not_by`."""
        known = SHIPPED.get(zone)
        if known is None:
            return self._look(_unasked("not a zone we know"), zone=zone, address=address)
        key = self._keys.of(known)
        if why := zones.why_unaskable(known, address, key=key):
            return self._look(_unasked(why), zone=zone, address=address)
        try:
            names = [
                zones.query_name(known, point, key=key)
                for point in (address, known.sentinel_listed, known.sentinel_clear)
            ]
        except ValueError:
            return self._look(_unasked("not an IP address"), zone=zone, address=address)
        asked = self._others(not_by)
        if not asked:
            return self._look(_unasked(ONE_RESOLVER), zone=zone, address=address)
        finding, nameserver = await self._find(known, names, asked)
        look = self._look(finding, zone=zone, address=address)
        return replace(look, resolver=str(nameserver))

    def pair(self) -> tuple[str, str]:
        first = str(self._nameservers[0])
        return first, next(map(str, self._others(first)), "")

    def _others(self, not_by: str) -> tuple[Nameserver, ...]:
        if not not_by:
            return self._nameservers
        finder = nameservers.parse(not_by)
        return tuple(one for one in self._nameservers if not one.is_same(finder))

    async def tried(self) -> Sequence[tuple[str, NameserverState, str]]:
        """Each nameserver, whether it can be believed about blocklists, and why not."""
        found = []
        for nameserver in self._nameservers:
            names = nameservers_judged.questions(self._keys, strange=f"{token_hex(8)}.com")
            known, unknown, who = await self._ask_all(names, nameserver)
            whose = Whose(is_public=nameserver.is_public)
            tried = Tried(known=known, unknown=unknown, who=who)
            found.append((str(nameserver), *nameservers_judged.judge(tried, whose)))
        return found

    async def why_listed(self, zone: str, *, address: str) -> str:
        """What the zone says of its listing, made harmless; empty when it says nothing."""
        known = SHIPPED[zone]
        name = zones.query_name(known, address, key=self._keys.of(known))
        for nameserver in self._nameservers:
            reply = await _ask(name, nameserver, kind=dns.rdatatype.TXT, seconds=self._seconds)
            if not reply.problem:
                return zones.harmless(self._keys.hidden(reply.text))
        return ""

    async def _find(
        self, zone: Zone, names: Sequence[QueryName], asked: Sequence[Nameserver]
    ) -> tuple[Finding, Nameserver]:
        """By the first nameserver through which the sentinels are right; else the preferred's."""
        findings = []
        for nameserver in asked:
            finding = await self._find_by(nameserver, zone, names=names)
            findings.append((finding, nameserver))
            if finding.sentinels is Sentinels.RIGHT:
                return findings[-1]
        return findings[0]

    async def _find_by(
        self, nameserver: Nameserver, zone: Zone, *, names: Sequence[QueryName]
    ) -> Finding:
        name, *points = names
        vouched = self._right.get((zone.name, nameserver))
        if vouched is not None and self._clock.now() - vouched < self._vouched_for:
            (reply,) = await self._ask_all([name], nameserver)
            if zones.verdict(zone, reply) is Verdict.CLEAR:
                return replace(_VOUCHED, answers=reply.addresses)
            positive, negative = await self._ask_all(points, nameserver)
        else:
            reply, positive, negative = await self._ask_all(names, nameserver)
        finding = zones.assess(zone, reply, positive=positive, negative=negative)
        self._right.pop((zone.name, nameserver), None)
        if finding.sentinels is Sentinels.RIGHT:
            self._right[zone.name, nameserver] = self._clock.now()
        return finding

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


async def _ask(
    name: QueryName,
    nameserver: Nameserver,
    *,
    seconds: float,
    kind: dns.rdatatype.RdataType = dns.rdatatype.A,
) -> Reply:
    """One question, asked again once when nothing came back."""
    problem = ""
    for _ in range(ATTEMPTS_MAX):
        try:
            return _reply(await _exchange(name, nameserver, kind=kind, seconds=seconds))
        except dns.exception.Timeout:
            problem = "timeout"
        except (OSError, EOFError):
            problem = "nameserver unreachable"
        except (dns.exception.DNSException, ValueError):  # their texts may quote the name
            problem = "malformed answer"
    return Reply(problem=problem)


async def _exchange(
    name: QueryName, nameserver: Nameserver, *, kind: dns.rdatatype.RdataType, seconds: float
) -> dns.message.QueryMessage:
    """By UDP from a fresh random port, by TCP when the answer is truncated; forgeries ignored."""
    query = dns.message.make_query(name.reveal(), kind, use_edns=0, payload=MESSAGE_BYTES_MAX)
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
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Reply(problem=dns.rcode.to_text(rcode))
    try:
        found = response.resolve_chaining().answer
    except dns.message.AnswerForNXDOMAIN:
        return Reply(problem="NXDOMAIN together with addresses")
    if rcode == dns.rcode.NXDOMAIN:
        return Reply(is_nxdomain=True)
    if response.question[0].rdtype == dns.rdatatype.TXT:
        parts = [part for record in found or () for part in record.strings]
        return Reply(text=b"".join(parts[:TEXT_PARTS_MAX]).decode("utf-8", "replace"))
    return zones.answer(record.to_text() for record in found or ())


def _unasked(why: str) -> Finding:
    return Finding(verdict=Verdict.UNKNOWN, answers=(), sentinels=Sentinels.UNASKED, why=why)
