"""Looks at the addresses no agent looks after: of lost nodes, and of adopted ones without an agent.

An address is unwatched when no critical zone has been heard of for two and a half of its rounds.
Our own resolver then asks the zones it was watched by, each at its pace; all of them where nobody
ever said anything. Decides nothing: what it finds is a fact like a node's, and says through which
nameserver, so that another one is asked for the second opinion.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

import anyio
import structlog

from collector.core.model import Look
from collector.ports import Clock, Doorbell, StoreError
from collector.ports_zones import TellingResolver, Unwatched, ZoneStore
from deliverability.catalogue import Catalogue
from deliverability.zones import Tier, Verdict, Zone, ZoneKey, harmless, why_unaskable

PASS_SECONDS = 15.0
ROUNDS = 2.5
ADDRESSES_AT_ONCE = 100
LOOKS_AT_ONCE = 200

log = structlog.get_logger(__name__)


class Lookout:
    def __init__(
        self,
        store: ZoneStore,
        *,
        resolver: TellingResolver,
        catalogue: Callable[[], Catalogue],
        clock: Clock,
        doorbell: Doorbell,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._catalogue = catalogue
        self._clock = clock
        self._doorbell = doorbell
        # Under our watch, each with the newest answer of a critical zone that is our own.
        self._watch: dict[tuple[str, str], datetime | None] = {}

    async def run(self) -> None:
        """For ever."""
        while True:
            await anyio.sleep(PASS_SECONDS)
            try:
                await self.once()
            except StoreError as error:
                if not error.retryable:
                    raise
                log.warning("unwatched addresses not found, trying again", problem=str(error))

    async def once(self) -> int:
        """One pass; how many looks were taken."""
        zones, now = self._catalogue().enabled(), self._clock.now()
        critical = {zone.name: zone for zone in zones if zone.tier is Tier.CRITICAL}
        if not critical:
            return 0
        since = now - max(zone.pace for zone in critical.values()) * ROUNDS
        found = await self._store.unwatched(tuple(critical), since=since, limit=ADDRESSES_AT_ONCE)
        for one in found:
            self._watch.setdefault((one.node_id, one.address), _newest(one, critical))
        watched = await self._store.heard_of(sorted(self._watch))
        self._watch = {
            (one.node_id, one.address): self._watch[one.node_id, one.address]
            for one in watched
            if _newest(one, critical) == self._watch[one.node_id, one.address]
        }
        mine = [one for one in watched if (one.node_id, one.address) in self._watch]
        due = list(islice(_due(mine, zones, now=now), LOOKS_AT_ONCE))
        async with anyio.create_task_group() as tasks:
            for one, zone in due:
                tasks.start_soon(self._look, one, zone)
        return len(due)

    async def _look(self, one: Unwatched, zone: Zone) -> None:
        look = await self._resolver.look(zone.name, address=one.address)
        reason = await self._reason(look) if look.verdict is Verdict.LISTED else ""
        try:
            await self._store.record_watch(one.node_id, look, reason=reason)
        except StoreError as error:
            if not error.retryable:
                raise
            log.warning("look not recorded, asking again", zone=zone.name, problem=str(error))
            return
        if zone.tier is Tier.CRITICAL:
            self._watch[one.node_id, one.address] = look.at
        self._doorbell.ring(one.node_id)

    async def _reason(self, look: Look) -> str:
        """The zone's words, and who asked: nobody shall take it for the node's own finding."""
        words = await self._resolver.why_listed(look.zone, address=look.address)
        return harmless(f"asked by the collector: {words or 'the zone says no more'}")


def _newest(one: Unwatched, critical: Mapping[str, Zone]) -> datetime | None:
    return max((at for name, at in one.asked.items() if name in critical), default=None)


def _due(
    watched: Iterable[Unwatched], zones: Sequence[Zone], *, now: datetime
) -> Iterator[tuple[Unwatched, Zone]]:
    """The zones an address was watched by, the critical ones in any case; all where none was."""
    for one in watched:
        for zone in zones:
            is_asked = not one.asked or zone.name in one.asked or zone.tier is Tier.CRITICAL
            last = one.asked.get(zone.name)
            is_due = last is None or now - last >= zone.pace
            if is_asked and is_due and not _is_unaskable(zone, one.address):
                yield one, zone


def _is_unaskable(zone: Zone, address: str) -> bool:
    """Nothing to ask about this address, whatever key is held."""
    return bool(why_unaskable(zone, address, key=ZoneKey("any", operator=zone.operator)))
