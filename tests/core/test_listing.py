"""From a zone's answer to a pause and back: tables of cases, no clock, no I/O."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core.judge import judge
from collector.core.model import (
    Automation,
    Brake,
    Fate,
    Kind,
    Look,
    Reason,
    Severity,
    Snapshot,
    Standing,
    StandingKey,
    ZoneFact,
)
from deliverability.catalogue import Catalogue, Override
from deliverability.zones import Sentinels, Tier, Verdict
from tests.core import fleet
from tests.core.fleet import NOON, POLICY, ZEN, fates, judged


def one(fact: ZoneFact, *looks: Look) -> Snapshot:
    return fleet.snapshot(fleet.node("n1", fleet.address(zones=(fact,), looks=looks)))


# What the collector found itself, and what its other resolver said, or that there is none.
MINE = replace(fleet.fact(), resolver="192.0.2.53:53")
OTHER = replace(fleet.look(), resolver="192.0.2.54:53")
SAME = replace(fleet.look(), resolver=MINE.resolver)
NOBODY_ELSE = replace(fleet.look(Verdict.UNKNOWN), why="unconfirmed: one resolver")
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
        (MINE, [OTHER], PAUSED, "another of the collector's resolvers"),
        (
            replace(MINE, rounds=2, since=fleet.ago(minutes=5)),
            [replace(OTHER, verdict=Verdict.UNKNOWN)],
            PAUSED,
            "the collector's second sweep",
        ),
        (
            replace(MINE, rounds=2, since=fleet.ago(minutes=5)),
            [NOBODY_ELSE],
            PAUSED,
            "the collector's second sweep (unconfirmed: one resolver)",
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
        (MINE, [SAME]),
        (replace(MINE, rounds=9, since=fleet.ago(hours=1)), [SAME]),
        (MINE, [NOBODY_ELSE]),
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
        "nobody is his own second opinion",
        "nor after nine sweeps",
        "one resolver, and its first sweep",
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
        assert judgement.pauses_open == ()
        assert judgement.alerts_open == ()
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
    key = StandingKey("n1", "198.51.100.1", Kind.PAUSE, Reason.LISTED)
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


def test_a_listing_on_a_major_zone_alone_is_told_and_pauses_nobody() -> None:
    fact = replace(fleet.fact(), zone="bl.spamcop.net")
    judgement = judged(one(fact, replace(fleet.look(), zone="bl.spamcop.net")))
    assert [(draft.zone, draft.consequence) for draft in judgement.listings_open] == [
        ("bl.spamcop.net", "pause")
    ]
    assert judgement.decisions == ()
    assert [alert.severity for alert in judgement.alerts_open] == [Severity.MEDIUM]


def test_a_look_that_comes_within_the_answers_millisecond_is_followed_by_another() -> None:
    """One that told nothing: were its key that of the first, it would never be asked again."""
    fact = fleet.fact()
    useless = fleet.look(Verdict.UNKNOWN, at=fact.since)
    later = NOON + timedelta(minutes=2)
    keys = [
        effect.key
        for looks in ((), (useless,))
        for effect in judge(
            fleet.snapshot(fleet.node("n1", fleet.address(zones=(fact,), looks=looks))),
            POLICY,
            now=later,
        ).effects
        if effect.kind == "look"
    ]
    assert len(set(keys)) == 2


def test_a_fleet_may_call_a_zone_critical() -> None:
    fact = replace(fleet.fact(), zone="bl.spamcop.net")
    seen = one(fact, replace(fleet.look(), zone="bl.spamcop.net"))
    ours = Catalogue(overrides={"bl.spamcop.net": Override(tier=Tier.CRITICAL)})
    judgement = judged(replace(seen, fleet=replace(seen.fleet, catalogue=ours)))
    assert fates(judgement) == PAUSED
    assert [alert.severity for alert in judgement.alerts_open] == [Severity.HIGH]
