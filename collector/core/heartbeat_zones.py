"""What a node says of zones and nameservers, and which zones it is told to look at."""

from dataclasses import dataclass
from datetime import datetime

from deliverability.zones import Sentinels, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneReading:
    """One zone's answer about one address through the node's resolver."""

    address: str
    zone: str
    verdict: Verdict
    answers: tuple[str, ...]
    sentinels: Sentinels
    round: int
    checked_at: datetime
    why: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneCounts:
    """How many answers (one for each zone and address) say what, by the node's own count."""

    listed: int = 0
    clear: int = 0
    unknown: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NameserverReading:
    """What a node found of one of its nameservers: good, rewrites, refused, silent, public."""

    nameserver: str
    state: str
    why: str
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """The zones nodes shall look at, as `deliverability.zones_rows` writes them."""

    revision: int
    rows: str
