"""What the facts of one node say, before anybody decides anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.core import liveness, reputation
from collector.core.model import AddressFacts, Listing, Liveness, NodeFacts, Pause, Snapshot
from collector.core.policy import Policy
from collector.core.reputation import Opinion, Stand
from deliverability.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSignals:
    """One address: opinions of every zone that answered, and which listings stand after them."""

    facts: AddressFacts
    opinions: tuple[Opinion, ...]
    catalogue: Catalogue

    @property
    def confirmed(self) -> tuple[Opinion, ...]:
        """New listings, not yet in the journal."""
        return tuple(one for one in self.opinions if one.stand is Stand.CONFIRMED)

    @property
    def over(self) -> tuple[Listing, ...]:
        """Listings that end now: by themselves, or since a graver one takes their place."""
        ends = (Stand.OVER, Stand.CONFIRMED)
        return tuple(one.listing for one in self.opinions if one.stand in ends and one.listing)

    @property
    def standing(self) -> tuple[Listing, ...]:
        """Open listings that stay open."""
        return tuple(listing for listing in self.facts.listings if listing not in self.over)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSignals:
    """One node with its addresses' signals."""

    facts: NodeFacts
    addresses: tuple[AddressSignals, ...]
    is_back: bool

    @property
    def is_lost(self) -> bool:
        return self.facts.liveness is Liveness.LOST

    def pauses_of(self, address: str) -> tuple[Pause, ...]:
        return tuple(pause for pause in self.facts.pauses if pause.covers(address))


def read_all(snapshot: Snapshot, policy: Policy, *, now: datetime) -> tuple[NodeSignals, ...]:
    """Of every node of the snapshot, in its order."""
    catalogue = snapshot.fleet.catalogue
    return tuple(read(node, policy, catalogue=catalogue, now=now) for node in snapshot.nodes)


def read(node: NodeFacts, policy: Policy, *, catalogue: Catalogue, now: datetime) -> NodeSignals:
    """All signals of one node."""
    return NodeSignals(
        facts=node,
        addresses=tuple(
            _of_address(one, policy, catalogue=catalogue, now=now) for one in node.addresses
        ),
        is_back=liveness.is_back(node.heard_in_row, policy) and node.liveness is Liveness.FRESH,
    )


def _of_address(
    address: AddressFacts, policy: Policy, *, catalogue: Catalogue, now: datetime
) -> AddressSignals:
    opinions = (
        reputation.judge(address, fact, catalogue=catalogue, policy=policy, now=now)
        for fact in address.zones
    )
    return AddressSignals(facts=address, opinions=tuple(opinions), catalogue=catalogue)


def newly_listed(nodes: tuple[NodeSignals, ...]) -> Iterator[tuple[str, str, str]]:
    """(zone, node id, address) of each new listing that asks for a pause."""
    for node in nodes:
        for address in node.addresses:
            for opinion in address.confirmed:
                if opinion.is_pausing:
                    yield opinion.fact.zone, node.facts.id, address.facts.ip
