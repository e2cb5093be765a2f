"""Sending domains over the real store: heartbeats become windows of all nodes, and a warm-up's day
counts by them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agent import wire as agent_wire
from agent.maillog import parse
from agent.maillog.tally import Known, Tally
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock
from collector.adapters.store import SqlStore, senders
from collector.core import warmup
from collector.core.heartbeat import Heartbeat, SenderCount
from collector.core.judge import judge
from collector.core.model import Kind
from collector.core.policy import Policy
from collector.core.warmup_plan import Plan, Warming, midnight
from collector.operate import why_domains
from collector.operate.desk import Desk
from collector.ports_rotation import Standing
from collector.rpc import wire as collector_wire
from collector.rpc.wire import Arrival
from deliverability.ladders import LADDERS
from tests.agent.samples import HEARTBEAT
from tests.store_bed import START, HandClock, beat, enrol, entry, node_id, opened, pool_of

DAY = 86_400
POLICY = Policy()
NEWS = "news.example"


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path, clock) as found:
        await enrol(found, (1, 2), await pool_of(found))
        yield found


def told(domain: str, first_sent: int = 0, **more: int) -> SenderCount:
    sums = {"first_sent": first_sent, "sent": first_sent, **more}
    return SenderCount(domain, **sums)


async def tell(journal: SqlStore, number: int, sequence: int, *counts: SenderCount) -> None:
    await journal.record(replace(beat(number, sequence), senders=counts))


async def look(journal: SqlStore, clock: HandClock, *, at: float) -> None:
    clock.seconds = at
    while await journal.prune():
        pass


async def start(journal: SqlStore, domain: str = NEWS, *, stage: int = 0) -> Plan:
    plan = warmup.start(domain, LADDERS["owners-domain-10k"], stage=stage, now=START)
    standing = Standing(plan=plan, node_id="", pool_id="")
    await journal.set_warmup(standing, entry("warm-up start"), before=None)
    return plan


async def sent_today(journal: SqlStore, domain: str = NEWS) -> object:
    (row,) = await journal.warmups(subject=domain)
    return row["sent_today"]


async def waiting(journal: SqlStore) -> tuple[Warming, ...]:
    return (await journal.load([])).domains


async def test_what_all_nodes_sent_makes_a_day_count(journal: SqlStore, clock: HandClock) -> None:
    plan = await start(journal)
    for number in (1, 2):
        await tell(journal, number, 1)
    await look(journal, clock, at=60)
    await tell(journal, 1, 2, told(NEWS, 4), told("other.example", 900), told("unknown", 70))
    await tell(journal, 2, 2, told(f"mail.{NEWS}", 5, first_bounced=1, bounced=1))
    await tell(journal, 2, 3, told(f"mail.{NEWS}", 5, first_bounced=1, bounced=1))
    await look(journal, clock, at=1_000)
    assert await sent_today(journal) == 10
    clock.seconds = DAY / 2 + 1_799
    assert await waiting(journal) == ()
    clock.seconds += 1
    (found,) = await waiting(journal)
    assert found.plan == plan
    assert found.day is not None
    assert (found.day.day, found.day.heard, found.day.volume) == (midnight(START), True, 10)
    assert (found.day.firsts, found.day.bounced, found.day.deferred) == (10, 1, 0)
    made = judge(await journal.load([]), POLICY, now=clock.now())
    assert [one.proposal.kind for one in made.decisions] == [Kind.ADVANCE]
    (id_,) = await journal.commit(made)
    standing = await journal.warmup(NEWS)
    assert standing is not None
    assert (standing.plan.stage, standing.plan.counted) == (1, midnight(START))
    assert await waiting(journal) == ()
    (row,) = await journal.warmups(subject=NEWS)
    assert (row["decision_id"], row["last_day"], row["sent_today"]) == (id_, "2026-03-01", 0)
    (day,) = await journal.warmup_days(NEWS, limit=9)
    assert (day["volume"], day["cap"], day["bounced"]) == (10, 10, 1)
    (decided,) = await journal.decisions(NEWS, limit=9)
    assert (decided["id"], decided["kind"], decided["node"]) == (id_, "advance", None)


async def test_from_a_nodes_log_to_the_next_stage(
    journal: SqlStore, clock: HandClock, tmp_path: Path
) -> None:
    """Lines of Postfix, the agent's account and its heartbeat's bytes, the journal, the plan."""
    await start(journal)
    await tell(journal, 1, 1)
    await look(journal, clock, at=60)
    tally = Tally(Whose("192.0.2.1"), Known(), clock=LineClock(START))
    tally.fold(parse.parse_counted("".join(map(_mail, range(9))).encode()))
    sent = agent_wire.encode_heartbeat(replace(HEARTBEAT, senders=tuple(tally.counted().senders)))
    arrived = collector_wire.decode(sent, Arrival(node_id=node_id(1), at=START))
    assert isinstance(arrived, Heartbeat)
    assert arrived.senders == (told(NEWS, 9),)
    await tell(journal, 1, 2, *arrived.senders)
    await look(journal, clock, at=1_000)
    clock.seconds = DAY / 2 + 1_800
    await journal.commit(judge(await journal.load([]), POLICY, now=clock.now()))
    (row,) = await journal.warmups(subject=NEWS)
    assert (row["stage"], row["healthy_days"]) == (2, 1)
    decisions = await journal.decisions(NEWS, limit=9)
    said = why_domains.explain(row, decisions, now=clock.now())
    assert said["headline"] == f"{NEWS} warms up: stage 2 of 21, 12 a day"
    assert "WARM-UP ONE STAGE FURTHER" in str(said["chapters"])
    assert "9 sent" in str(said["chapters"])
    desk = cast(Desk, SimpleNamespace(rotating=journal, clock=clock))
    alone = await why_domains.read(desk, str(decisions[0]["id"]), decisions=decisions)
    assert alone["headline"] == f"WARM-UP ONE STAGE FURTHER of {NEWS} for WARMUP: made"


def _mail(number: int) -> str:
    head = "Mar  1 12:00:00 mx1 postfix/"
    return (
        f"{head}qmgr[7]: A{number}B: from=<x{number}@{NEWS}>, size=9, nrcpt=1 (queue active)\n"
        f"{head}smtp[8]: A{number}B: to=<a@b.example>, relay=mx.b.example[203.0.113.1]:25, delay=1,"
        " delays=0.1/0.2/0.3/0.4, dsn=2.0.0, status=sent (250 ok)\n"
    )


async def test_a_plan_below_speaks_for_itself(journal: SqlStore, clock: HandClock) -> None:
    for domain in (NEWS, f"mail.{NEWS}"):
        await start(journal, domain)
    await tell(journal, 1, 1)
    await look(journal, clock, at=60)
    names = (NEWS, f"mail.{NEWS}", f"a.mail.{NEWS}", f"b.{NEWS}", f"x{NEWS}")
    await tell(journal, 1, 2, *(told(name, 2**place) for place, name in enumerate(names)))
    await look(journal, clock, at=1_000)
    assert (await sent_today(journal), await sent_today(journal, f"mail.{NEWS}")) == (9, 6)


async def test_a_day_nobody_told_of_is_unknown_and_not_idle(
    journal: SqlStore, clock: HandClock
) -> None:
    await start(journal)
    await tell(journal, 1, 1)
    await look(journal, clock, at=60)
    clock.seconds = DAY / 2 + 1_800
    (found,) = await waiting(journal)
    assert found.day is not None
    assert (found.day.heard, found.day.volume) == (False, 0)
    made = judge(await journal.load([]), POLICY, now=clock.now())
    assert made.decisions == ()
    (change,) = made.warmups
    assert "nothing is known of the day" in change.why
    assert change.plan.idle_days == 0
    await journal.commit(made)
    assert await waiting(journal) == ()


async def test_trouble_holds_a_domain(journal: SqlStore, clock: HandClock) -> None:
    await start(journal, stage=9)
    await tell(journal, 1, 1)
    await look(journal, clock, at=60)
    await tell(journal, 1, 2, told(NEWS, 30, first_bounced=3, bounced=3))
    await look(journal, clock, at=1_000)
    clock.seconds = DAY / 2 + 1_800
    await journal.commit(judge(await journal.load([]), POLICY, now=clock.now()))
    (row,) = await journal.warmups(subject=NEWS)
    assert (row["stage"], row["held_by"]) == (10, "automation")
    assert "3 bounced" in str(row["held_why"])


async def test_stopped_automation_lets_days_wait(journal: SqlStore, clock: HandClock) -> None:
    await start(journal)
    clock.seconds = DAY / 2 + 1_800
    read = await journal.load([])
    read = replace(read, fleet=replace(read.fleet, automation_stopped=True))
    made = judge(read, POLICY, now=clock.now())
    assert (made.warmups, made.decisions) == ((), ())


async def test_what_was_counted_in_silence_is_no_windows(
    journal: SqlStore, clock: HandClock
) -> None:
    """A node unheard for longer than a quarter of an hour: when it sent that nobody knows."""
    await start(journal)
    await tell(journal, 1, 1, told(NEWS, 3))
    await look(journal, clock, at=60)
    assert await sent_today(journal) == 0
    await tell(journal, 1, 60, told(NEWS, 500))
    await look(journal, clock, at=2_800)
    assert await sent_today(journal) == 0
    await tell(journal, 1, 61, told(NEWS, 507))
    await look(journal, clock, at=4_000)
    assert await sent_today(journal) == 7


async def test_totals_never_go_back_and_are_bounded(journal: SqlStore, clock: HandClock) -> None:
    await start(journal)
    await tell(journal, 1, 1)
    await look(journal, clock, at=60)
    await tell(journal, 1, 2, told(NEWS, 8))
    await tell(journal, 1, 3, told(NEWS, 5))
    for part in range(3):
        many = [told(f"d{part}-{number}.example", 1) for number in range(200)]
        await tell(journal, 1, 4 + part, *many)
    await look(journal, clock, at=1_000)
    assert await sent_today(journal) == 8
    found = await journal._database.read(  # no port counts rows
        lambda c: c.exec_driver_sql("SELECT count(*) FROM sender_totals").scalar()
    )
    assert found == senders.SENDERS_MAX


async def test_what_was_sent_without_a_grant_counts_against_the_domains_caps(
    journal: SqlStore, clock: HandClock
) -> None:
    plan = await start(journal)
    assert plan.cap is not None
    await tell(journal, 1, 1)
    await look(journal, clock, at=60)
    await tell(journal, 1, 2, told(NEWS, 3))
    await look(journal, clock, at=1_000)
    use = await journal.domain_use(NEWS, receiver="google", at=clock.now())
    assert use is not None
    assert (use.cap, use.day, use.hour, use.receiver) == (plan.cap, 3, 3, 0)
    later = await journal.domain_use(NEWS, receiver="google", at=clock.now() + timedelta(hours=1))
    assert later is not None
    assert (later.day, later.hour) == (3, 0)


async def test_windows_have_an_end(journal: SqlStore, clock: HandClock) -> None:
    await start(journal)
    await tell(journal, 1, 1)
    await look(journal, clock, at=60)
    await tell(journal, 1, 2, told(NEWS, 3))
    await look(journal, clock, at=1_000)

    async def spans() -> set[int]:
        rows = await journal._database.read(
            lambda c: c.exec_driver_sql("SELECT span FROM sender_windows").scalars().all()
        )
        return set(rows)

    assert await spans() == {3_600, DAY}
    await look(journal, clock, at=3 * DAY)
    assert await spans() == {DAY}
    await look(journal, clock, at=40 * DAY)
    assert await spans() == set()
