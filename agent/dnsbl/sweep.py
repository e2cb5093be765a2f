"""One round over the zones: every address and every zone's sentinels, asked together.

Owns the order of asking; what an answer means stands in `deliverability.zones`. Opens no socket,
keeps no clock and no pace.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agent.dnsbl.sockets import Ask
from agent.model import ZoneReading
from deliverability import zones
from deliverability.zones import Finding, Sentinels, Zone, ZoneKey

JITTER_RATIO = 0.2

Findings = tuple[Finding, ...]


class Sweep:
    """The zones to look at, through which nameservers, with which key."""

    def __init__(
        self, asks: Sequence[Ask], watched: Sequence[Zone], *, key: ZoneKey | None = None
    ) -> None:
        """`asks`: one per nameserver, in order of preference (`sockets.askers`)."""
        assert asks, "a sweep needs a nameserver"
        self._asks = tuple(asks)
        self._watched = tuple(watched)
        self._key = key

    async def once(
        self, addresses: Sequence[str], *, number: int, now: datetime
    ) -> tuple[ZoneReading, ...]:
        """One reading per zone and address, the zones in order. `number` is the round's.

        A zone whose sentinels are wrong through one nameserver is asked again, whole, through the
        next: a hit and the sentinels that vouch for it always come by the same way. When no way is
        right, the preferred nameserver's findings stand.
        """
        if not addresses:
            return ()
        found: dict[str, Findings] = {}
        left = self._watched
        for ask in self._asks:
            for name, findings in (await self._through(ask, left, addresses=addresses)).items():
                if _is_right(findings) or name not in found:
                    found[name] = findings
            left = tuple(zone for zone in left if not _is_right(found[zone.name]))
            if not left:
                break
        return tuple(
            _reading(zone, finding, address=address, number=number, now=now)
            for zone in self._watched
            for address, finding in zip(addresses, found[zone.name], strict=True)
        )

    async def _through(
        self, ask: Ask, watched: Sequence[Zone], *, addresses: Sequence[str]
    ) -> Mapping[str, Findings]:
        """All of these zones in one batch: per zone its two sentinels, then the addresses."""
        replies = iter(
            await ask(
                [
                    zones.query_name(zone, point, key=self._key)
                    for zone in watched
                    for point in (zone.sentinel_listed, zone.sentinel_clear, *addresses)
                ]
            )
        )
        found = {}
        for zone in watched:
            positive, negative = next(replies), next(replies)
            found[zone.name] = tuple(
                zones.assess(zone, next(replies), positive=positive, negative=negative)
                for _ in addresses
            )
        return found


def next_delay(interval: timedelta, luck: float) -> timedelta:
    """The pause before the next round: `interval` +- 10 %. `luck` is uniform in 0 to 1."""
    return interval * (1 + JITTER_RATIO * (luck - 0.5))


def _is_right(findings: Findings) -> bool:
    return findings[0].sentinels is Sentinels.RIGHT


def _reading(
    zone: Zone, finding: Finding, *, address: str, number: int, now: datetime
) -> ZoneReading:
    return ZoneReading(
        address=address,
        zone=zone.name,
        verdict=finding.verdict,
        answers=finding.answers,
        sentinels=finding.sentinels,
        round=number,
        checked_at=now,
        why=finding.why,
    )
