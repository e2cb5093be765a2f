"""A receiver that blocks an address, and the switch: new revisions, and who is left out of what."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from collector.core import rotation, warmup
from collector.core.judgement import PauseDraft
from collector.core.model import Reason, Subject
from collector.ports import OperatorPause, Refused
from collector.ports_rotation import Answer, GrantDraft, Standing
from collector.rotations import Rotations
from deliverability.ladders import LADDERS
from tests.store_bed import START, HandClock, entry, ip, node_id
from tests.store_judged import decision, judgement, the_pool
from tests.store_rotating import NODES, POLICY, given, grant, in_rotation, members


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


def _moved(journal_place: Path, *statements: str) -> None:
    """What another part of the collector wrote since the rotation was read."""
    with closing(sqlite3.connect(journal_place / "journal.db")) as other, other:
        for statement in statements:
            other.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE nodes SET region = 'eu'",
        "UPDATE nodes SET lifecycle = 'warming'",
        "UPDATE nodes SET lifecycle = 'maintenance'",
        "UPDATE nodes SET lifecycle = 'draining'",
        "UPDATE addresses SET in_rotation = 0",
        "UPDATE node_states SET convergence = 'failed'",
        "UPDATE node_states SET obeyed_revision = 0",
        "UPDATE node_states SET obeyed_term = NULL, obeyed_revision = NULL",
        "UPDATE orders SET revision = 2",
        "DELETE FROM orders",
        "UPDATE pauses SET closed_at = NULL",
        "UPDATE pauses SET closed_at = NULL, address = ''",
        "UPDATE pauses SET closed_at = NULL, address = '192.0.2.99'",
    ],
)
async def test_the_last_look_at_a_grant_is_of_one_mind_with_the_rotation(
    journal: SqlStore, tmp_path: Path, statement: str
) -> None:
    await block(journal, 1, "google")
    place = f"UPDATE pauses SET receiver = '', address = '{ip(1)}', closed_at = 1"
    _moved(tmp_path, place, statement)
    pool_id = await the_pool(journal)
    seen = await journal.rotation(pool_id)
    draft = GrantDraft(
        key="k",
        pool_id=pool_id,
        revision=seen.revision,
        receiver="google",
        asked=1,
        at=START,
        expires_at=START + timedelta(minutes=5),
        to=(((node_id(1), ip(1)), 1),),
    )
    (first,) = (one for one in seen.members if one.ip == ip(1))
    assert bool((await journal.keep_grant(draft)).unfit) is bool(first.against)


async def test_a_paused_address_silences_its_siblings(journal: SqlStore, tmp_path: Path) -> None:
    await block(journal, 1, "google")
    _moved(tmp_path, "UPDATE pauses SET receiver = '', address = '192.0.2.99'")
    found = await members(journal)
    assert found[ip(1)].against == ("its node is silent: 192.0.2.99 is paused",)
    assert found[ip(2)].against == ()


async def test_the_caps_of_a_sending_domain_bind_over_all_receivers_and_days(
    journal: SqlStore, rotations: Rotations, clock: HandClock
) -> None:
    plan = warmup.start("news.example", LADDERS["owners-domain-10k"], now=START)
    cap = plan.cap
    assert cap is not None
    start = Standing(plan=plan, node_id="", pool_id="")
    await journal.set_warmup(start, entry("start"), before=None)

    async def ask(key: str, messages: int, *, receiver: str = "google", at: int = 0) -> Answer:
        clock.seconds = at
        return await grant(
            rotations, journal, messages, key=key, receiver=receiver, domain="news.example"
        )

    first = await ask("a", cap.day + 5)
    assert sum(given(first).values()) == min(cap.hour, cap.receiver, cap.day)
    assert "of the sending domain" in first.held[-1][0]
    assert (await ask("a", cap.day + 5)).grant == first.grant
    with pytest.raises(Refused, match="was used for"):
        await grant(rotations, journal, cap.day + 5, key="a", receiver="google")
    total, hour = sum(given(first).values()), 0
    while total < cap.day:
        hour += 1
        answer = await ask(f"h{hour}", cap.day, receiver=f"r{hour}.example", at=3600 * hour)
        assert answer.grant is not None, answer.held
        total += sum(given(answer).values())
    assert total == cap.day
    held = await ask("b", 1, receiver="late.example", at=3600 * hour)
    assert held.grant is None
    assert held.held == (("the day's cap of the sending domain is reached", 1),)
    assert held.retry_at == START.replace(hour=0) + timedelta(days=1)
    assert (await grant(rotations, journal, 1, key="other")).grant is not None
    assert (await ask("c", 1, at=86_400)).grant is not None


async def test_a_domain_without_a_plan_or_a_cap_is_as_any(
    journal: SqlStore, rotations: Rotations
) -> None:
    ladder = LADDERS["owners-domain-10k"]
    done = warmup.start("old.example", ladder, stage=len(ladder.stages), now=START)
    start = Standing(plan=done, node_id="", pool_id="")
    await journal.set_warmup(start, entry("start"), before=None)
    for domain in ("old.example", "new.example"):
        answer = await grant(rotations, journal, 60, key=domain, domain=domain)
        assert sum(given(answer).values()) == 60


async def test_a_draft_over_the_domains_caps_is_not_kept(journal: SqlStore) -> None:
    """Two pools that ask at once: whoever comes second is refused, and asks anew."""
    plan = warmup.start("news.example", LADDERS["owners-domain-10k"], now=START)
    assert plan.cap is not None
    start = Standing(plan=plan, node_id="", pool_id="")
    await journal.set_warmup(start, entry("start"), before=None)
    pool_id = await the_pool(journal)
    revision = (await journal.revisions())[pool_id]
    drafts = [
        GrantDraft(
            key=key,
            pool_id=pool_id,
            revision=revision,
            receiver="google",
            asked=plan.cap.hour,
            at=START,
            expires_at=START + timedelta(minutes=5),
            to=(((node_id(1), ip(1)), plan.cap.hour),),
            domain="news.example",
        )
        for key in ("a", "b")
    ]
    assert (await journal.keep_grant(drafts[0])).is_new
    assert (await journal.keep_grant(drafts[1])).is_stale


async def test_whoever_watches_hears_of_the_switch_that_stops_sending(journal: SqlStore) -> None:
    pool_id = await the_pool(journal)
    before = (await journal.revisions())[pool_id]
    await journal.set_switch("automation_stopped", on=True, entry=entry("stop"))
    assert (await journal.revisions())[pool_id] == before
    await journal.set_switch("sending_stopped", on=True, entry=entry("stop"))
    assert (await journal.revisions())[pool_id] == before + 1
    assert rotation.is_held(await journal.rotation(pool_id))
