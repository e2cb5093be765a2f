"""What the zones of a fleet need of the journal, in their own words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from collector.core.model import Look
from collector.ports import AuditEntry, Resolver
from deliverability.catalogue import Override
from deliverability.nameservers_judged import NameserverState
from deliverability.zones_pace import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwatched:
    """An address nobody has said anything about for too long. `asked`: when each zone last said
    something about it; none at all: no agent ever did."""

    node_id: str
    address: str
    asked: Mapping[str, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSize:
    """`keyless`: of operators that sell keys, the part of the fleet that says it holds none; all of
    it for an operator that is not named."""

    all: Size
    keyless: Mapping[str, Size] = field(default_factory=dict)

    def without_key_of(self, operator: str) -> Size:
        return self.keyless.get(operator, self.all)

    def stepped(self) -> "FleetSize":
        """In steps, as `Size`."""
        keyless = {operator: size.stepped() for operator, size in self.keyless.items()}
        return FleetSize(all=self.all.stepped(), keyless=keyless)


class TellingResolver(Resolver, Protocol):
    """One that asks for a zone's own words, and tries its nameservers, too."""

    def pair(self) -> tuple[str, str]:
        """The nameserver asked first, and one that can confirm what it found; empty: none."""

    async def tried(self) -> Sequence[tuple[str, NameserverState, str]]:
        """Each nameserver, whether it can be believed about blocklists, and why not."""

    async def why_listed(self, zone: str, *, address: str) -> str:
        """Made harmless, on one line; empty when it says nothing."""


class ZoneStore(Protocol):
    """What the fleet says of zones otherwise than we do, and what is said of addresses."""

    async def zone_overrides(self) -> Mapping[str, Override]: ...

    async def set_zone_override(
        self, zone: str, override: Override | None, *, entry: AuditEntry
    ) -> None:
        """None: as shipped. Audited."""

    async def fleet_size(self) -> FleetSize:
        """Of the addresses present on nodes that are not decommissioned."""

    async def unwatched(
        self, zones: Sequence[str], *, since: datetime, limit: int
    ) -> Sequence[Unwatched]:
        """Addresses present about which none of these zones said anything since then, those longest
        unheard of first."""

    async def heard_of(self, subjects: Sequence[tuple[str, str]]) -> Sequence[Unwatched]:
        """The same of these (node id, address), as far as they are present, in their order."""

    async def record_watch(self, node_id: str, look: Look, *, reason: str = "") -> None:
        """What our own resolver found about an address that no agent looks after: the newest
        answer, of a round of its own. `reason`: why it is listed, harmless."""
