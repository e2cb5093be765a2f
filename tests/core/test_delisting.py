"""From an open listing back to sending: what ends a pause, and what keeps it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from collector.core.model import (
    Fate,
    Kind,
    Look,
    Order,
    Reason,
    Snapshot,
    StandingKey,
    ZoneFact,
)
from deliverability.catalogue import Catalogue, Override
from deliverability.zones import Sentinels, Verdict
from tests.core import fleet
from tests.core.fleet import NOON, ZEN, fates, judged


def listed(clean: ZoneFact, *looks: Look) -> Snapshot:
    """A paused address whose zone now says `clean`."""
    address = fleet.address(
        in_rotation=False,
        rotation_reason=Reason.LISTED,
        zones=(clean,),
        looks=looks,
        listings=(fleet.listing(),),
    )
    node = fleet.node("n1", address, pauses=(fleet.pause(),))
    return fleet.snapshot(node, open_listings={ZEN: (fleet.listing(),)})


def test_two_clean_rounds_and_a_look_end_a_listing() -> None:
    judgement = judged(listed(fleet.fact(Verdict.CLEAR, rounds=2), fleet.look(Verdict.CLEAR)))
    assert fates(judgement) == [(Kind.RESUME, Fate.MADE, None)]
    assert judgement.listings_close == ("listing-198.51.100.1",)
    assert judgement.pauses_close == ("pause-n1-LISTED",)
    assert [order.is_silent for _, order in judgement.orders] == [False]


@pytest.mark.parametrize(
    ("clean", "looks"),
    [
        (fleet.fact(Verdict.CLEAR, rounds=1), [fleet.look(Verdict.CLEAR)]),
        (fleet.fact(Verdict.UNKNOWN, rounds=5), [fleet.look(Verdict.CLEAR)]),
        (
            fleet.fact(Verdict.CLEAR, rounds=5, sentinels=Sentinels.WRONG),
            [fleet.look(Verdict.CLEAR)],
        ),
        (fleet.fact(Verdict.CLEAR, rounds=5), [fleet.look(Verdict.LISTED)]),
        (fleet.fact(Verdict.CLEAR, rounds=5), []),
        (fleet.fact(Verdict.LISTED, rounds=5), [fleet.look()]),
    ],
    ids=["one round", "unknown", "wrong sentinels", "look says listed", "no look", "listed"],
)
def test_what_keeps_a_listing_open(clean: ZoneFact, looks: list[Look]) -> None:
    judgement = judged(listed(clean, *looks))
    assert judgement.listings_close == ()
    assert judgement.pauses_close == ()


def test_an_operators_pause_survives_a_delisting() -> None:
    seen = listed(fleet.fact(Verdict.CLEAR, rounds=2), fleet.look(Verdict.CLEAR))
    both = (fleet.pause(), fleet.pause(Reason.OPERATOR, owner="ada"))
    judgement = judged(replace(seen, nodes=(replace(seen.nodes[0], pauses=both),)))
    assert judgement.pauses_close == ("pause-n1-LISTED",)
    assert [order.addresses for _, order in judgement.orders] == [
        (("198.51.100.1", ("OPERATOR",)),)
    ]


def test_a_persons_override_is_left_alone_until_the_listing_closes() -> None:
    seen = listed(fleet.fact(rounds=9), fleet.look())
    key = StandingKey("n1", "198.51.100.1", Kind.PAUSE, Reason.LISTED)
    free = Order(term=3, revision=1, addresses=(("198.51.100.1", ()),))
    open_order: dict[str, Any] = fleet.in_step(free)
    overridden = replace(
        seen,
        nodes=(replace(seen.nodes[0], pauses=(), **open_order),),
        denials={key: fleet.denial(fleet.listing().id)},
    )
    judgement = judged(overridden)
    assert [d.proposal.kind for d in judgement.decisions] == [Kind.ADMIT]
    assert judgement.denials_end == ()
    ended = listed(fleet.fact(Verdict.CLEAR, rounds=2), fleet.look(Verdict.CLEAR))
    assert judged(replace(ended, denials=overridden.denials)).denials_end == (key,)


def test_a_directive_is_only_new_when_it_says_something_else() -> None:
    same = Order(term=2, revision=7, addresses=(("198.51.100.1", ()),), standing=fleet.STANDING)
    quiet = fleet.snapshot(fleet.node("n1", order=same))
    assert judged(quiet).orders == ()
    stopped = replace(quiet, fleet=replace(quiet.fleet, sending_stopped=True))
    ((_, order),) = judged(stopped).orders
    assert order.order == (3, 8)
    assert order.node_pauses == ("STOP_SENDING",)


def test_a_silent_node_that_cannot_show_it_is_a_high_alert() -> None:
    order = Order(term=2, revision=7, addresses=(("198.51.100.1", ("LISTED",)),))
    seen = listed(fleet.fact(rounds=3), fleet.look())
    told = replace(seen.nodes[0], order=order, order_at=NOON - timedelta(minutes=2))
    keys = {alert.key for alert in judged(replace(seen, nodes=(told,))).alerts_open}
    assert "disobedient:n1" in keys


def test_a_policy_listing_beside_an_ended_one_does_not_keep_the_pause() -> None:
    seen = listed(fleet.fact(Verdict.CLEAR, rounds=2), fleet.look(Verdict.CLEAR))
    mild = replace(fleet.listing(), id="mild", zone="bl.spamcop.net", consequence="policy")
    address = replace(seen.nodes[0].addresses[0], listings=(fleet.listing(), mild))
    node = replace(seen.nodes[0], addresses=(address,))
    judgement = judged(replace(seen, nodes=(node,)))
    assert judgement.pauses_close == ("pause-n1-LISTED",)
    assert f"policy-listed:bl.spamcop.net:{address.ip}" in {a.key for a in judgement.alerts_open}


def test_a_new_listing_on_another_zone_keeps_the_pause() -> None:
    seen = listed(fleet.fact(Verdict.CLEAR, rounds=2), fleet.look(Verdict.CLEAR))
    other = replace(fleet.listing(), id="other", zone="sbl.spamhaus.org")
    address = replace(seen.nodes[0].addresses[0], listings=(fleet.listing(), other))
    node = replace(seen.nodes[0], addresses=(address,))
    assert judged(replace(seen, nodes=(node,))).pauses_close == ()


def test_a_listed_address_that_is_out_is_paused_and_not_let_in() -> None:
    free = Order(term=3, revision=1, addresses=(("198.51.100.1", ()),))
    step: dict[str, Any] = fleet.in_step(free)
    seen = listed(fleet.fact(rounds=9), fleet.look())
    judgement = judged(replace(seen, nodes=(replace(seen.nodes[0], pauses=(), **step),)))
    assert fates(judgement) == [(Kind.PAUSE, Fate.MADE, None)]
    assert judgement.rotation == ()


def test_a_policy_listing_alone_never_pauses() -> None:
    mild = replace(fleet.listing(), consequence="policy")
    address = fleet.address(listings=(mild,), zones=(fleet.fact(answers=("127.0.0.10",)),))
    assert judged(fleet.snapshot(fleet.node("n1", address))).decisions == ()


def test_what_the_fleet_dismissed_lists_nobody_any_more() -> None:
    seen = listed(fleet.fact(rounds=3), fleet.look())
    dismissed = Catalogue(overrides={fleet.ZEN: Override(is_enabled=False)})
    judgement = judged(replace(seen, fleet=replace(seen.fleet, catalogue=dismissed)))
    assert judgement.listings_close
    assert [d.proposal.kind for d in judgement.decisions] == [Kind.RESUME]
    assert not any(alert.key.startswith("listed") for alert in judgement.alerts_open)
