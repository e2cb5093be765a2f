"""What a decision was made of comes back from the real journal, and replays exactly."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from collector.core import inputs_text, policy_values, replay
from collector.core.judge import judge
from collector.core.policy import Policy
from tests.core.fleet import NOON
from tests.core.snapshots import Dice, as_decided
from tests.store_bed import START, enrol, entry, node_id, opened, pool_of
from tests.store_judged import decision, judgement, the_pool


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path) as found:
        await enrol(found, [1, 2, 3], await pool_of(found))
        yield found


async def test_random_fleets_replay_from_the_journal(journal: SqlStore) -> None:
    """The judgement's decisions alone: nodes and pools of chance have no rows."""
    count = 0
    for number in range(120):
        dice = Dice(number)
        policy = replace(dice.policy(), revision=number + 2)
        await journal.set_policy(policy, entry("policy set", str(policy.revision)))
        made = judge(dice.snapshot(), policy, now=NOON)
        only = replace(judgement(), decisions=made.decisions, inputs=made.inputs)
        ids = await journal.commit(only)
        for id_, wanted in zip(ids, made.decisions, strict=True):
            text = await journal.inputs(id_)
            (row,) = await journal.policies(revision=wanted.policy_revision, limit=1)
            values = row["values"]
            assert text is not None
            assert len(text) <= inputs_text.BYTES_MAX
            assert isinstance(values, dict)
            inputs = inputs_text.from_text(text, strange=set())
            again = replay.judge_again(inputs, policy_values.made(values))
            assert inputs.cut or (again and as_decided(again) == as_decided(wanted)), number
            count += not inputs.cut
    assert count > 100


async def test_a_persons_decision_has_no_inputs(journal: SqlStore) -> None:
    (id_,) = await journal.commit(judgement(decisions=(decision(1, await the_pool(journal)),)))
    assert await journal.inputs(id_) is None
    assert await journal.inputs("nobody") is None


async def test_revisions_of_the_policy_say_who_when_and_why(journal: SqlStore) -> None:
    told = replace(entry("policy set", "2"), after={"reason": "calmer"})
    await journal.set_policy(Policy(revision=2, floor_ratio=0.7), told)
    newest, first = await journal.policies(limit=9)
    assert (newest["revision"], newest["made_by"], newest["note"]) == (2, "anna", "calmer")
    assert newest["at"] == START.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert newest["values"] == {**policy_values.of(Policy()), "revision": 2, "floor_ratio": 0.7}
    assert (first["revision"], first["made_by"], first["note"]) == (1, "default", "")


async def test_what_simulations_ask_for(journal: SqlStore) -> None:
    ids = [node_id(number) for number in (1, 2, 3)]
    assert await journal.node_ids(after="", limit=2) == ids[:2]
    assert await journal.node_ids(after=ids[1], limit=9) == ids[2:]
    assert await journal.node_ids(after=ids[-1], limit=9) == []
    places = await journal.places(ids[:2])
    assert {one: (place.node, place.pool) for one, place in places.items()} == {
        ids[0]: ("mx1", "default"),
        ids[1]: ("mx2", "default"),
    }
    await journal.commit(judgement(brakes_engage=("b.example", "a.example")))
    await journal.commit(judgement(brakes_release=("b.example",)))
    assert await journal.held_zones() == ["a.example"]
