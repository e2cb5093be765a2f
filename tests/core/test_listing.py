"""From a zone's answer to a pause and back: tables of cases, no clock, no I/O."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from collector.core.judge import judge
from collector.core.judgement import Judgement
from collector.core.model import (
    Automation,
    Brake,
    Fate,
    Kind,
    Look,
    Order,
    Reason,
    Severity,
    Snapshot,
    Standing,
    ZoneFact,
)
from deliverability.zones import Sentinels, Verdict
from tests.core import fleet
from tests.core.fleet import NOON, POLICY, ZEN


def judged(snapshot: Snapshot) -> Judgement:
    return judge(snapshot, POLICY, now=NOON)


def one(fact: ZoneFact, *looks: Look) -> Snapshot:
    return fleet.snapshot(fleet.node("n1", fleet.address(zones=(fact,), looks=looks)))


def fates(judgement: Judgement) -> list[tuple[Kind, Fate, Brake | None]]:
    return [(d.proposal.kind, d.fate, d.brake) for d in judgement.decisions]


PAUSED = [(Kind.PAUSE, Fate.MADE, None)]


@pytest.mark.parametrize(
    ("fact", "looks", "expected", "confirmed_by"),
    [
        (fleet.fact(), [fleet.look()], PAUSED, "the collector's resolver"),
        (fleet.fact(rounds=2), [fleet.look(Verdict.UNKNOWN)], PAUSED, "the node's second sweep"),
        (
            fleet.fact(rounds=2),
            [fleet.look(sentinels=Sentinels.WRONG)],
            PAUSED,
            "the node's second sweep",
        ),
    ],
)
def test_confirmed_listings_pause(
    fact: ZoneFact,
    looks: list[Look],
    expected: list[tuple[Kind, Fate, Brake | None]],
    confirmed_by: str,
) -> None:
    judgement = judged(one(fact, *looks))
    assert fates(judgement) == expected
    assert [draft.confirmed_by for draft in judgement.listings_open] == [confirmed_by]
    assert [(p.reason, p.subject.address) for p in judgement.pauses_open] == [
        (Reason.LISTED, "198.51.100.1")
    ]
    assert [(c.member, c.reason) for c in judgement.rotation] == [(False, Reason.LISTED)]
    assert [order.addresses for _, order in judgement.orders] == [(("198.51.100.1", ("LISTED",)),)]


@pytest.mark.parametrize(
    ("fact", "looks"),
    [
        (fleet.fact(), []),
        (fleet.fact(rounds=1), [fleet.look(Verdict.UNKNOWN)]),
        (fleet.fact(), [fleet.look(Verdict.CLEAR)]),
        (fleet.fact(rounds=9), [fleet.look(Verdict.CLEAR)]),
        (fleet.fact(Verdict.CLEAR), []),
        (fleet.fact(Verdict.UNKNOWN), [fleet.look()]),
        (fleet.fact(sentinels=Sentinels.WRONG), [fleet.look()]),
        (fleet.fact(sentinels=Sentinels.UNASKED), [fleet.look()]),
        (fleet.fact(answers=("127.0.0.10",)), [fleet.look()]),
        (fleet.fact(), [fleet.look(at=fleet.ago(days=1))]),
        (replace(fleet.fact(), zone="unheard-of.test"), [fleet.look()]),
    ],
    ids=[
        "no second opinion yet",
        "first sweep and the resolver cannot say",
        "the resolver says clear",
        "nor after nine sweeps while it says clear",
        "clear",
        "unknown never lists",
        "sentinels wrong",
        "sentinels unasked",
        "a policy listing",
        "an opinion older than the hit",
        "a zone nobody knows",
    ],
)
def test_what_does_not_pause(fact: ZoneFact, looks: list[Look]) -> None:
    judgement = judged(one(fact, *looks))
    assert judgement.decisions == ()
    assert judgement.pauses_open == ()


def test_a_hit_asks_for_a_second_look_once_and_again_when_unanswered() -> None:
    first = judged(one(fleet.fact()))
    assert [effect.kind for effect in first.effects if effect.kind == "look"] == ["look"]
    assert judged(one(fleet.fact())).effects == first.effects
    doubtful = one(fleet.fact(), fleet.look(Verdict.UNKNOWN, at=fleet.ago(seconds=1)))
    assert not [effect for effect in judged(doubtful).effects if effect.kind == "look"]


def test_a_clock_set_back_neither_hides_a_second_look_nor_believes_an_old_one() -> None:
    ahead = NOON + timedelta(hours=1)
    hit = replace(fleet.fact(), since=ahead, received_at=ahead)
    # The look that followed the hit carries the earlier time.
    assert fates(judged(one(hit, fleet.look()))) == PAUSED
    # One made before the clock was set back is none, of whatever it speaks.
    for verdict in Verdict:
        judgement = judged(one(fleet.fact(), fleet.look(verdict, at=ahead)))
        assert judgement.pauses_open == judgement.alerts_open == ()
        assert [effect.kind for effect in judgement.effects if effect.kind == "look"] == ["look"]


def test_a_look_that_was_of_no_use_is_made_again() -> None:
    ahead = NOON + timedelta(hours=1)
    hit = replace(fleet.fact(), since=ahead, received_at=ahead)
    asked = [
        effect.key
        for looks in (
            [],
            [fleet.look(at=fleet.ago(minutes=9))],
            [fleet.look(at=fleet.ago(hours=1))],
        )
        for effect in judged(one(hit, *looks)).effects
        if effect.kind == "look"
    ]
    assert len(set(asked)) == 3


def test_a_policy_listing_is_recorded_and_alerted_but_pauses_nobody() -> None:
    judgement = judged(one(fleet.fact(answers=("127.0.0.10",)), fleet.look()))
    assert [draft.consequence for draft in judgement.listings_open] == ["policy"]
    assert [(a.severity, a.key) for a in judgement.alerts_open] == [
        (Severity.MEDIUM, f"policy-listed:{ZEN}:198.51.100.1")
    ]


def test_disagreement_is_a_high_alert() -> None:
    judgement = judged(one(fleet.fact(), fleet.look(Verdict.CLEAR)))
    assert [(a.severity, a.key) for a in judgement.alerts_open] == [
        (Severity.HIGH, f"disagree:{ZEN}:198.51.100.1")
    ]


def observed() -> Snapshot:
    seen = one(fleet.fact(), fleet.look())
    return replace(
        seen,
        fleet=replace(seen.fleet, pools={"p1": fleet.pool(automation=Automation.OBSERVE)}),
    )


def test_an_observing_pool_records_what_it_would_have_done_once() -> None:
    judgement = judged(observed())
    assert fates(judgement) == [(Kind.PAUSE, Fate.WOULD, None)]
    assert judgement.pauses_open == ()
    assert len(judgement.listings_open) == 1
    key = ("n1", "198.51.100.1", Kind.PAUSE, Reason.LISTED)
    standing = Standing(decision_id="d", fate=Fate.WOULD, brake=None)
    again = judged(replace(observed(), standing={key: standing}))
    assert again.decisions == ()
    assert again.standing_clear == ()


def test_a_node_may_observe_in_a_pool_that_acts() -> None:
    seen = one(fleet.fact(), fleet.look())
    node = replace(seen.nodes[0], automation=Automation.OBSERVE)
    assert fates(judged(replace(seen, nodes=(node,)))) == [(Kind.PAUSE, Fate.WOULD, None)]


def test_a_stopped_automation_withholds() -> None:
    seen = one(fleet.fact(), fleet.look())
    stopped = replace(seen, fleet=replace(seen.fleet, automation_stopped=True))
    assert fates(judged(stopped)) == [(Kind.PAUSE, Fate.WITHHELD, Brake.STOPPED)]


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
    key = ("n1", "198.51.100.1", Kind.PAUSE, Reason.LISTED)
    free = Order(term=3, revision=1, addresses=(("198.51.100.1", ()),))
    open_order: dict[str, Any] = fleet.in_step(free)
    overridden = replace(
        seen,
        nodes=(replace(seen.nodes[0], pauses=(), **open_order),),
        standing={key: Standing(decision_id="d", fate=Fate.OVERRIDDEN, brake=None)},
    )
    judgement = judged(overridden)
    assert [d.proposal.kind for d in judgement.decisions] == [Kind.ADMIT]
    assert judgement.standing_clear == ()
    ended = listed(fleet.fact(Verdict.CLEAR, rounds=2), fleet.look(Verdict.CLEAR))
    assert judged(replace(ended, standing=overridden.standing)).standing_clear == (key,)


def test_a_directive_is_only_new_when_it_says_something_else() -> None:
    same = Order(term=2, revision=7, addresses=(("198.51.100.1", ()),))
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
    mild = replace(fleet.listing(), id="mild", zone="other.test", consequence="policy")
    address = replace(seen.nodes[0].addresses[0], listings=(fleet.listing(), mild))
    node = replace(seen.nodes[0], addresses=(address,))
    judgement = judged(replace(seen, nodes=(node,)))
    assert judgement.pauses_close == ("pause-n1-LISTED",)
    assert f"policy-listed:other.test:{address.ip}" in {a.key for a in judgement.alerts_open}


def test_a_new_listing_on_another_zone_keeps_the_pause() -> None:
    seen = listed(fleet.fact(Verdict.CLEAR, rounds=2), fleet.look(Verdict.CLEAR))
    other = replace(fleet.listing(), id="other", zone="other.test")
    address = replace(seen.nodes[0].addresses[0], listings=(fleet.listing(), other))
    node = replace(seen.nodes[0], addresses=(address,))
    assert judged(replace(seen, nodes=(node,))).pauses_close == ()
