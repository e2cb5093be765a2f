"""Warm-up over the real store: a day's windows reach the plan, decisions stand, loads show."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from collector.core import warmup
from collector.core.judge import judge
from collector.core.judgement import LifecycleChange, WarmupChange
from collector.core.model import Kind, Lifecycle, NodeFacts, Subject
from collector.core.policy import Policy
from collector.core.warmup_plan import Holder, Plan, Warming, midnight
from collector.operate import testimony
from deliverability.ladders import LADDERS
from tests.store_bed import (
    START,
    HandClock,
    beat,
    cell,
    enrol,
    entry,
    hello,
    ip,
    node_id,
    opened,
    pool_of,
)
from tests.store_judged import decision, judgement, the_pool

DAY = 86_400
POLICY = Policy()


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path, clock) as found:
        await enrol(found, (1, 2), await pool_of(found))
        yield found


async def facts(journal: SqlStore) -> NodeFacts:
    return (await journal.load([node_id(1)])).nodes[0]


async def warming(journal: SqlStore) -> Warming:
    found = (await facts(journal)).addresses[0].warmup
    assert found is not None
    return found


async def put(journal: SqlStore, plan: Plan) -> None:
    subject = Subject(node_id=node_id(1), address=ip(1), pool_id=await the_pool(journal))
    known = (await facts(journal)).addresses[0].warmup
    before = None if known is None else known.plan
    changed = WarmupChange(subject=subject, plan=plan, decision=None, before=before)
    await journal.commit(judgement(warmups=(changed,)))


async def send(journal: SqlStore, clock: HandClock, **counts: int) -> None:
    """Node 1 counts so many, told at once, and the quarter's windows are made."""
    await journal.record(beat(1, 1))
    await journal.prune()
    clock.seconds = 60
    # What stays on the machine is no sending.
    cells = [cell(ip(1), "google", **counts), cell("", "local", sent=900)]
    await journal.record(beat(1, 2, cells=cells))
    clock.seconds = 1_000
    while await journal.prune():
        pass


def plan(stage: int = 0) -> Plan:
    return warmup.start(ip(1), LADDERS["owners-10k"], stage=stage, now=START)


async def test_an_adopted_address_is_warm_as_it_comes(journal: SqlStore) -> None:
    found = await warming(journal)
    assert (found.plan.is_warm, found.plan.started_at, found.day) == (True, START, None)
    assert (await facts(journal)).addresses[0].hour_cap is None
    await journal.record_hello(hello(1, addresses=(ip(1), "203.0.113.9")))
    second = (await facts(journal)).addresses[1].warmup
    assert second is not None
    assert (second.plan.subject, second.plan.is_warm) == ("203.0.113.9", True)


async def test_a_plan_comes_back_whole(journal: SqlStore) -> None:
    whole = Plan(
        subject=ip(1),
        ladder="ses",
        stage=3,
        started_at=START - timedelta(days=9),
        since=START - timedelta(days=1),
        healthy_days=3,
        idle_days=2,
        usual=70,
        judged=midnight(START),
        counted=midnight(START) - timedelta(days=1),
        sent_on=midnight(START) - timedelta(days=2),
        listed_since=START - timedelta(hours=2),
        held_by=Holder.OPERATOR,
        held_why="audit",
    )
    await put(journal, whole)
    assert await warming(journal) == Warming(plan=whole)
    (address,) = (await facts(journal)).addresses
    assert address.hour_cap == LADDERS["ses"].stages[3].hour


async def test_a_day_is_read_once_it_is_over_and_its_judgement_stands(
    journal: SqlStore, clock: HandClock, tmp_path: Path
) -> None:
    await put(journal, plan())
    await send(journal, clock, sent=9, bounced=1, first_sent=8, first_bounced=1, first_unknown=1)
    clock.seconds = DAY / 2 + 1_799
    assert (await warming(journal)).day is None
    clock.seconds += 1
    day = (await warming(journal)).day
    assert day is not None
    # An hour in which a tenth bounced says nothing of what the address can do.
    assert (day.day, day.heard, day.volume) == (midnight(START), True, 10)
    assert (day.firsts, day.bounced, day.deferred, day.best_hour) == (9, 1, 0, 0)
    made = judge(await journal.load([node_id(1)]), POLICY, now=clock.now())
    assert [one.proposal.kind for one in made.decisions] == [Kind.ADVANCE]
    assert [move.after for move in made.lifecycles] == [Lifecycle.WARMING]
    (id_,) = await journal.commit(made)
    after = await facts(journal)
    kept = after.addresses[0].warmup
    assert after.lifecycle is Lifecycle.WARMING
    assert kept == Warming(plan=made.warmups[0].plan)
    (decided,) = await journal.decisions(ip(1), limit=9)
    assert (decided["id"], decided["kind"]) == (id_, "advance")
    told = dict(testimony.chapters(decided))
    assert told["evidence"] == [
        "it stood on owners-10k, stage 1 of 21: 10 a day",
        "2026-03-01: 10 sent, 0 deferred, 1 bounced of 9 first attempts",
    ]
    assert told["decision"][0].startswith(f"WARM-UP ONE STAGE FURTHER of {ip(1)} for WARMUP: made")
    with closing(sqlite3.connect(tmp_path / "journal.db")) as reading:
        rows = reading.execute("SELECT volume, cap, why FROM warmup_days").fetchall()
        assert rows == [(10, 10, "a healthy day with enough sent: one stage further")]
        stood = reading.execute("SELECT decision_id, day_cap FROM warmups WHERE stage = 1")
        assert stood.fetchall() == [(id_, 12)]


async def test_the_best_healthy_hour_is_what_a_warm_address_can_do(
    journal: SqlStore, clock: HandClock
) -> None:
    await send(journal, clock, sent=120, deferred=2, first_sent=120, first_deferred=2)
    clock.seconds = DAY / 2 + 1_800
    made = judge(await journal.load([node_id(1)]), POLICY, now=clock.now())
    await journal.commit(made)
    (member, _) = (await journal.rotation(await the_pool(journal))).members
    assert (member.cap, member.best_hour) == (None, 122)
    assert (await warming(journal)).plan.usual == 122


async def test_the_load_is_of_the_caps_in_force(journal: SqlStore, clock: HandClock) -> None:
    async def load() -> object:
        (row,) = await journal.nodes(node="mx1")
        return row["current_load"]

    await send(journal, clock, sent=3)
    assert await load() == 0  # without a cap
    await put(journal, plan())
    assert await load() == 60  # 3 of 5
    clock.seconds = 8_000
    while await journal.prune():
        pass
    assert await load() == 0


async def test_a_node_moves_only_when_it_is_not_there_yet(journal: SqlStore) -> None:
    move = LifecycleChange(node_id=node_id(1), before=Lifecycle.ACTIVE, after=Lifecycle.WARMING)
    for _ in range(2):
        await journal.commit(judgement(lifecycles=(move,)))
    rows = await journal.journal(after=-9, limit=9, node_id=node_id(1))
    assert sum("warming" in str(row["text"]) for row in rows) == 1


async def test_a_node_that_was_taken_out_meanwhile_is_not_moved(journal: SqlStore) -> None:
    for before, after in (("ACTIVE", "MAINTENANCE"), ("ACTIVE", "WARMING")):
        move = LifecycleChange(node_id=node_id(1), before=Lifecycle[before], after=Lifecycle[after])
        await journal.commit(judgement(lifecycles=(move,)))
    (row,) = await journal.nodes(node="mx1")
    assert row["lifecycle"] == "maintenance"


async def test_a_move_that_is_not_in_the_table_is_our_own_mistake(journal: SqlStore) -> None:
    move = LifecycleChange(
        node_id=node_id(1), before=Lifecycle.ACTIVE, after=Lifecycle.DECOMMISSIONED
    )
    with pytest.raises(AssertionError):
        await journal.commit(judgement(lifecycles=(move,)))
    (row,) = await journal.nodes(node="mx1")
    assert row["lifecycle"] == "active"


async def test_days_are_forgotten_after_a_month(journal: SqlStore, clock: HandClock) -> None:
    await put(journal, plan())
    clock.seconds = DAY
    made = judge(await journal.load([node_id(1)]), POLICY, now=clock.now())
    await journal.commit(made)
    assert [change.day is not None for change in made.warmups] == [True]
    clock.seconds = 37 * DAY
    assert await journal.prune() >= 1


async def test_a_pass_never_overwrites_a_persons_word_that_came_between(journal: SqlStore) -> None:
    seen = (await warming(journal)).plan
    begun = warmup.start(ip(1), LADDERS["owners-10k"], stage=3, now=START)
    held = warmup.hold(begun, by=Holder.OPERATOR, why="audit")
    known = await journal.warmup(ip(1))
    assert known is not None
    await journal.set_warmup(replace(known, plan=held), entry("hold"), before=seen)
    subject = Subject(node_id=node_id(1), address=ip(1), pool_id=await the_pool(journal))
    late = WarmupChange(subject=subject, plan=replace(seen, idle_days=1), decision=0, before=seen)
    made = decision(1, subject.pool_id)
    await journal.commit(judgement(decisions=(made,), warmups=(late,)))
    assert (await warming(journal)).plan == held
    told = await journal.journal(after=0, limit=50, node_id=node_id(1))
    assert any("changed meanwhile" in str(row["text"]) for row in told), told
