"""What is known of a blocklist zone, as values: codes, tiers, access, whether it lives. Pure.

Owns the shapes of the catalogue and the matching of one answer with one code. Judges no reply (that
is `zones`), reads no file (that is `catalogue`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from types import MappingProxyType


class Kind(Enum):
    """What a zone is asked about."""

    IP4 = "ip4"
    IP6 = "ip6"
    DOMAIN = "domain"


class Tier(Enum):
    """How much a listing there hurts, and so how often we look."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFORMATIONAL = "informational"


class Consequence(Enum):
    """What a listing asks of us, gravest first. A policy listing is a configuration fault."""

    PAUSE = "pause"
    POLICY = "policy"
    NONE = "none"


class Status(Enum):
    """Whether a zone is served. A dead one is kept so that it is known, and is never asked."""

    ALIVE = "alive"
    UNCERTAIN = "uncertain"
    DEAD = "dead"


class Access(Enum):
    """What its operator wants before answering us."""

    FREE = "free"
    REGISTRATION = "registration"  # of the resolver that asks
    KEY = "key"  # part of the name asked
    PAID = "paid"
    PRIVATE = "private"  # served to one provider's own customers


class Confirmation(Enum):
    """Who says that the codes are these: the operator, somebody's probe, or lists of zones."""

    OPERATOR = "operator"
    PROBE = "probe"
    REPORTED = "reported"


# Never slower than six hours, whatever the tier: the owners look at every list that often.
PACES: Mapping[Tier, timedelta] = MappingProxyType(
    {
        Tier.CRITICAL: timedelta(minutes=5),
        Tier.MAJOR: timedelta(hours=1),
        Tier.MINOR: timedelta(hours=6),
        Tier.INFORMATIONAL: timedelta(hours=6),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Answers of one meaning: an address ("127.0.0.4"), a range, or one bit of the last octet.

    `answer` is the address, the first of the range, or the bit alone. `first` and `last` are the
    bounds as numbers; `bit` is 0 where the whole address counts.
    """

    answer: str
    consequence: Consequence
    meaning: str
    first: int
    last: int
    bit: int = 0

    def covers(self, number: int) -> bool:
        return self.first <= number <= self.last and (not self.bit or bool(number & self.bit))

    def __str__(self) -> str:
        """As people read it: `127.0.0.4`, `127.0.0.2-127.0.0.22`, `127.0.0.x with bit 64`."""
        if self.bit:
            return f"{self.answer.rpartition('.')[0]}.x with bit {self.bit}"
        return self.answer if self.first == self.last else f"{self.answer}-{text_of(self.last)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A DNSBL zone by the name people know, whichever way it is asked.

    `codes` list; `others` are answers that by the operator's own account do not (a whitelist, a
    neutral grade). `errors`: answers by which the zone refuses to say, with their meaning; all of
    127.255.255.0/24 is one whether named or not. `keyed_suffix`: the name to ask under when a key
    of this operator is held, with `{key}` in it; empty when there is none. `part_of`: the zone that
    holds this one's data already. `queries_per_day_max`: the operator's limit for one client, 0
    where none is known. `is_enabled`: by default; `why_disabled` says why not. The test points are
    empty where the zone has none. `dated`: when `source` was read; `seen`: when `evidence` of the
    status is from.
    """

    name: str
    operator: str
    kinds: frozenset[Kind]
    tier: Tier
    pace: timedelta
    status: Status
    seen: str
    evidence: str
    is_enabled: bool
    why_disabled: str
    access: Access
    queries_per_day_max: int
    limits: str
    codes: tuple[Code, ...]
    others: tuple[Code, ...]
    errors: Mapping[str, str]
    confirmed: Confirmation
    sentinel_listed: str
    sentinel_clear: str
    keyed_suffix: str
    part_of: str
    delisting: str
    note: str
    source: str
    dated: str

    def code(self, answer: str) -> Code | None:
        """The first code that lists by this answer; None for any other text."""
        number = number_of(answer)
        if number is None:
            return None
        return next((code for code in self.codes if code.covers(number)), None)

    def other(self, answer: str) -> Code | None:
        """The operator's own word that this answer is no listing."""
        number = number_of(answer)
        if number is None or any(code.covers(number) for code in self.codes):
            return None
        return next((code for code in self.others if code.covers(number)), None)


@lru_cache(maxsize=256)
def number_of(text: str) -> int | None:
    """An IPv4 address as a number; None for any other text (RFC 6943 section 3.1.1, strict)."""
    parts = text.split(".", 4)
    if len(parts) != 4:
        return None
    number = 0
    for part in parts:
        is_octet = part.isascii() and part.isdigit() and len(part) <= 3
        if not is_octet or int(part) > 255 or (len(part) > 1 and part[0] == "0"):
            return None
        number = number << 8 | int(part)
    return number


def text_of(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
