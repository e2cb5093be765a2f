"""The codec of facts: there and back exactly, bounded, and honest about what it had to drop."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from collector.core import inputs_text, plain, replay
from collector.core.inputs import Inputs
from collector.core.judge import judge
from collector.core.model import NodeFacts, Snapshot
from tests.core import fleet
from tests.core.fleet import NOON, POLICY
from tests.core.snapshots import Dice, as_decided


def decided() -> Inputs:
    address = fleet.address(zones=(fleet.fact(),), looks=(fleet.look(),))
    (inputs,) = judge(fleet.snapshot(fleet.node("n1", address)), POLICY, now=NOON).inputs
    return inputs


def back(inputs: Inputs) -> Inputs:
    strange: set[str] = set()
    found = inputs_text.from_text(inputs_text.to_text(inputs), strange=strange)
    assert not strange
    return found


def test_every_snapshot_comes_back_as_it_was() -> None:
    for number in range(200):
        snapshot = Dice(number).snapshot()
        data = json.loads(json.dumps(plain.write(snapshot)))
        assert plain.read(Snapshot, data, strange=set()) == snapshot, number


def test_whatever_is_decided_replays_from_its_text() -> None:
    seen = 0
    for number in range(100):
        judgement = judge(Dice(number).snapshot(), POLICY, now=NOON)
        for decision, inputs in zip(judgement.decisions, judgement.inputs, strict=True):
            read = back(inputs)
            assert read == inputs or read.cut, number
            again = replay.judge_again(read, POLICY) if not read.cut else decision
            assert again is not None
            assert as_decided(again) == as_decided(decision), number
            seen += not read.cut
    assert seen > 80


def test_defaults_are_not_written() -> None:
    data = plain.write(fleet.node("n1"))
    assert "pauses" not in data
    assert data["enrolled_at"] == (fleet.ago(days=9) - plain.EPOCH) // timedelta(microseconds=1)


def test_what_a_version_does_not_know_is_named() -> None:
    data = {**plain.write(fleet.node("n1")), "shoe_size": 43}
    strange: set[str] = set()
    assert plain.read(NodeFacts, data, strange=strange) == fleet.node("n1")
    assert strange == {"NodeFacts.shoe_size"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"lifecycle": "asleep"}, "asleep"),
        ({"silence": "long"}, "TypeError"),
        ({"enrolled_at": 10**30}, "Overflow"),
        ({"addresses": 3}, "TypeError"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(plain.PlainError, match=problem):
        plain.read(NodeFacts, {**plain.write(fleet.node("n1")), **change}, strange=set())


def test_what_is_needed_and_missing_is_named() -> None:
    data = plain.write(fleet.node("n1"))
    del data["lifecycle"]
    with pytest.raises(plain.PlainError, match="NodeFacts without lifecycle"):
        plain.read(NodeFacts, data, strange=set())


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    pair: tuple[int, str]


def test_a_tuple_of_fixed_length_keeps_it() -> None:
    assert plain.read(Pair, {"pair": [1, "a"]}, strange=set()) == Pair(pair=(1, "a"))
    with pytest.raises(plain.PlainError):
        plain.read(Pair, {"pair": [1]}, strange=set())


@pytest.mark.parametrize("text", ["", "[]", "{}", "7", '{"version": 99, "inputs": {}}'])
def test_text_that_is_no_inputs_is_refused(text: str) -> None:
    with pytest.raises(plain.PlainError):
        inputs_text.from_text(text, strange=set())


def big(inputs: Inputs, *, words: int = 0, addresses: int = 0, zones: int = 0) -> Inputs:
    (node,) = inputs.snapshot.nodes
    (address,) = node.addresses
    (fact,) = address.zones
    many = tuple(replace(fact, zone=f"z{i}", why="w" * words) for i in range(zones))
    others = tuple(replace(address, ip=f"192.0.2.{i}") for i in range(addresses))
    full = replace(address, zones=(replace(fact, why="w" * words), *many))
    node = replace(node, addresses=(*others, full))
    return replace(inputs, snapshot=replace(inputs.snapshot, nodes=(node,)))


def test_what_goes_first_is_words_then_others_then_much_then_all() -> None:
    inputs = decided()
    names = [name for name, _ in inputs_text.CUTS]
    assert back(inputs).cut == ()
    said = [
        (back(big(inputs, words=9000)), 1),
        (back(big(inputs, addresses=200)), 2),
        (back(big(inputs, addresses=200, zones=200)), 3),
    ]
    for found, count in said:
        assert list(found.cut) == names[:count]
        (node,) = found.snapshot.nodes
        assert inputs.subject.address in [one.ip for one in node.addresses]
        assert replay.judge_again(found, POLICY) is not None


def test_when_nothing_fits_it_still_says_whom() -> None:
    inputs = decided()
    brakes = {f"zone-{i}": inputs.snapshot.fleet.pools["p1"] for i in range(900)}
    wide = replace(inputs.snapshot.fleet, pools=brakes)
    found = back(replace(inputs, snapshot=replace(inputs.snapshot, fleet=wide)))
    assert (found.subject, found.kind) == (inputs.subject, inputs.kind)
    assert found.snapshot.nodes == ()
    assert found.cut[-1] == "the node"
    assert replay.judge_again(found, POLICY) is None
