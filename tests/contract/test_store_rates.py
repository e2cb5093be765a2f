"""What a judgement reads of an address's mail and of its machine: sums of a day and a week, what
receivers refused lately, who moved in the rotation, since when a service is down."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from collector.core.heartbeat import Cell, Detail
from collector.core.judge import judge
from collector.core.judgement import PauseDraft, RotationChange, ScoreChange
from collector.core.model import AddressFacts, Fate, Kind, NodeFacts, Reason, Subject
from collector.core.policy import Policy
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS
from collector.core.readings import MailFacts, ScoreFacts
from collector.operate.overview import rows_of
from collector.ports import OperatorPause, Refused
from tests.store_bed import (
    HandClock,
    beat,
    cell,
    enrol,
    entry,
    host,
    ip,
    node_id,
    opened,
    pool_of,
)
from tests.store_judged import decision, judgement

REFUSED = "reputation_block"


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path, clock) as found:
        await enrol(found, (1, 2), await pool_of(found))
        yield found


class Node:
    """Tells of ever more mail, a quarter of an hour at a time."""

    def __init__(self, journal: SqlStore, clock: HandClock, number: int = 1) -> None:
        self.journal, self.clock, self.number = journal, clock, number
        self.sequence = 0
        self.cells: dict[str, dict[str, int]] = {}

    async def tell(self, **changes: object) -> None:
        self.sequence += 1
        told = beat(self.number, self.sequence, cells=[*map(self._cell, self.cells)])
        at = {"received_at": self.clock.now(), "sent_at": self.clock.now()}
        await self.journal.record(replace(told, **{**at, **changes}))  # type: ignore[arg-type]

    def _cell(self, receiver: str) -> Cell:
        counts = dict(self.cells[receiver])
        refused = counts.pop(REFUSED, 0)
        detail = Detail(delays=b"", classes=((REFUSED, refused),)) if refused else None
        return replace(cell(ip(self.number), receiver, **counts), detail=detail)

    async def quarter(self, **counts: int) -> None:
        await self.at("gmail", counts)

    async def at(self, receiver: str, counts: dict[str, int]) -> None:
        """These more within a quarter, which then is over and looked at."""
        self.clock.move(QUARTER_SECONDS - 60)
        known = self.cells.setdefault(receiver, {})
        for name, number in counts.items():
            known[name] = known.get(name, 0) + number
        await self.tell()
        self.clock.move(60)
        for _ in range(4):
            await self.journal.prune()

    async def rest(self, seconds: float) -> None:
        """Nothing is told for so long; then it is heard again."""
        self.clock.move(seconds)
        for _ in range(4):
            await self.journal.prune()
        await self.tell()

    async def facts(self) -> NodeFacts:
        (found,) = (await self.journal.load([node_id(self.number)])).nodes
        return found

    async def address(self) -> AddressFacts:
        (found,) = (await self.facts()).addresses
        return found

    async def mail(self) -> MailFacts:
        mail = (await self.address()).mail
        assert mail is not None
        return mail


@pytest.fixture
async def node(journal: SqlStore, clock: HandClock) -> Node:
    found = Node(journal, clock)
    await found.tell()
    return found


def bounces(sent: int, bounced: int) -> dict[str, int]:
    return {"sent": sent, "bounced": bounced, "first_sent": sent, "first_bounced": bounced}


async def test_nothing_is_known_before_the_first_sum(node: Node) -> None:
    assert (await node.address()).mail is None


async def test_a_day_and_a_week_are_summed(node: Node) -> None:
    await node.quarter(**bounces(100, 20))
    await node.at("yahoo", bounces(5, 0))
    await node.at("local", bounces(1000, 0))
    mail = await node.mail()
    assert (mail.day.first_sent, mail.day.first_bounced, mail.day.sent) == (105, 20, 105)
    assert mail.week == mail.day
    for _ in range(8):
        await node.rest(3 * HOUR_SECONDS)
        await node.at("yahoo", bounces(1, 0))
    mail = await node.mail()
    assert (mail.day.first_sent, mail.day.first_bounced) == (8, 0)
    assert (mail.week.first_sent, mail.week.first_bounced) == (113, 20)
    await node.rest(8 * DAY_SECONDS)
    await node.at("yahoo", bounces(1, 0))
    assert (await node.mail()).week.first_bounced == 0


async def test_the_last_whole_hours_attempts(node: Node) -> None:
    for _ in range(5):
        await node.quarter(sent=10, deferred=2)
    assert (await node.mail()).hour_attempts in (36, 48)
    await node.rest(3 * HOUR_SECONDS)
    await node.quarter(sent=1)
    assert (await node.mail()).hour_attempts == 0


async def test_a_storm_of_bounces_pauses_by_what_the_journal_says(node: Node) -> None:
    """Facts, rule, commit, and the end of the pause: then its mail is counted anew."""
    await node.quarter(**bounces(100, 150))
    snapshot = await node.journal.load([node_id(1)])
    made = judge(snapshot, Policy(), now=node.clock.now())
    assert [(d.proposal.reason, d.fate) for d in made.decisions] == [
        (Reason.BOUNCE_RATE, Fate.MADE)
    ]
    await node.journal.commit(made)
    (pause,) = (await node.facts()).pauses
    assert pause.expires_at == node.clock.now() + timedelta(hours=24)
    node.clock.move(24 * HOUR_SECONDS)
    over = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    assert over.pauses_close == (pause.id,)
    await node.journal.commit(over)
    mail = await node.mail()
    assert (mail.week.first_bounced, mail.since) == (0, node.clock.now())
    await node.quarter(**bounces(3, 1))
    again = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    assert again.pauses_open == ()


async def test_what_a_receiver_refused_in_the_last_quarter(node: Node) -> None:
    await node.quarter(sent=0, bounced=30, **{REFUSED: 30})
    await node.at("yahoo", {"sent": 9, "bounced": 0})
    (lately,) = (await node.mail()).receivers
    assert (lately.receiver, lately.attempts, lately.blocked) == ("gmail", 30, 30)
    assert lately.until == node.clock.now() - timedelta(seconds=QUARTER_SECONDS)
    await node.at("yahoo", {"sent": 1})
    assert (await node.mail()).receivers == ()


async def test_a_blocked_receivers_pause_ends_by_what_it_takes_again(node: Node) -> None:
    await node.quarter(sent=1, bounced=29, **{REFUSED: 29})
    made = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    assert [(draft.reason, draft.subject.receiver) for draft in made.pauses_open] == [
        (Reason.BLOCKED, "gmail")
    ]
    await node.journal.commit(made)
    (pause,) = (await node.facts()).pauses
    assert (pause.receiver, pause.probe_at) == ("gmail", node.clock.now() + timedelta(hours=2))
    node.clock.move(2 * HOUR_SECONDS)
    probed = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    await node.journal.commit(probed)
    (pause,) = (await node.facts()).pauses
    assert pause.probe_at == node.clock.now() + timedelta(hours=2)
    await node.rest(60)
    await node.quarter(sent=20)
    over = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    assert over.pauses_close == (pause.id,)


async def test_pools_know_who_is_blocked_where_and_who_moved(node: Node) -> None:
    journal = node.journal
    pool_id = str((await journal.pools())[0]["id"])
    mine = Subject(node_id=node_id(1), address=ip(1), pool_id=pool_id)
    other = Subject(node_id=node_id(2), address=ip(2), pool_id=pool_id)
    come = [
        RotationChange(subject=one, member=True, reason=None, decision=None)
        for one in (mine, other)
    ]
    await journal.commit(judgement(rotation=tuple(come)))
    made = (decision(1, pool_id), decision(2, pool_id, kind=Kind.ADMIT))
    blocked = PauseDraft(
        subject=replace(mine, receiver="gmail"),
        reason=Reason.BLOCKED,
        owner="automation",
        note="",
        decision=0,
    )
    gone = RotationChange(subject=other, member=False, reason=Reason.LISTED, decision=0)
    back = RotationChange(subject=other, member=True, reason=None, decision=1, is_return=True)
    for rotation in ((gone,), (back,)):
        await journal.commit(judgement(decisions=made, rotation=rotation, pauses_open=(blocked,)))
    pool = (await journal.load([])).fleet.pools[pool_id]
    assert (pool.removed_lately, pool.admitted_lately) == (1, 1)
    assert (pool.blocked, pool.blocked_lately) == ({"gmail": 1}, {"gmail": 1})
    node.clock.move(301)
    pool = (await journal.load([])).fleet.pools[pool_id]
    assert (pool.removed_lately, pool.admitted_lately) == (0, 0)
    assert (pool.blocked, pool.blocked_lately) == ({"gmail": 1}, {"gmail": 0})


async def test_since_when_the_machine_is_in_trouble(node: Node) -> None:
    full = replace(host(), inodes_used=960_000, cpu_ratio=0.97)
    told: dict[str, object] = {"host": full, "services": (("postfix", "stopped"),)}
    begun = node.clock.move(30)
    await node.tell(**told)
    node.clock.move(30)
    await node.tell(**told)
    facts = await node.facts()
    assert facts.host is not None
    assert (facts.host.disk_ratio, facts.host.cpu_busy_since) == (0.96, begun)
    assert [(one.state, one.since) for one in facts.services] == [("stopped", begun)]
    at: datetime = node.clock.move(30)
    await node.tell()
    facts = await node.facts()
    assert facts.host is not None
    assert (facts.host.disk_ratio, facts.host.cpu_busy_since) == (0.25, None)
    assert [(one.state, one.since) for one in facts.services] == [("running", at)]


async def test_a_nodes_certificate_is_known(node: Node) -> None:
    (own,) = (await node.facts()).certificates
    assert own.expires_at > own.issued_at


async def test_a_score_is_kept_with_its_points_and_its_median(node: Node) -> None:
    journal, clock = node.journal, node.clock

    async def scored(value: int) -> None:
        lost = ((100 - value, "listed by zen.spamhaus.org"),) if value < 100 else ()
        one = ScoreChange(node_id=node_id(1), address=ip(1), score=value, lost=lost)
        await journal.commit(replace(judgement(scores=(one,)), at=clock.now()))

    assert (await node.address()).score is None
    await scored(60)
    clock.move(60)
    assert (await node.address()).score == ScoreFacts(score=60, median=100)
    (row,) = await journal.nodes(node="mx1")
    assert row["reputation_score"] == 60
    (shown,) = rows_of(row, "addresses")
    assert shown["score"] == {
        "value": 60,
        "median": 100,
        "lost": [{"points": 40, "cause": "listed by zen.spamhaus.org"}],
    }
    clock.move(4 * DAY_SECONDS)
    assert (await node.address()).score == ScoreFacts(score=60, median=60)
    await scored(100)
    (row,) = await journal.nodes(node="mx1")
    assert row["reputation_score"] == 100
    (untouched,) = rows_of((await journal.nodes(node="mx2"))[0], "addresses")
    assert untouched["score"] == {"value": 100, "median": 100, "lost": []}


async def test_a_person_may_lift_what_automation_paused_and_it_stays_lifted(node: Node) -> None:
    await node.quarter(sent=1, bounced=29, **{REFUSED: 29})
    made = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    await node.journal.commit(made)
    wish = OperatorPause(
        node_id=node_id(1), address=None, pausing=False, note="we talked", override=True
    )
    await node.journal.operator_pause(wish, entry("resume", node_id(1)))
    assert (await node.facts()).pauses == ()
    snapshot = await node.journal.load([node_id(1)])
    assert [(key.reason, key.receiver) for key in snapshot.denials] == [(Reason.BLOCKED, "gmail")]
    again = judge(snapshot, Policy(), now=node.clock.now())
    assert (again.pauses_open, again.denials_end) == ((), ())
    with pytest.raises(Refused):
        await node.journal.operator_pause(replace(wish, override=False), entry())
