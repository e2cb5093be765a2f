"""Blocklist zones: how to ask, what an answer means, whether a zone is sane. Does no look-ups.

The zones stand in `zones.tsv` beside this file: one row each, read once at import. Three answers
exist and no fourth: a zone said listed, said clear, or did not say (unknown). RFC 5782.
"""

import ipaddress
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

ANSWERS_MAX = 32  # ZEN gives at most a handful; more than this is no blocklist's answer
REFUSALS = "127.255.255."  # the block operators use to say "not you", never a listing
LOOPBACK = "127."


class Verdict(Enum):
    """The answer to one query. Unknown is an answer: it neither lists nor clears."""

    LISTED = "listed"
    CLEAR = "clear"
    UNKNOWN = "unknown"


class Sentinels(Enum):
    """Whether the zone's own test points answered rightly through the same resolver."""

    RIGHT = "right"
    WRONG = "wrong"
    UNASKED = "unasked"


class Tier(Enum):
    """How much a listing there hurts, and so how often we look."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFORMATIONAL = "informational"


class Consequence(Enum):
    """What a listing asks of us. A policy listing is a configuration fault with a remedy."""

    PAUSE = "pause"
    POLICY = "policy"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One address a zone answers with when it lists: "127.0.0.4"."""

    answer: str
    consequence: Consequence
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A DNSBL zone by the name people know, whichever way it is asked.

    `errors`: answers by which the zone refuses to say, with their meaning; the whole of
    127.255.255.0/24 is one whether named or not. `keyed_suffix`: the name to ask under when a key
    is held, with `{key}` in it; empty when there is none. `dated`: when `source` was read.
    """

    name: str
    operator: str
    tier: Tier
    codes: tuple[Code, ...]
    errors: Mapping[str, str]
    sentinel_listed: str
    sentinel_clear: str
    keyed_suffix: str
    delisting: str
    source: str
    dated: str

    def code(self, answer: str) -> Code | None:
        return next((code for code in self.codes if code.answer == answer), None)


class ZoneKey:
    """A customer key that is part of the name asked (Spamhaus DQS). No text of it shows the key."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        """ValueError, which does not repeat the key, unless it is one DNS label."""
        if not (0 < len(secret) <= 63 and secret.isascii() and secret.isalnum()):
            raise ValueError("a zone key is 1 to 63 letters and digits")
        self._secret = secret.lower()

    def reveal(self) -> str:
        return self._secret

    def __repr__(self) -> str:
        return "ZoneKey(<key>)"


class QueryName:
    """The name to ask. Its texts carry `<key>` where the key stands; `reveal` is for the wire."""

    __slots__ = ("_revealed", "_shown")

    def __init__(self, *, shown: str, revealed: str) -> None:
        self._shown = shown
        self._revealed = revealed

    def reveal(self) -> str:
        return self._revealed

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"QueryName({self._shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QueryName) and other._revealed == self._revealed

    def __hash__(self) -> int:
        return hash(self._revealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for one query: A records, or NXDOMAIN, or the problem in our own words.

    `problem` never quotes a name or a remote text, so that no key can ride in it.
    """

    addresses: tuple[str, ...] = ()
    is_nxdomain: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One address at one zone, judged together with the zone's sentinels of the same round.

    `why` says why the verdict is unknown, and is empty when it is not.
    """

    verdict: Verdict
    answers: tuple[str, ...]
    sentinels: Sentinels
    why: str


def query_name(zone: Zone, address: str, *, key: ZoneKey | None = None) -> QueryName:
    """Reversed octets, or reversed nibbles of IPv6, under the zone (RFC 5782 sections 2.1, 2.4).

    The key counts only where the zone knows one. ValueError when `address` is no IP address.
    """
    ip = ipaddress.ip_address(address)
    if "%" in address:
        raise ValueError("an address with a scope cannot be asked for")
    reversed_ip = ip.reverse_pointer.rsplit(".", 2)[0]
    if key is None or not zone.keyed_suffix:
        name = f"{reversed_ip}.{zone.name}"
        return QueryName(shown=name, revealed=name)
    template = f"{reversed_ip}.{zone.keyed_suffix}"
    return QueryName(
        shown=template.replace("{key}", "<key>"), revealed=template.replace("{key}", key.reveal())
    )


def answer(addresses: Iterable[str]) -> Reply:
    """The reply of these A records, in numeric order, each once. Too many are a problem."""
    unique = sorted(set(addresses), key=lambda text: tuple(map(int, text.split("."))))
    if len(unique) > ANSWERS_MAX:
        return Reply(problem=f"more than {ANSWERS_MAX} answers")
    return Reply(addresses=tuple(unique))


def verdict(zone: Zone, reply: Reply) -> Verdict:
    """Listed only by one of the zone's own codes; clear only by NXDOMAIN; all else is unknown."""
    if why_unknown(zone, reply):
        return Verdict.UNKNOWN
    return Verdict.CLEAR if reply.is_nxdomain else Verdict.LISTED


def why_unknown(zone: Zone, reply: Reply) -> str:
    """Why the zone did not say, in one sentence; empty when it did.

    One refusal or one answer outside 127/8 spoils the whole set: no honest zone mixes them with a
    listing, a rewriting resolver or a lapsed domain does. An unrecognised code inside 127/8 beside
    a listed one spoils nothing: operators add codes, and the listed one still stands.
    """
    if reply.problem:
        return reply.problem
    if reply.is_nxdomain:
        return "NXDOMAIN together with addresses" if reply.addresses else ""
    if not reply.addresses:
        return "a name without addresses"
    for address in reply.addresses:
        if not address.startswith(LOOPBACK):
            return f"answer {address} outside 127.0.0.0/8"
        if address.startswith(REFUSALS) or address in zone.errors:
            return _refusal(zone, address)
    if any(zone.code(address) for address in reply.addresses):
        return ""
    return f"unrecognised {', '.join(reply.addresses)}"


def consequence(zone: Zone, answers: Iterable[str]) -> Consequence:
    """The gravest consequence among these answers; none unless together they list."""
    reply = Reply(addresses=tuple(answers))
    if verdict(zone, reply) is not Verdict.LISTED:
        return Consequence.NONE
    said = {code.consequence for code in zone.codes if code.answer in reply.addresses}
    return Consequence.PAUSE if Consequence.PAUSE in said else Consequence.POLICY


def sentinels(zone: Zone, *, positive: Reply, negative: Reply) -> Sentinels:
    """Right when the one test point is listed and the other clear (RFC 5782 section 5)."""
    is_wrong = bool(why_wrong(zone, positive=positive, negative=negative))
    return Sentinels.WRONG if is_wrong else Sentinels.RIGHT


def why_wrong(zone: Zone, *, positive: Reply, negative: Reply) -> str:
    """Which test point answered wrongly, and how; empty when both answered rightly."""
    for point, reply, right in (
        (zone.sentinel_listed, positive, Verdict.LISTED),
        (zone.sentinel_clear, negative, Verdict.CLEAR),
    ):
        said = verdict(zone, reply)
        if said is Verdict.UNKNOWN:
            return f"sentinel {point}: {why_unknown(zone, reply)}"
        if said is not right:
            return f"sentinel {point} {said.value}"
    return ""


def assess(zone: Zone, reply: Reply, *, positive: Reply, negative: Reply) -> Finding:
    """The verdict that counts. A zone whose sentinels are wrong neither lists nor clears."""
    wrong = why_wrong(zone, positive=positive, negative=negative)
    why = why_unknown(zone, reply) or wrong
    return Finding(
        verdict=Verdict.UNKNOWN if why else verdict(zone, reply),
        answers=reply.addresses,
        sentinels=Sentinels.WRONG if wrong else Sentinels.RIGHT,
        why=why,
    )


def _refusal(zone: Zone, address: str) -> str:
    meaning = zone.errors.get(address)
    return f"refused {address}: {meaning}" if meaning else f"refused {address}"


def _parse(text: str) -> Mapping[str, Zone]:
    header, *rows = text.splitlines()
    columns = header.split("\t")
    parsed = (_parse_row(dict(zip(columns, row.split("\t"), strict=True))) for row in rows)
    return MappingProxyType({zone.name: zone for zone in parsed})


def _parse_row(row: Mapping[str, str]) -> Zone:
    codes = tuple(_parse_code(text) for text in row["codes"].split("|"))
    errors = dict(text.split("=", 1) for text in row["errors"].split("|") if text)
    rest = {name: text for name, text in row.items() if name not in {"tier", "codes", "errors"}}
    return Zone(tier=Tier(row["tier"]), codes=codes, errors=MappingProxyType(errors), **rest)


def _parse_code(text: str) -> Code:
    """`127.0.0.4=pause:XBL, exploited machine`"""
    answer, rest = text.split("=", 1)
    consequence, meaning = rest.split(":", 1)
    return Code(answer=answer, consequence=Consequence(consequence), meaning=meaning)


def _load() -> Mapping[str, Zone]:
    data = pkgutil.get_data("deliverability", "zones.tsv")
    assert data is not None, "zones.tsv is part of the package"
    return _parse(data.decode())


ZONES: Mapping[str, Zone] = _load()
ZEN = ZONES["zen.spamhaus.org"]
CRITICAL = tuple(zone for zone in ZONES.values() if zone.tier is Tier.CRITICAL)
