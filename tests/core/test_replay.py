"""Every decision follows from its inputs alone: judged once more, it is the same."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core import replay, restored
from collector.core.inputs import Inputs
from collector.core.judge import judge
from collector.core.model import Decision, Fate, Kind, Order
from collector.core.policy import Policy
from deliverability.zones import Verdict
from tests.core import fleet
from tests.core.fleet import NOON, POLICY
from tests.core.snapshots import Dice, as_decided

FLEETS = 400
MORE = 300  # at once, within their minute on a busy machine


def test_whatever_is_decided_replays_identically() -> None:
    said = replayed(range(FLEETS))
    assert all(said[kind, Fate.WITHHELD] for kind in Kind), said
    assert all(said[kind, Fate.MADE] for kind in Kind), said


@pytest.mark.parametrize("first", range(FLEETS, FLEETS + 3 * MORE, MORE))
def test_and_so_do_others(first: int) -> None:
    assert replayed(range(first, first + MORE))


def replayed(numbers: Iterable[int]) -> Counter[tuple[Kind, Fate]]:
    said: Counter[tuple[Kind, Fate]] = Counter()
    for number in numbers:
        dice = Dice(number)
        policy = dice.policy()
        judgement = judge(dice.snapshot(), policy, now=NOON)
        for decision, inputs in zip(judgement.decisions, judgement.inputs, strict=True):
            assert_same(decision, inputs, policy, number=number)
            said[decision.proposal.kind, decision.fate] += 1
    return said


def test_another_policy_may_ask_for_nothing() -> None:
    fact, unknown = fleet.fact(rounds=2), fleet.look(Verdict.UNKNOWN)
    asked = fleet.snapshot(fleet.node("n1", fleet.address(zones=(fact,), looks=(unknown,))))
    (inputs,) = judge(asked, POLICY, now=NOON).inputs
    slower = replace(POLICY, second_sweep_after=timedelta(minutes=6))
    assert replay.judge_again(inputs, slower) is None


def test_answers_that_list_nothing_are_counted_and_left_out() -> None:
    clear = replace(fleet.fact(Verdict.CLEAR), zone="bl.spamcop.net")
    address = fleet.address(zones=(fleet.fact(), clear), looks=(fleet.look(),))
    (inputs,) = judge(fleet.snapshot(fleet.node("n1", address)), POLICY, now=NOON).inputs
    assert inputs.snapshot.nodes[0].addresses[0].zones == (fleet.fact(),)
    assert inputs.unlisted == {"clear": 1}


def test_a_restored_order_replays() -> None:
    node = fleet.node("n1", fleet.address("198.51.100.1"), fleet.address("198.51.100.2"))
    applied = Order(term=9, revision=4, addresses=(("198.51.100.2", ("LISTED",)),))
    judgement = restored.judge(node, applied, term=10, policy_revision=1, now=NOON)
    (inputs,) = judgement.inputs
    assert_same(judgement.decisions[0], inputs, POLICY, number=0)
    assert inputs.applied == applied


def assert_same(decision: Decision, inputs: Inputs, policy: Policy, *, number: int) -> None:
    again = replay.judge_again(inputs, policy)
    assert again is not None, number
    assert as_decided(again) == as_decided(decision), number
    assert len(inputs.snapshot.nodes) == 1
