"""Whether a nameserver of ours can be believed about blocklists. Asks two questions, keeps nothing.

A rewriting one answers for names that do not exist; a public or unattributable one is refused by
Spamhaus with a code of 127.255.255.0/24 (spamhaus.com, "DNSBL return codes").
"""

from datetime import datetime

from agent.dnsbl.sockets import Way
from agent.model import NameserverReading, NameserverState
from deliverability import zones
from deliverability.zones import ZEN, QueryName, Reply, Verdict, ZoneKeys


async def look(way: Way, *, keys: ZoneKeys, strange: str, now: datetime) -> NameserverReading:
    """`strange`: a name that nobody can have registered."""
    point = zones.query_name(ZEN, ZEN.sentinel_listed, key=keys.of(ZEN))
    known, unknown = await way.ask([point, QueryName(shown=strange, revealed=strange)])
    state, why = judge(known=known, unknown=unknown, is_public=way.is_public)
    return NameserverReading(nameserver=way.nameserver, state=state, why=why, checked_at=now)


def judge(*, known: Reply, unknown: Reply, is_public: bool) -> tuple[NameserverState, str]:
    """From the replies for ZEN's listed test point, and for a name that does not exist."""
    if unknown.addresses:
        why = f"it answers {unknown.addresses[0]} for a name that does not exist"
        return NameserverState.REWRITES, why
    why = zones.why_unknown(ZEN, known)
    if "refused" in why.lower():
        return NameserverState.REFUSED, why
    if is_public:
        return NameserverState.PUBLIC, "a public resolver: blocklists refuse it"
    if why or zones.verdict(ZEN, known) is not Verdict.LISTED:
        return NameserverState.SILENT, why or f"{ZEN.name} does not list its own test point"
    return NameserverState.GOOD, ""
