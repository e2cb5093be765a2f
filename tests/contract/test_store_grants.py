"""Rotation and grants over the real store: who may send, what counts, what is kept and refused."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from collector.adapters.store import SqlStore
from collector.core import warmup
from collector.core.judgement import WarmupChange
from collector.core.model import Reason, Subject
from collector.core.rotation import EVEN_WEIGHT, Strategy, Used
from collector.core.warmup_plan import Holder, Plan
from collector.ports import OperatorPause, Refused
from collector.ports_rotation import Answer, GrantDraft, Standing
from collector.rotations import Rotations
from deliverability.ladders import LADDERS
from tests.store_bed import (
    START,
    HandClock,
    beat,
    cell,
    entry,
    ip,
    node_id,
)
from tests.store_judged import admit, judgement, the_pool
from tests.store_rotating import NODES, POLICY, asked, given, grant, in_rotation, members


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with in_rotation(tmp_path, clock) as found:
        yield found


@pytest.fixture
def rotations(journal: SqlStore, clock: HandClock) -> Rotations:
    return Rotations(journal, clock=clock, policy=lambda: POLICY)


async def known(journal: SqlStore, number: int) -> Standing:
    found = await journal.warmup(ip(number))
    assert found is not None
    return found


async def cap(journal: SqlStore, number: int, *, stage: int = 0) -> Plan:
    plan = warmup.start(ip(number), LADDERS["owners-10k"], stage=stage, now=START)
    pool_id = await the_pool(journal)
    subject = Subject(node_id=node_id(number), address=ip(number), pool_id=pool_id)
    before = (await known(journal, number)).plan
    change = WarmupChange(subject=subject, plan=plan, decision=None, before=before)
    await journal.commit(judgement(warmups=(change,)))
    return plan


async def pause(journal: SqlStore, number: int) -> None:
    wish = OperatorPause(node_id=node_id(number), address=None, pausing=True, note="")
    await journal.operator_pause(wish, entry("pause"))


async def test_members_say_what_stands_against_them(journal: SqlStore, clock: HandClock) -> None:
    await cap(journal, 1)
    await pause(journal, 2)
    await admit(journal, range(3, 4), member=False)
    late = beat(4, 2)
    await journal.record(replace(late, postfix=replace(late.postfix, convergence="failed")))
    found = await members(journal)
    first = found[ip(1)]
    assert (first.against, first.cap, first.share) == ((), warmup_cap(0), EVEN_WEIGHT)
    assert found[ip(2)].against == ("OPERATOR",)
    assert found[ip(3)].against == ("not in the rotation: not admitted yet",)
    assert found[ip(4)].against == ("its newest directive is not verified",)
    assert found[ip(4)].cap is None


def warmup_cap(stage: int) -> object:
    return LADDERS["owners-10k"].stages[stage]


async def test_what_was_sent_is_of_the_day_and_of_the_hour(
    journal: SqlStore, clock: HandClock
) -> None:
    clock.seconds = 60
    cells = [cell(ip(1), "google", sent=7), cell("", "yahoo", sent=2), cell(ip(1), "local", sent=9)]
    await journal.record(beat(1, 2, cells=cells))
    live = (await members(journal))[ip(1)]
    assert (live.used, live.receivers["google"]) == (Used(day=9, hour=9), Used(day=7, hour=7))
    clock.seconds = 1_000
    while await journal.prune():
        pass
    assert (await members(journal))[ip(1)].used == Used(day=9, hour=9)
    clock.seconds = 3_700
    assert (await members(journal))[ip(1)].used == Used(day=9, hour=0)
    clock.seconds = 12 * 3_600
    assert (await members(journal))[ip(1)].used == Used(day=0, hour=0)


async def test_a_grant_is_given_once_by_its_key(journal: SqlStore, rotations: Rotations) -> None:
    first = await grant(rotations, journal, 6)
    assert sorted(given(first).values()) == [1, 1, 2, 2]
    again = await grant(rotations, journal, 6)
    assert again.grant == first.grant
    with pytest.raises(Refused, match="was used for 6"):
        await grant(rotations, journal, 7)
    other = await grant(rotations, journal, 2, key="other")
    assert given(first).keys() & {k for k, n in given(first).items() if n == 1} == set(given(other))


async def test_a_restart_forgets_no_grant(
    journal: SqlStore, rotations: Rotations, clock: HandClock
) -> None:
    for number in NODES:
        await cap(journal, number)
    assert sum(given(await grant(rotations, journal, 18)).values()) == 18
    after = Rotations(journal, clock=clock, policy=lambda: POLICY)
    assert sum(given(await grant(after, journal, 18, key="next")).values()) == 2
    held = await grant(after, journal, 1, key="last")
    assert (held.grant, held.held) == (None, (("the hour's cap is reached", 4),))
    assert held.retry_at == START + timedelta(hours=1)


async def test_what_changed_since_the_ledger_looked_gets_nothing(
    journal: SqlStore, rotations: Rotations
) -> None:
    await grant(rotations, journal, 4)
    await pause(journal, 1)  # a person's word, not yet carried into the rotation
    late = beat(2, 2)
    await journal.record(replace(late, postfix=replace(late.postfix, order=(1, 0))))
    assert set(given(await grant(rotations, journal, 2, key="b"))) == {ip(3), ip(4)}
    await admit(journal, range(3, 4), member=False)
    assert set(given(await grant(rotations, journal, 1, key="c"))) == {ip(4)}
    await cap(journal, 4)
    before = await known(journal, 4)
    again = replace(before, plan=warmup.start(ip(4), LADDERS["owners-10k"], now=START))
    await journal.set_warmup(again, entry("warm-up start"), before=before.plan)
    assert sum(given(await grant(rotations, journal, 40, key="d")).values()) == 2
    await journal.set_switch("sending_stopped", on=True, entry=entry())
    stopped = await grant(rotations, journal, 1, key="e")
    assert stopped.grant is None


async def test_a_switch_stops_grants_at_once(journal: SqlStore, rotations: Rotations) -> None:
    assert (await grant(rotations, journal, 1)).grant is not None
    await journal.set_switch("sending_stopped", on=True, entry=entry())
    stopped = await grant(rotations, journal, 1, key="b")
    assert stopped.held == (("sending is stopped for the whole fleet", 1),)


async def test_grants_of_many_at_once_pass_no_cap(journal: SqlStore, rotations: Rotations) -> None:
    for number in NODES:
        await cap(journal, number)
    answers: list[Answer] = []

    async def one(number: int) -> None:
        answers.append(await grant(rotations, journal, 3, key=f"k{number}"))

    async with anyio.create_task_group() as tasks:
        for number in range(12):
            tasks.start_soon(one, number)
    assert sum(sum(given(answer).values()) for answer in answers) == 20
    kept = await journal.grants(await the_pool(journal), since=START)
    assert sum(count for one_ in kept for _, count in one_.to) == 20


async def test_a_draft_of_another_revision_is_not_kept(journal: SqlStore) -> None:
    draft = GrantDraft(
        key="k",
        pool_id=await the_pool(journal),
        revision=99,
        receiver="google",
        asked=1,
        at=START,
        expires_at=START,
        to=(((node_id(1), ip(1)), 1),),
    )
    assert (await journal.keep_grant(draft)).is_stale


async def test_shares_are_set_by_revision_and_watched(
    journal: SqlStore, rotations: Rotations, clock: HandClock
) -> None:
    pool_id = await the_pool(journal)
    clock.seconds = 20
    assert await rotations.share() == 0  # turns are even
    await journal.set_pool(
        pool_id, strategy=Strategy.WEIGHTED, region="eu", monthly=9, entry=entry("pool set")
    )
    await cap(journal, 1)
    before = (await journal.revisions())[pool_id]
    seen: list[int] = []

    async def watch() -> None:
        await rotations.wait(pool_id, after=before, seconds=20)
        seen.append((await journal.revisions())[pool_id])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await anyio.sleep(0.05)
        assert not seen
        assert await rotations.share() == 4
    assert seen == [before + 1]
    shares = {one.ip: one.share for one in (await members(journal)).values()}
    assert shares == {ip(1): 500, ip(2): 10_000, ip(3): 10_000, ip(4): 10_000}
    assert await rotations.share() == 0
    (pool,) = (await journal.load([])).fleet.pools.values()
    assert pool.monthly == 9
    with anyio.fail_after(1):
        await rotations.wait(pool_id, after=before, seconds=20)
        await rotations.wait(pool_id, after=before + 1, seconds=0.01)


async def test_pools_that_are_not_there_are_refused(
    journal: SqlStore, rotations: Rotations
) -> None:
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: journal.rotation("nope"),
        lambda: rotations.grant("nope", asked(1), key="k"),
        lambda: journal.set_pool(
            "nope", strategy=Strategy.REGION, region="", monthly=0, entry=entry()
        ),
    ]
    for call in calls:
        with pytest.raises(Refused, match="no pool nope"):
            await call()


async def test_a_persons_word_about_a_plan_is_a_decision(journal: SqlStore) -> None:
    before = await known(journal, 1)
    assert before.plan.is_warm
    begun = warmup.start(ip(1), LADDERS["ses"], stage=2, now=START)
    held = warmup.hold(begun, by=Holder.OPERATOR, why="audit")
    after = replace(before, plan=held)
    await journal.set_warmup(after, entry("warm-up hold"), before=before.plan)
    with pytest.raises(Refused, match="has just changed"):
        await journal.set_warmup(before, entry("warm-up resume"), before=before.plan)
    (row, *_) = await journal.warmups()
    named = ("subject", "node", "stage", "cap_day", "held_by", "held_why", "sent_today")
    assert [row[name] for name in named] == [ip(1), "mx1", 3, 68, "operator", "audit", 0]
    (decided,) = await journal.decisions(ip(1), limit=5)
    assert (decided["reason"], decided["kind"]) == (Reason.OPERATOR.value, "hold")
    assert row["decision_id"] == decided["id"]
    assert await journal.warmup("nobody.example") is None
    domain = warmup.start("news.example", LADDERS["owners-domain-10k"], now=START)
    start = Standing(plan=domain, node_id="", pool_id="")
    await journal.set_warmup(start, entry("start"), before=None)
    (shown,) = await journal.warmups(subject="news.example")
    assert (shown["kind"], shown["node"], shown["sent_today"]) == ("domain", None, 0)
    assert await journal.warmup_days("news.example", limit=5) == []
