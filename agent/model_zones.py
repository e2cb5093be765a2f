"""The agent's values about blocklist zones and nameservers. No protobuf, no IO, no clock."""

from dataclasses import dataclass
from datetime import datetime

from deliverability.nameservers_judged import NameserverState
from deliverability.zones import Sentinels, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneReading:
    """What one zone says of one address, as this node's resolver answered it."""

    address: str
    zone: str
    verdict: Verdict
    answers: tuple[str, ...] = ()
    sentinels: Sentinels = Sentinels.UNASKED
    round: int
    checked_at: datetime
    why: str = ""
    # What the zone's TXT record says of a listing.
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameserverReading:
    """What a look at one of our nameservers found."""

    nameserver: str
    state: NameserverState
    why: str
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneCounts:
    """Readings by what they say; those of zones whose sentinels are wrong apart."""

    listed: int = 0
    clear: int = 0
    unknown: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """The zones the collector wants looked at, as `deliverability.zones_rows` reads them."""

    revision: int
    rows: str
