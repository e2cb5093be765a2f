"""The zone brake: a zone that suddenly lists many of us is more likely wrong than we are."""

from dataclasses import replace
from datetime import datetime

import pytest

from collector.core.model import Brake, Fate, Kind, Listing, Snapshot, ZoneBrake
from deliverability.zones import Verdict
from tests.core import fleet
from tests.core.fleet import ZEN, judged


def wave(size: int, *, known: int = 0, opened_at: datetime | None = None) -> Snapshot:
    """`size` addresses newly confirmed in one pass, `known` listed and paused just before."""
    at = opened_at or fleet.ago(minutes=2)
    nodes = []
    listings: list[Listing] = []
    for i in range(size + known):
        ip, name = f"198.51.100.{i}", f"n{i:02}"
        held = (fleet.listing(ip, node=name, at=at),) if i >= size else ()
        listings += held
        address = fleet.address(
            ip,
            zones=(fleet.fact(ip=ip),),
            looks=(fleet.look(ip=ip),),
            listings=held,
            in_rotation=not held,
        )
        pauses = (fleet.pause(node=name, ip=ip),) if held else ()
        nodes.append(fleet.node(name, address, pauses=pauses))
    return fleet.snapshot(*nodes, open_listings={ZEN: tuple(listings)} if listings else {})


@pytest.mark.parametrize(("size", "known"), [(4, 0), (3, 1), (1, 3)])
def test_the_zone_brake_holds_a_wave(size: int, known: int) -> None:
    judgement = judged(wave(size, known=known))
    pauses = [d for d in judgement.decisions if d.proposal.kind is Kind.PAUSE]
    assert {(d.fate, d.brake) for d in pauses} == {(Fate.WITHHELD, Brake.ZONE)}
    assert judgement.brakes_engage == (ZEN,)
    put_back = [d for d in judgement.decisions if d.proposal.kind is Kind.RESUME]
    assert len(put_back) == known
    assert len(judgement.pauses_close) == known
    assert f"zone-brake:{ZEN}" in {alert.key for alert in judgement.alerts_open}


@pytest.mark.parametrize(("size", "known"), [(3, 0), (1, 2)])
def test_three_are_not_a_wave(size: int, known: int) -> None:
    judgement = judged(wave(size, known=known))
    assert [d.fate for d in judgement.decisions] == [Fate.MADE] * size


def of_many(nodes: int, addresses: int, *, listed: int) -> Snapshot:
    """Nodes of several addresses each; all those of `listed` nodes are listed in this pass."""
    found = []
    for i in range(nodes):
        ips = [f"198.51.{i}.{j}" for j in range(addresses)]
        found.append(
            fleet.node(
                f"n{i:02}",
                *(
                    fleet.address(
                        ip,
                        zones=(fleet.fact(ip=ip),) if i < listed else (),
                        looks=(fleet.look(ip=ip),) if i < listed else (),
                    )
                    for ip in ips
                ),
            )
        )
    return fleet.snapshot(*found, pools=fleet.pool(addresses=nodes * addresses))


@pytest.mark.parametrize(
    ("nodes", "addresses", "listed", "holds"),
    [
        (10, 10, 10, True),
        (10, 10, 3, True),
        (10, 10, 2, False),
        (3, 5, 3, True),
        (3, 5, 1, False),
        (2, 5, 2, True),
        (1, 50, 1, False),
        (50, 1, 10, False),
        (50, 1, 11, True),
    ],
)
def test_the_brake_counts_addresses_and_no_node_alone_trips_it(
    nodes: int, addresses: int, listed: int, *, holds: bool
) -> None:
    """More than a fifth of the fleet's addresses, and more than three."""
    judgement = judged(of_many(nodes, addresses, listed=listed))
    assert judgement.brakes_engage == ((ZEN,) if holds else ())
    fates = {d.fate for d in judgement.decisions if d.proposal.kind is Kind.PAUSE}
    assert fates == {Fate.WITHHELD if holds else Fate.MADE}


def test_older_listings_are_not_part_of_a_wave() -> None:
    judgement = judged(wave(1, known=3, opened_at=fleet.ago(hours=3)))
    assert judgement.brakes_engage == ()
    assert [d.fate for d in judgement.decisions] == [Fate.MADE]


def test_the_zone_brake_lets_go_when_the_wave_is_over_and_the_rest_is_paused() -> None:
    seen = wave(0, known=2)
    nodes = tuple(replace(node, pauses=()) for node in seen.nodes)
    braked = replace(seen.fleet, brakes={ZEN: ZoneBrake(zone=ZEN, engaged_at=fleet.ago(minutes=1))})
    judgement = judged(replace(seen, nodes=nodes, fleet=braked))
    assert judgement.brakes_release == (ZEN,)
    made = [d for d in judgement.decisions if d.proposal.kind is Kind.PAUSE]
    assert [d.fate for d in made] == [Fate.MADE, Fate.MADE]


def test_when_it_lets_go_nobody_is_paused_whom_the_zone_calls_clear_by_now() -> None:
    """Of the wave two listings are left, which await only their second clean round."""
    seen = wave(0, known=2)
    clear = (fleet.fact(Verdict.CLEAR, ip=f"198.51.100.{i}") for i in range(2))
    nodes = tuple(
        replace(node, pauses=(), addresses=(replace(node.addresses[0], zones=(fact,), looks=()),))
        for node, fact in zip(seen.nodes, clear, strict=True)
    )
    braked = replace(seen.fleet, brakes={ZEN: ZoneBrake(zone=ZEN, engaged_at=fleet.ago(minutes=1))})
    judgement = judged(replace(seen, nodes=nodes, fleet=braked))
    assert judgement.brakes_release == (ZEN,)
    assert [d for d in judgement.decisions if d.proposal.kind is Kind.PAUSE] == []


def test_a_listing_older_than_the_wave_is_paused_although_the_zone_is_held() -> None:
    seen = wave(4)
    old = fleet.listing("198.51.100.77", node="n77", at=fleet.ago(hours=3))
    address = fleet.address("198.51.100.77", listings=(old,), zones=(fleet.fact(ip=old.address),))
    node = fleet.node("n77", address)
    listed = replace(seen.fleet, open_listings={ZEN: (old,)})
    judgement = judged(replace(seen, nodes=(*seen.nodes, node), fleet=listed))
    made = [d.proposal.subject.node_id for d in judgement.decisions if d.fate is Fate.MADE]
    assert made == ["n77"]
    assert judgement.brakes_engage == (ZEN,)


def test_the_same_facts_give_the_same_judgement() -> None:
    assert judged(wave(4, known=2)) == judged(wave(4, known=2))
