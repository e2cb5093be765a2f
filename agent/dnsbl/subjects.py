"""What a zone is asked about: IPv4 addresses each, IPv6 addresses once for each /64. Pure.

A /64 is one customer's (RFC 6177), and zones list IPv6 by it: what is said of one of its addresses
is said of all.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from deliverability.zones import Zone, ZoneKey, why_unaskable


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One question's address, and those of ours the answer is about."""

    asked: str
    addresses: tuple[str, ...]


def of(zone: Zone, addresses: Sequence[str], *, key: ZoneKey | None) -> tuple[Subject, ...]:
    """Of those addresses that this zone may be asked about, in their order."""
    askable = (one for one in addresses if not why_unaskable(zone, one, key=key))
    return _grouped(tuple(askable))


@lru_cache(maxsize=16)
def _grouped(addresses: tuple[str, ...]) -> tuple[Subject, ...]:
    groups: dict[object, list[str]] = {}
    for address in addresses:
        groups.setdefault(_network(address), []).append(address)
    return tuple(Subject(asked=many[0], addresses=tuple(many)) for many in groups.values())


def _network(address: str) -> object:
    """ValueError when it is no IP address."""
    ip = ipaddress.ip_address(address)
    return ip if ip.version == 4 else int(ip) >> 64
