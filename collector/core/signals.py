"""What the facts of one node say, before anybody decides anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.core import liveness, reputation, score
from collector.core.model import AddressFacts, Listing, Liveness, NodeFacts, Pause, Snapshot
from collector.core.policy import Policy
from collector.core.reputation import Opinion, Stand
from collector.core.score import Score
from deliverability.catalogue import Catalogue

# A listing that is confirmed takes the place of a lesser one.
ENDS = (Stand.OVER, Stand.CONFIRMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSignals:
    """One address: opinions of every zone that answered, and which listings stand after them.

    `confirmed`: new listings, not yet in the journal. `over`: listings that end now, by themselves
    or since a graver one takes their place. `standing`: open ones that stay open.
    """

    facts: AddressFacts
    opinions: tuple[Opinion, ...]
    confirmed: tuple[Opinion, ...]
    over: tuple[Listing, ...]
    standing: tuple[Listing, ...]
    catalogue: Catalogue
    score: Score


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
            _of_address(one, node, policy, catalogue=catalogue, now=now) for one in node.addresses
        ),
        is_back=liveness.is_back(node.heard_in_row, policy) and node.liveness is Liveness.FRESH,
    )


def _of_address(
    address: AddressFacts, node: NodeFacts, policy: Policy, *, catalogue: Catalogue, now: datetime
) -> AddressSignals:
    opinions = tuple(
        reputation.judge(address, fact, catalogue=catalogue, policy=policy, now=now)
        for fact in address.zones
    )
    ending = tuple(one for one in opinions if one.stand in ENDS)
    over = (
        *(one.listing for one in ending if one.listing),
        *_dismissed(address, opinions, catalogue),
    )
    basis = score.Basis(
        facts=address,
        opinions=opinions,
        confirmed=tuple(one for one in ending if one.stand is Stand.CONFIRMED),
        standing=tuple(one for one in address.listings if one not in over),
        catalogue=catalogue,
    )
    return AddressSignals(
        facts=address,
        opinions=opinions,
        confirmed=basis.confirmed,
        over=over,
        standing=basis.standing,
        catalogue=catalogue,
        score=score.of(basis, node.pauses, policy=policy),
    )


def _dismissed(
    address: AddressFacts, opinions: tuple[Opinion, ...], catalogue: Catalogue
) -> Iterator[Listing]:
    """Open listings of zones that the fleet looks at no more, and whose answers are gone."""
    heard = {one.fact.zone for one in opinions}
    for listing in address.listings:
        if listing.zone not in heard and catalogue.is_dismissed(listing.zone):
            yield listing


def newly_listed(nodes: tuple[NodeSignals, ...]) -> Iterator[tuple[str, str, str]]:
    """(zone, node id, address) of each new listing that asks for a pause."""
    for node in nodes:
        for address in node.addresses:
            for opinion in address.confirmed:
                if opinion.is_pausing:
                    yield opinion.fact.zone, node.facts.id, address.facts.ip
