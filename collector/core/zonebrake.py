"""The zone brake: a zone that suddenly lists many of us is more likely wrong than we are.

More than max(3, 20 %) of the fleet's addresses newly listed on one zone in one round holds that
zone's automatic pauses (DESIGN 6). It lets go when no more than that many of those listings stand.
No node counts for that many by itself, however many addresses it claims: it takes several to trip
the brake.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.core import signals
from collector.core.model import Fleet, Listing
from collector.core.policy import Policy
from collector.core.signals import NodeSignals
from deliverability.zones import Tier, Zone

# A node and one of its addresses.
_Whom = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneBrakes:
    """Zones held after this judgement, since when, and what the brake counted."""

    held: Mapping[str, datetime]
    rounds: Mapping[str, timedelta]
    engage: tuple[str, ...]
    release: tuple[str, ...]
    counts: Mapping[str, int]
    limit: int
    # How long the brake holds whom others confirm.
    patience: timedelta

    def holds(
        self, zone: str, *, listed_at: datetime | None, is_corroborated: bool, now: datetime
    ) -> bool:
        """Listings that are part of the wave; an older one keeps its pause. `listed_at` None: of
        this very pass. What others confirm is held for half an hour at most."""
        since = self.held.get(zone)
        if since is None or (listed_at is not None and listed_at < since - self.rounds[zone]):
            return False
        return not (is_corroborated and now - since >= self.patience)


def apply(
    nodes: tuple[NodeSignals, ...], fleet: Fleet, *, policy: Policy, now: datetime
) -> ZoneBrakes:
    """Which zones are held, counting this batch's new listings."""
    return held(count(nodes, fleet, policy=policy, now=now), fleet, policy=policy, now=now)


def count(
    nodes: tuple[NodeSignals, ...], fleet: Fleet, *, policy: Policy, now: datetime
) -> Mapping[str, int]:
    """Addresses newly listed, by zone: of this batch, and of the open wave."""
    fresh: dict[str, set[_Whom]] = {}
    for zone, *whom in signals.newly_listed(nodes):
        fresh.setdefault(zone, set()).add((whom[0], whom[1]))
    over = {listing.id for node in nodes for a in node.addresses for listing in a.over}
    counts: dict[str, int] = {}
    for zone in sorted({*fresh, *fleet.open_listings, *fleet.brakes}):
        engaged = fleet.brakes.get(zone)
        since = (engaged.engaged_at if engaged else now) - pace(zone, fleet, policy=policy)
        wave = _wave(fleet.open_listings.get(zone, ()), over=over, since=since)
        counts[zone] = _counted(fresh.get(zone, set()) | wave, limit_of(fleet, policy))
    return counts


def limit_of(fleet: Fleet, policy: Policy) -> int:
    """So many newly listed addresses are no wave yet."""
    return int(max(policy.zone_brake_addresses, policy.zone_brake_ratio * fleet.addresses))


def _counted(listed: Iterable[_Whom], limit: int) -> int:
    by_node = Counter(node_id for node_id, _ in listed)
    return sum(min(addresses, max(1, limit - 1)) for addresses in by_node.values())


def held(counts: Mapping[str, int], fleet: Fleet, *, policy: Policy, now: datetime) -> ZoneBrakes:
    """Which zones are held, with so many newly listed."""
    limit = limit_of(fleet, policy)
    since: dict[str, datetime] = {}
    for zone, newly in counts.items():
        if newly > limit:
            engaged = fleet.brakes.get(zone)
            since[zone] = engaged.engaged_at if engaged else now
    return ZoneBrakes(
        held=since,
        engage=tuple(zone for zone in since if zone not in fleet.brakes),
        release=tuple(zone for zone in sorted(fleet.brakes) if zone not in since),
        rounds={zone: pace(zone, fleet, policy=policy) for zone in since},
        counts=counts,
        limit=limit,
        patience=policy.zone_brake_holds,
    )


def pace(zone: str, fleet: Fleet, *, policy: Policy) -> timedelta:
    """One round of a zone."""
    return round_of(fleet.catalogue.get(zone), policy)


def round_of(zone: Zone | None, policy: Policy) -> timedelta:
    is_slower = zone is not None and zone.tier is not Tier.CRITICAL
    return zone.pace if zone and is_slower else policy.sweep_critical


def _wave(listings: Iterable[Listing], *, over: set[str], since: datetime) -> set[_Whom]:
    return {
        (one.node_id, one.address)
        for one in listings
        if one.opened_at >= since and one.id not in over
    }
