"""The control pass's side of the store: a judgement is committed whole, and read back as it was."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from collector.core.judgement import (
    EffectDraft,
    Judgement,
    ListingDraft,
    PauseDraft,
    RotationChange,
)
from collector.core.model import (
    AddressFacts,
    AlertFact,
    Brake,
    Fate,
    Kind,
    Liveness,
    Order,
    Reason,
    Severity,
    Snapshot,
    Standing,
    Subject,
)
from collector.ports import OperatorPause, Refused
from tests.store_bed import (
    START,
    ZONE,
    HandClock,
    decision,
    enrol,
    entry,
    ip,
    judgement,
    node_id,
    opened,
    pool_of,
)

NODES = range(1, 6)
KEY = (node_id(1), ip(1), Kind.PAUSE, Reason.LISTED)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path, clock) as found:
        await enrol(found, NODES, await pool_of(found))
        yield found


async def the_pool(journal: SqlStore) -> str:
    (row,) = await journal.pools()
    return str(row["id"])


async def listed(journal: SqlStore) -> Judgement:
    """Node 1 is found listed: everything one pass may write at once."""
    pool_id = await the_pool(journal)
    subject = Subject(node_id=node_id(1), address=ip(1), pool_id=pool_id)
    order = Order(term=1, revision=1, addresses=((ip(1), ("LISTED",)),))
    return judgement(
        decisions=(
            decision(1, pool_id),
            decision(2, pool_id, fate=Fate.WITHHELD, brake=Brake.FLOOR),
        ),
        listings_open=(draft(1),),
        pauses_open=(
            PauseDraft(
                subject=subject, reason=Reason.LISTED, owner="automation", note="", decision=0
            ),
        ),
        rotation=(RotationChange(subject=subject, member=False, reason=Reason.LISTED, decision=0),),
        orders=((node_id(1), order),),
        effects=(
            EffectDraft(key="directive:1", kind="directive", node_id=node_id(1), payload={"n": 1}),
        ),
        alerts_open=(alert("listed"),),
        brakes_engage=(ZONE,),
    )


def draft(number: int, consequence: str = "pause") -> ListingDraft:
    return ListingDraft(
        node_id=node_id(number),
        address=ip(number),
        zone=ZONE,
        operator="spamhaus",
        answers=("127.0.0.2", "127.0.0.4"),
        consequence=consequence,
        confirmed_by="collector",
        details="the answer as it came",
    )


def alert(text: str) -> AlertFact:
    return AlertFact(
        key=f"listing:{ip(1)}",
        severity=Severity.HIGH,
        text=text,
        opened_at=START,
        node_id=node_id(1),
    )


async def admit(journal: SqlStore, numbers: range, *, member: bool = True) -> None:
    pool_id = await the_pool(journal)
    subjects = [Subject(node_id=node_id(n), address=ip(n), pool_id=pool_id) for n in numbers]
    changes = tuple(
        RotationChange(subject=subject, member=member, reason=None, decision=None)
        for subject in subjects
    )
    await journal.commit(judgement(rotation=changes))


async def first(journal: SqlStore) -> tuple[Snapshot, AddressFacts]:
    snapshot = await journal.load([node_id(1)])
    return snapshot, snapshot.nodes[0].addresses[0]


async def test_a_judgement_comes_back_whole(journal: SqlStore) -> None:
    await admit(journal, NODES)
    ids = await journal.commit(await listed(journal))
    snapshot, address = await first(journal)
    (node,) = snapshot.nodes
    (pause,) = node.pauses
    assert (pause.reason, pause.address, pause.decision_id) == (Reason.LISTED, ip(1), ids[0])
    assert (address.in_rotation, address.rotation_reason) == (False, Reason.LISTED)
    assert address.listings[0].answers == ("127.0.0.2", "127.0.0.4")
    assert node.order == Order(term=1, revision=1, addresses=((ip(1), ("LISTED",)),))
    assert (node.order_at, node.liveness) == (START, Liveness.UNHEARD)
    assert snapshot.standing == {
        KEY: Standing(decision_id=ids[0], fate=Fate.MADE, brake=None),
    }
    assert snapshot.alerts == (alert("listed"),)
    assert snapshot.fleet.brakes[ZONE].engaged_at == START
    assert snapshot.fleet.open_listings[ZONE] == address.listings
    (pool,) = snapshot.fleet.pools.values()
    assert (pool.addresses, pool.in_rotation, pool.nodes) == (5, 4, 5)
    (effect,) = await journal.effects(limit=9)
    assert (effect.key, effect.payload, effect.attempts) == ("directive:1", {"n": 1}, 0)


async def test_it_is_told_in_the_timeline_and_explained(journal: SqlStore) -> None:
    end = (await journal.journal(after=-1, limit=1, node_id=None))[0]["seq"]
    assert isinstance(end, int)
    ids = await journal.commit(await listed(journal))
    await journal.finish_effect("directive:1", outcome="sent", at=START)
    rows = await journal.journal(after=end, limit=99, node_id=None)
    assert [row["kind"] for row in rows] == [
        *("decision", "decision", "listing", "alert", "event", "effect"),
    ]
    assert [row["seq"] for row in rows] == sorted(int(str(row["seq"])) for row in rows)
    (made,) = await journal.decisions("mx1", limit=9)
    assert made["id"] == ids[0]
    assert (made["fate"], made["brake"], made["rule"]) == (
        "made",
        None,
        "confirmed critical listing",
    )
    assert made["evidence"] == {"zone": ZONE, "answers": ["127.0.0.2"]}
    thresholds = made["thresholds"]
    assert isinstance(thresholds, dict)
    assert thresholds["floor_ratio"] == 0.6
    assert made["effects"] == [
        {
            "key": "directive:1",
            "kind": "directive",
            "state": "done",
            "outcome": "sent",
            "at": "2026-03-01T12:00:00.000Z",
        }
    ]
    for subject in (node_id(1), ip(1), ids[0]):
        assert await journal.decisions(subject, limit=9) == [made]
    (withheld,) = await journal.decisions(ip(2), limit=9)
    assert (withheld["fate"], withheld["brake"], withheld["effects"]) == ("withheld", "floor", [])


async def test_opening_what_is_open_changes_nothing_but_an_alerts_words(journal: SqlStore) -> None:
    await journal.commit(await listed(journal))
    before, _ = await first(journal)
    pool_id = await the_pool(journal)
    subject = Subject(node_id=node_id(1), address=ip(1), pool_id=pool_id)
    again = PauseDraft(
        subject=subject, reason=Reason.LISTED, owner="automation", note="again", decision=0
    )
    await journal.commit(
        judgement(
            decisions=(decision(1, pool_id),),
            listings_open=(draft(1),),
            pauses_open=(again,),
            effects=(EffectDraft(key="directive:1", kind="other", node_id=None, payload={}),),
            alerts_open=(alert("listed, still"),),
            brakes_engage=(ZONE,),
        )
    )
    after, _ = await first(journal)
    assert after.nodes == before.nodes
    assert after.fleet == before.fleet
    assert after.alerts == (alert("listed, still"),)
    assert [effect.kind for effect in await journal.effects(limit=9)] == ["directive"]


async def test_what_opened_closes(journal: SqlStore) -> None:
    await journal.commit(await listed(journal))
    snapshot, address = await first(journal)
    await journal.commit(
        judgement(
            listings_close=(address.listings[0].id,),
            pauses_close=(snapshot.nodes[0].pauses[0].id,),
            alerts_resolve=(alert("").key,),
            brakes_release=(ZONE,),
            standing_clear=(KEY,),
        )
    )
    snapshot, address = await first(journal)
    assert (snapshot.nodes[0].pauses, address.listings, snapshot.alerts) == ((), (), ())
    assert (snapshot.fleet.open_listings, snapshot.fleet.brakes, snapshot.standing) == ({}, {}, {})
    (over,) = await journal.alerts(open_only=False, limit=9)
    assert over["resolved_at"] == "2026-03-01T12:00:00.000Z"
    assert await journal.alerts(open_only=True, limit=9) == []


async def test_a_judgement_that_fails_leaves_nothing(journal: SqlStore) -> None:
    end = await journal.journal(after=0, limit=999, node_id=None)
    good = await listed(journal)
    bad = judgement(
        decisions=good.decisions,
        listings_open=good.listings_open,
        pauses_open=(
            PauseDraft(
                subject=good.decisions[0].proposal.subject,
                reason=Reason.LISTED,
                owner="automation",
                note="",
                decision=7,
            ),
        ),
    )
    with pytest.raises(IndexError):
        await journal.commit(bad)
    assert await journal.journal(after=0, limit=999, node_id=None) == end
    assert (await first(journal))[1].listings == ()
    await journal.commit(good)


async def test_an_empty_judgement_writes_nothing(journal: SqlStore) -> None:
    before = await journal.journal(after=0, limit=999, node_id=None)
    assert await journal.commit(judgement()) == ()
    assert await journal.journal(after=0, limit=999, node_id=None) == before


async def test_only_pausing_listings_count_for_the_fleet(journal: SqlStore) -> None:
    await journal.commit(judgement(listings_open=(draft(1, "policy"), draft(2))))
    snapshot = await journal.load(None)
    assert [listing.node_id for listing in snapshot.fleet.open_listings[ZONE]] == [node_id(2)]
    assert [len(node.addresses[0].listings) for node in snapshot.nodes] == [1, 1, 0, 0, 0]


async def test_the_baseline_is_the_median_of_a_day_by_time(
    journal: SqlStore, clock: HandClock
) -> None:
    async def move(at_hour: float, numbers: range, *, member: bool) -> None:
        pool_id = await the_pool(journal)
        changes = tuple(
            RotationChange(
                subject=Subject(node_id=node_id(n), address=ip(n), pool_id=pool_id),
                member=member,
                reason=None,
                decision=None,
            )
            for n in numbers
        )
        at = START + timedelta(hours=at_hour)
        await journal.commit(Judgement(at=at, term=1, rotation=changes))

    async def baseline(at_hour: float) -> tuple[int, int]:
        clock.seconds = at_hour * 3600
        (row,) = await journal.pools()
        return int(str(row["in_rotation"])), int(str(row["baseline"]))

    assert await baseline(0) == (0, 0)
    await move(0, range(1, 5), member=True)
    assert await baseline(0) == (4, 4)
    await move(10, range(1, 3), member=False)
    assert await baseline(11) == (2, 4)  # 10 h of 4, 1 h of 2
    assert await baseline(19) == (2, 4)
    assert await baseline(21) == (2, 2)  # 10 h of 4, 11 h of 2
    await move(21, range(1, 6), member=True)
    assert await baseline(21) == (5, 5)  # never below the present
    await move(21, range(1, 6), member=False)
    assert await baseline(30) == (0, 2)  # since hour 6: 4 h of 4, 11 h of 2, 9 h of none
    (row,) = await journal.pools()
    assert row["rotation_revision"] == 4


async def test_a_person_pauses_and_resumes(journal: SqlStore) -> None:
    wish = OperatorPause(node_id=node_id(1), address=None, pausing=True, note="repairs")
    await journal.operator_pause(wish, entry("pause", node_id(1)))
    (pause,) = (await journal.load([node_id(1)])).nodes[0].pauses
    assert (pause.reason, pause.owner, pause.address) == (Reason.OPERATOR, "anna", None)
    (why,) = await journal.decisions(node_id(1), limit=9)
    assert (why["rule"], why["id"]) == ("operator", pause.decision_id)
    assert why["evidence"] == {"who": "anna", "from": "192.0.2.200", "why": "repairs"}
    resume = OperatorPause(node_id=node_id(1), address=None, pausing=False, note="done")
    await journal.operator_pause(resume, entry("resume", node_id(1)))
    assert (await journal.load([node_id(1)])).nodes[0].pauses == ()
    with pytest.raises(Refused, match="no pause") as refused:
        await journal.operator_pause(resume, entry("resume", node_id(1)))
    assert refused.value.code == "NOTHING_TO_RESUME"
    stranger = OperatorPause(node_id=node_id(77), address=None, pausing=True, note="")
    with pytest.raises(Refused):
        await journal.operator_pause(stranger, entry("pause", node_id(77)))


async def test_a_person_may_override_a_listing_and_automation_is_told(journal: SqlStore) -> None:
    await journal.commit(await listed(journal))
    plain = OperatorPause(node_id=node_id(1), address=ip(1), pausing=False, note="")
    with pytest.raises(Refused):
        await journal.operator_pause(plain, entry("resume", node_id(1)))
    override = OperatorPause(
        node_id=node_id(1), address=ip(1), pausing=False, note="mistaken", override=True
    )
    await journal.operator_pause(override, entry("resume", node_id(1)))
    snapshot, address = await first(journal)
    assert snapshot.nodes[0].pauses == ()
    assert len(address.listings) == 1
    assert snapshot.standing[KEY].fate is Fate.OVERRIDDEN
    assert [row["fate"] for row in await journal.decisions(ip(1), limit=9)].count("overridden") == 1


async def test_effects_are_finished_once(journal: SqlStore) -> None:
    await journal.commit(await listed(journal))
    await journal.finish_effect("directive:1", outcome="sent", at=START)
    await journal.finish_effect("directive:1", outcome="sent twice", at=START)
    assert await journal.effects(limit=9) == []
    told = [
        row["text"]
        for row in await journal.journal(after=0, limit=999, node_id=node_id(1))
        if row["kind"] == "effect"
    ]
    assert told == ["directive: sent"]
