"""The name to ask a zone under, and keys that are part of it. Asks nothing itself."""

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache

from deliverability.zones_shapes import Access, Kind, Status, Zone

SPAMHAUS = "Spamhaus"
# Whose key each credential holds; in the environment it is MAILFLEET_ and the name in capitals.
CREDENTIALS: Mapping[str, str] = {
    "dqs_key": SPAMHAUS,
    "abusix_key": "Abusix",
    "spamrats_key": "SpamRATS",
}


class ZoneKey:
    """A customer key that is part of the name asked (Spamhaus DQS). No text of it shows the key."""

    __slots__ = ("_secret", "operator")

    def __init__(self, secret: str, *, operator: str = SPAMHAUS) -> None:
        """`operator`: whose key it is; nobody else's zone is ever asked with it.

        ValueError, which does not repeat the key, unless it is one DNS label.
        """
        if not (0 < len(secret) <= 63 and secret.isascii() and secret.isalnum()):
            raise ValueError("a zone key is 1 to 63 letters and digits")
        self._secret = secret.lower()
        self.operator = operator

    def reveal(self) -> str:
        return self._secret

    def __repr__(self) -> str:
        return "ZoneKey(<key>)"


class ZoneKeys:
    """The keys one of ours holds, at most one of an operator. No text of it shows any."""

    __slots__ = ("_by_operator",)

    def __init__(self, *keys: ZoneKey) -> None:
        self._by_operator = {key.operator: key for key in keys}

    def of(self, zone: Zone) -> ZoneKey | None:
        return self._by_operator.get(zone.operator)

    def hidden(self, text: str) -> str:
        """A remote's text, which may repeat what it was asked, with `<key>` for each key in it."""
        for key in self._by_operator.values():
            text = re.sub(re.escape(key.reveal()), "<key>", text, flags=re.IGNORECASE)
        return text

    @property
    def names(self) -> tuple[str, ...]:
        """Of the credentials that are held: no secret."""
        return tuple(name for name, one in CREDENTIALS.items() if one in self._by_operator)

    def __bool__(self) -> bool:
        return bool(self._by_operator)

    def __repr__(self) -> str:
        return f"ZoneKeys({', '.join(sorted(self._by_operator))})"


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


def query_name(zone: Zone, address: str, *, key: ZoneKey | None = None) -> QueryName:
    """Reversed octets, or reversed nibbles of IPv6, under the zone (RFC 5782 sections 2.1, 2.4).

    The key counts only where the zone knows one of that operator. ValueError when `address` is no
    IP address, and for a zone that must not or cannot be asked about it: a dead one above all.
    """
    reversed_ip = _reversed(address)
    if why := why_unaskable(zone, address, key=key):
        raise ValueError(why)
    if not _counts(zone, key):
        name = f"{reversed_ip}.{zone.name}"
        return QueryName(shown=name, revealed=name)
    assert key is not None, "a key that counts is a key"
    template = f"{reversed_ip}.{zone.keyed_suffix}"
    return QueryName(
        shown=template.replace("{key}", "<key>"), revealed=template.replace("{key}", key.reveal())
    )


@lru_cache(maxsize=256)
def _reversed(address: str) -> str:
    """The same few addresses and test points are asked about at every zone."""
    ip = ipaddress.ip_address(address)
    if "%" in address:
        raise ValueError("an address with a scope cannot be asked for")
    return ip.reverse_pointer.rsplit(".", 2)[0]


def why_unaskable(zone: Zone, address: str, *, key: ZoneKey | None = None) -> str:
    """Why this zone is not asked about this IP address, in one sentence; empty when it may be."""
    if zone.status is Status.DEAD:
        return f"{zone.name} is dead and never asked"
    if not zone.sentinel_listed:
        return f"{zone.name} has no test points, so nothing would vouch for its answers"
    kind = Kind.IP6 if ":" in address else Kind.IP4
    if kind not in zone.kinds:
        return f"{zone.name} is not asked about {kind.value} addresses"
    if zone.access is Access.KEY and not _counts(zone, key):
        return f"{zone.name} answers only with a key of {zone.operator}"
    return ""


def _counts(zone: Zone, key: ZoneKey | None) -> bool:
    return key is not None and bool(zone.keyed_suffix) and key.operator == zone.operator
