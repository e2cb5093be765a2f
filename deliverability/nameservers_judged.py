"""Whether a nameserver can be believed about blocklists, from its replies to three questions. Pure.

A rewriting one answers for names that do not exist; a public or unattributable one is refused by
Spamhaus with a code of 127.255.255.0/24 (spamhaus.com, "DNSBL return codes"); one that asks from an
address that is not ours is shared with others, and operators count its questions as one client's.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from deliverability import zones
from deliverability.zones import ZEN, QueryName, Reply, Verdict, ZoneKeys

# Answers with the address it was asked from (akamai.com, "Introducing a new whoami tool for DNS
# resolver information"): for a recursive nameserver its own.
WHO_ASKS = QueryName(shown="whoami.akamai.net", revealed="whoami.akamai.net")


class NameserverState(Enum):
    """What kind of answers a nameserver gives, the gravest first."""

    REWRITES = "rewrites"
    REFUSED = "refused"
    SILENT = "silent"
    PUBLIC = "public"  # everybody's, or somebody else's
    GOOD = "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The replies for ZEN's listed test point, for a name nobody can have registered, and for
    `WHO_ASKS`."""

    known: Reply
    unknown: Reply
    who: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """`addresses`: this machine's, as the world sees it; none where they are not known.
    `is_chosen`: a person named this nameserver, and so answers for its being ours."""

    addresses: Collection[str] = ()
    is_public: bool = False
    is_chosen: bool = False


def questions(keys: ZoneKeys, *, strange: str) -> tuple[QueryName, QueryName, QueryName]:
    """In the order of `Tried`. `strange`: a name that nobody can have registered."""
    point = zones.query_name(ZEN, ZEN.sentinel_listed, key=keys.of(ZEN))
    return point, QueryName(shown=strange, revealed=strange), WHO_ASKS


def judge(tried: Tried, whose: Whose) -> tuple[NameserverState, str]:
    """The state, and why; of a good one, whose address it asks from, where that is not ours."""
    if tried.unknown.addresses:
        why = f"it answers {tried.unknown.addresses[0]} for a name that does not exist"
        return NameserverState.REWRITES, why
    said, why = zones.judge(ZEN, tried.known)
    if "refused" in why.lower():
        return NameserverState.REFUSED, why
    if whose.is_public:
        return NameserverState.PUBLIC, "a public resolver: blocklists refuse it"
    if said is not Verdict.LISTED:
        return NameserverState.SILENT, why or f"{ZEN.name} does not list its own test point"
    stranger = _stranger(tried.who, whose)
    if stranger and not whose.is_chosen:
        why = f"{stranger}: others share it, and blocklists count all of them as one"
        return NameserverState.PUBLIC, why
    return NameserverState.GOOD, stranger


def _stranger(who: Reply, whose: Whose) -> str:
    """Whom it asks as, when that is not us; empty when it is, or nobody said."""
    if not whose.addresses or not who.addresses or set(who.addresses) & set(whose.addresses):
        return ""
    return f"it asks from {who.addresses[0]}, no address of ours"
