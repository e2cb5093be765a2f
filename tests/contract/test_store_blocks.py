"""A receiver that blocks an address, and the switch: new revisions, and who is left out of what."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from collector.core import rotation
from collector.core.judgement import PauseDraft
from collector.core.model import Reason, Subject
from collector.ports import OperatorPause
from collector.rotations import Rotations
from tests.store_bed import HandClock, entry, ip, node_id
from tests.store_judged import decision, judgement, the_pool
from tests.store_rotating import NODES, POLICY, given, grant, in_rotation, members


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with in_rotation(tmp_path, clock) as found:
        yield found


@pytest.fixture
def rotations(journal: SqlStore, clock: HandClock) -> Rotations:
    return Rotations(journal, clock=clock, policy=lambda: POLICY)


async def block(journal: SqlStore, number: int, receiver: str) -> None:
    pool_id = await the_pool(journal)
    made = decision(number, pool_id)
    subject = Subject(
        node_id=node_id(number), address=ip(number), pool_id=pool_id, receiver=receiver
    )
    made = replace(made, proposal=replace(made.proposal, subject=subject, reason=Reason.BLOCKED))
    draft = PauseDraft(
        subject=subject, reason=Reason.BLOCKED, owner="automation", note="", decision=0
    )
    await journal.commit(judgement(decisions=(made,), pauses_open=(draft,)))


async def the_pause(journal: SqlStore) -> str:
    ((found,),) = [one.pauses for one in (await journal.load(None)).nodes if one.pauses]
    return found.id


async def test_what_one_receiver_blocks_is_left_out_for_that_one_alone(
    journal: SqlStore, rotations: Rotations
) -> None:
    pool_id = await the_pool(journal)
    assert given(await grant(rotations, journal, 4, key="before")) == {ip(n): 1 for n in NODES}
    revision = (await journal.revisions())[pool_id]
    await block(journal, 1, "google")
    assert (await journal.revisions())[pool_id] == revision + 1
    assert given(await grant(rotations, journal, 3)) == {ip(n): 1 for n in (2, 3, 4)}
    other = await grant(rotations, journal, 4, key="other", receiver="yahoo")
    assert ip(1) in given(other)
    towards = rotation.towards(await journal.rotation(pool_id), "google")
    assert [bool(one.against) for one in towards.members] == [True, False, False, False]
    await journal.commit(judgement(pauses_close=(await the_pause(journal),)))
    assert (await journal.revisions())[pool_id] == revision + 2
    assert ip(1) in given(await grant(rotations, journal, 4, key="after"))


async def test_a_person_who_lifts_a_receivers_block_makes_a_revision(journal: SqlStore) -> None:
    await block(journal, 1, "google")
    revision = (await journal.revisions())[await the_pool(journal)]
    wish = OperatorPause(
        node_id=node_id(1), address=None, pausing=False, note="they wrote back", override=True
    )
    await journal.operator_pause(wish, entry("resume"))
    assert (await journal.revisions())[await the_pool(journal)] == revision + 1
    assert {one.blocked for one in (await members(journal)).values()} == {()}


async def test_whoever_watches_hears_of_the_switch_that_stops_sending(journal: SqlStore) -> None:
    pool_id = await the_pool(journal)
    before = (await journal.revisions())[pool_id]
    await journal.set_switch("automation_stopped", on=True, entry=entry("stop"))
    assert (await journal.revisions())[pool_id] == before
    await journal.set_switch("sending_stopped", on=True, entry=entry("stop"))
    assert (await journal.revisions())[pool_id] == before + 1
    assert rotation.is_held(await journal.rotation(pool_id))
