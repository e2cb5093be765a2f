"""Blocklist zones: what an answer means, whether a zone is sane. Does no look-ups.

The zones themselves stand in `catalogue`, the name to ask in `zones_query`. Three answers exist and
no fourth: a zone said listed, said clear, or did not say (unknown). RFC 5782.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from itertools import islice

from deliverability.catalogue import CATALOGUE
from deliverability.zones_query import QueryName as QueryName
from deliverability.zones_query import ZoneKey as ZoneKey
from deliverability.zones_query import ZoneKeys as ZoneKeys
from deliverability.zones_query import query_name as query_name
from deliverability.zones_query import why_unaskable as why_unaskable
from deliverability.zones_shapes import Code as Code
from deliverability.zones_shapes import Consequence as Consequence
from deliverability.zones_shapes import Tier as Tier
from deliverability.zones_shapes import Zone as Zone
from deliverability.zones_shapes import number_of

ANSWERS_MAX = 32  # ZEN gives at most a handful; more than this is no blocklist's answer
ANSWERS_READ_MAX = 4096  # a DNS message of 64 KiB holds no more A records
ANSWERS_TOLD_MAX = 8  # of those a sentence names
REASON_LENGTH_MAX = 200  # of what a TXT record says, in a heartbeat and in evidence
TEXT_LENGTH_MAX = 40  # of an answer that is no address, in a sentence
LOOPBACK = 127
REFUSALS = 0x7FFFFF  # 127.255.255.0/24, by which operators say "not you": never a listing


class Verdict(Enum):
    """The answer to one query. Unknown is an answer: it neither lists nor clears."""

    LISTED = "listed"
    CLEAR = "clear"
    UNKNOWN = "unknown"


_LISTED, _CLEAR = (Verdict.LISTED, ""), (Verdict.CLEAR, "")


class Sentinels(Enum):
    """Whether the zone's own test points answered rightly through the same resolver."""

    RIGHT = "right"
    WRONG = "wrong"
    UNASKED = "unasked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for one query: A records, or NXDOMAIN, or the problem in our own words.

    `problem` never quotes a name or a remote text, so that no key can ride in it. `text` is what a
    TXT record said, as it came: to be shown only through `ZoneKeys.hidden` and `harmless`.
    `ttl_seconds`: how long the answer may be kept, NXDOMAIN too (RFC 2308 section 5); 0 where
    nobody said.
    """

    addresses: tuple[str, ...] = ()
    is_nxdomain: bool = False
    problem: str = ""
    text: str = ""
    ttl_seconds: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One address at one zone, judged together with the zone's sentinels of the same round.

    `why` says why the verdict is unknown, and is empty when it is not.
    """

    verdict: Verdict
    answers: tuple[str, ...]
    sentinels: Sentinels
    why: str


def answer(addresses: Iterable[str], *, ttl_seconds: int = 0) -> Reply:
    """The reply of these A records, in numeric order, each once. Too many are a problem."""
    unique = frozenset(islice(addresses, ANSWERS_READ_MAX))
    if len(unique) > ANSWERS_MAX:
        return Reply(problem=f"more than {ANSWERS_MAX} answers")
    ordered = _ordered(unique)
    if ordered is None:
        return Reply(problem="an answer that is no IPv4 address")
    return Reply(addresses=ordered, ttl_seconds=ttl_seconds)


@lru_cache(maxsize=256)
def _ordered(unique: frozenset[str]) -> tuple[str, ...] | None:
    """By number; None when one is none. Zones answer by few codes."""
    by_number = {number_of(text): text for text in unique}
    if None in by_number:
        return None
    return tuple(text for _, text in sorted(by_number.items()))


def harmless(text: str) -> str:
    """A remote's words on one line, bounded, without anything a terminal would obey."""
    cut = text[: 2 * REASON_LENGTH_MAX]
    shown = " ".join("".join(one if one.isprintable() else " " for one in cut).split())
    return shown if len(shown) <= REASON_LENGTH_MAX else shown[: REASON_LENGTH_MAX - 1] + "…"


def verdict(zone: Zone, reply: Reply) -> Verdict:
    """Listed only by one of the zone's own codes; all it did not say is unknown.

    Clear only by NXDOMAIN, or by what the operator itself calls no listing.
    """
    return judge(zone, reply)[0]


def judge(zone: Zone, reply: Reply) -> tuple[Verdict, str]:
    """The verdict, and why it is unknown, in one sentence; empty when it is not.

    One refusal or one answer outside 127/8 spoils the whole set: no honest zone mixes them with a
    listing, a rewriting resolver or a lapsed domain does. An unrecognised code inside 127/8 beside
    a listed one spoils nothing: operators add codes, and the listed one still stands. Beside one
    that is no listing it does: it may be a new way to list.
    """
    if reply.is_nxdomain and not (reply.addresses or reply.problem):
        return _CLEAR
    if why := reply.problem or _spoiled(zone, reply):
        return Verdict.UNKNOWN, why
    if any(zone.code(address) for address in reply.addresses):
        return _LISTED
    strange = [address for address in reply.addresses if zone.other(address) is None]
    return (Verdict.UNKNOWN, f"unrecognised {_told(strange)}") if strange else _CLEAR


def _spoiled(zone: Zone, reply: Reply) -> str:
    """Why this set of addresses is nobody's honest answer; empty when it may be one."""
    if reply.is_nxdomain:
        return "NXDOMAIN together with addresses"
    if not reply.addresses:
        return "a name without addresses"
    if len(reply.addresses) > ANSWERS_MAX:
        return f"more than {ANSWERS_MAX} answers"
    return next(filter(None, (_spoils(zone, one) for one in reply.addresses)), "")


def _spoils(zone: Zone, address: str) -> str:
    """Why one answer makes the whole set unbelievable; empty when it does not."""
    number = number_of(address)
    if number is None:
        return f"answer {address[:TEXT_LENGTH_MAX]!r} is no IPv4 address"
    if number >> 24 != LOOPBACK:
        return f"answer {address} outside 127.0.0.0/8"
    if number >> 8 == REFUSALS or address in zone.errors:
        meaning = zone.errors.get(address)
        return f"refused {address}: {meaning}" if meaning else f"refused {address}"
    return ""


def _told(answers: list[str]) -> str:
    more = len(answers) - ANSWERS_TOLD_MAX
    return ", ".join(answers[:ANSWERS_TOLD_MAX]) + (f" and {more} more" if more > 0 else "")


def consequence(zone: Zone, answers: Iterable[str]) -> Consequence:
    """The gravest consequence among these answers; none unless together they list."""
    reply = Reply(addresses=tuple(islice(answers, ANSWERS_MAX + 1)))
    if verdict(zone, reply) is not Verdict.LISTED:
        return Consequence.NONE
    said = {code.consequence for code in meant(zone, reply.addresses)}
    return next(gravest for gravest in Consequence if gravest in said)


def meant(zone: Zone, answers: Iterable[str]) -> tuple[Code, ...]:
    """The zone's codes behind these answers, in its own order: several where an answer has bits."""
    numbers = [number for text in answers if (number := number_of(text)) is not None]
    return tuple(code for code in zone.codes if any(map(code.covers, numbers)))


def why_wrong(zone: Zone, *, positive: Reply, negative: Reply) -> str:
    """Which test point answered wrongly, and how; empty when both answered rightly. A zone that has
    none is never right."""
    if not (zone.sentinel_listed and zone.sentinel_clear):
        return "it has no test points"
    return why_point_wrong(zone, zone.sentinel_listed, reply=positive) or why_point_wrong(
        zone, zone.sentinel_clear, reply=negative
    )


def why_point_wrong(zone: Zone, point: str, *, reply: Reply) -> str:
    """How one of the zone's test points answered wrongly; empty when it did not."""
    said, why = judge(zone, reply)
    if why:
        return f"sentinel {point}: {why}"
    right = Verdict.LISTED if point == zone.sentinel_listed else Verdict.CLEAR
    return "" if said is right else f"sentinel {point} {said.value}"


def assess(zone: Zone, reply: Reply, *, positive: Reply, negative: Reply) -> Finding:
    """The verdict that counts. A zone whose sentinels are wrong neither lists nor clears."""
    wrong = why_wrong(zone, positive=positive, negative=negative)
    said, why = judge(zone, reply)
    return Finding(
        verdict=Verdict.UNKNOWN if wrong else said,
        answers=reply.addresses[:ANSWERS_MAX],
        sentinels=Sentinels.WRONG if wrong else Sentinels.RIGHT,
        why=why or wrong,
    )


ZEN = CATALOGUE["zen.spamhaus.org"]
