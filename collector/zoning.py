"""Which zones the fleet looks at, and how often: one value, known to everybody, changed in one
place, handed out to the nodes.

The pace follows from the policy, from what operators said and from the fleet's size, so that no
zone's operator is asked more than it allows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import anyio
import structlog

from collector.core.heartbeat import HandedOut
from collector.core.policy import Policy
from collector.ports import AuditEntry, Doorbell, StoreError
from collector.ports_zones import FleetSize, ZoneStore
from deliverability import zones_pace, zones_rows
from deliverability.catalogue import CATALOGUE, SHIPPED, Catalogue, Override
from deliverability.zones import Tier, Zone
from deliverability.zones_pace import Size
from deliverability.zones_rows import HANDED_OUT_ZONES_MAX

LOOK_SECONDS = 60.0
NO_FLEET = FleetSize(all=Size())

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What follows from the fleet's word and its size."""

    catalogue: Catalogue
    fleet: FleetSize
    handed_out: HandedOut


class Zoning:
    """`told` is called with what is handed out after every change: who has nodes tells them."""

    def __init__(
        self,
        store: ZoneStore,
        *,
        policy: Callable[[], Policy],
        doorbell: Doorbell,
        told: Callable[[HandedOut], None],
    ) -> None:
        self._store = store
        self._policy = policy
        self._doorbell = doorbell
        self._plan = self.plan(CATALOGUE.overrides, NO_FLEET)
        self._counted = NO_FLEET
        self._told = told

    def catalogue(self) -> Catalogue:
        """With the paces that are handed out."""
        return self._plan.catalogue

    def size(self) -> Size:
        return self._plan.fleet.all

    def handed_out(self) -> HandedOut:
        return self._plan.handed_out

    def limited(self, zone: Zone) -> Size:
        """The part of the fleet that the limit of this zone's operator is for."""
        is_said = _is_limit_said(zone.name, self._plan.catalogue.overrides)
        return self._plan.fleet.all if is_said else self._plan.fleet.without_key_of(zone.operator)

    def without_key(self, zone: Zone) -> int:
        """How many nodes say that they hold no key of this zone's operator; 0 where it has none."""
        return self._counted.without_key_of(zone.operator).nodes if zone.keyed_suffix else 0

    async def load(self) -> None:
        """Before anybody is greeted, and then now and then: the fleet grows."""
        self._counted = await self._store.fleet_size()
        overrides = await self._store.zone_overrides()
        self._adopt(self.plan(overrides, self._counted.stepped()))

    async def keep(self) -> None:
        """For ever."""
        while True:
            await anyio.sleep(LOOK_SECONDS)
            before = self._plan.fleet
            try:
                await self.load()
            except StoreError as error:
                if not error.retryable:
                    raise
                log.warning("fleet not counted, trying again", problem=str(error))
            if self._plan.fleet != before:
                log.info("zones paced anew", addresses=self.size().ip4 + self.size().ip6)

    async def change(self, zone: str, override: Override | None, *, entry: AuditEntry) -> None:
        """Durable, and then in force."""
        await self._store.set_zone_override(zone, override, entry=entry)
        await self.load()

    def preview(self, overrides: Mapping[str, Override]) -> Catalogue:
        """What would be with these, and the fleet as it is."""
        return self.plan(overrides, self._plan.fleet).catalogue

    def tell_pace(self) -> None:
        """The policy has changed."""
        self._adopt(self.plan(self._plan.catalogue.overrides, self._plan.fleet))

    def plan(self, overrides: Mapping[str, Override], fleet: FleetSize) -> Plan:
        """What would be, with these."""
        bare = Catalogue(overrides=overrides)
        critical = self._policy().sweep_critical
        wanted = [_paced(zone, bare, critical=critical) for zone in bare.enabled()]
        wanted = wanted[:HANDED_OUT_ZONES_MAX]
        paces = zones_pace.paces(
            wanted,
            fleet.all,
            keyless={zone.operator: fleet.without_key_of(zone.operator) for zone in wanted},
            said={zone.name for zone in wanted if _is_limit_said(zone.name, overrides)},
        )
        slower = {
            name: pace
            for name, pace in paces.items()
            if pace != bare[name].pace and pace > timedelta(0)
        }
        too_small = frozenset(zone.name for zone in wanted if zone.name not in paces)
        catalogue = Catalogue(overrides=overrides, paces=slower, too_small=too_small)
        asked = [catalogue[zone.name] for zone in wanted if zone.name in paces]
        rows = zones_rows.hand_out(SHIPPED, asked, paces=paces)
        return Plan(
            catalogue=catalogue,
            fleet=fleet,
            handed_out=HandedOut(revision=zones_rows.revision(rows), rows=rows),
        )

    def _adopt(self, plan: Plan) -> None:
        before, self._plan = self._plan, plan
        if plan.handed_out != before.handed_out:
            self._told(plan.handed_out)
            self._doorbell.ring()


def _is_limit_said(zone: str, overrides: Mapping[str, Override]) -> bool:
    said = overrides.get(zone)
    return said is not None and said.queries_per_day_max is not None


def _paced(zone: Zone, catalogue: Catalogue, *, critical: timedelta) -> Zone:
    """A critical zone is looked at as often as the policy says, unless somebody said otherwise."""
    said = catalogue.overrides.get(zone.name)
    if zone.tier is not Tier.CRITICAL or (said is not None and said.pace is not None):
        return zone
    return replace(zone, pace=critical)
