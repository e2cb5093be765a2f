"""The control pass's side of the store: a judgement is committed whole, and read back as it was."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.core.judgement import (
    EffectDraft,
    PauseDraft,
)
from collector.core.model import (
    AlertFact,
    Fate,
    Kind,
    Liveness,
    Order,
    Reason,
    Severity,
    Standing,
    StandingKey,
    Subject,
)
from collector.ports import Store
from tests.store_bed import (
    START,
    ZONE,
    HandClock,
    enrol,
    ip,
    node_id,
    pool_of,
)
from tests.store_judged import admit, alert, decision, draft, first, judgement, listed, the_pool
from tests.stores import STORES

NODES = range(1, 6)
KEY = StandingKey(node_id(1), ip(1), Kind.PAUSE, Reason.LISTED)


@pytest.fixture(params=STORES)
async def journal(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path, clock) as found:
        await enrol(found, NODES, await pool_of(found))
        yield found


async def test_a_judgement_comes_back_whole(journal: Store) -> None:
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


async def test_it_is_told_in_the_timeline_and_explained(journal: Store) -> None:
    end = (await journal.journal(after=-1, limit=1, node_id=None))[0]["seq"]
    assert isinstance(end, int)
    ids = await journal.commit(await listed(journal))
    await journal.finish_effects({"directive:1": "sent"}, at=START)
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


async def test_opening_what_is_open_changes_nothing_but_an_alerts_words(journal: Store) -> None:
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


async def test_what_stands_is_asked_for_by_its_cause(journal: Store) -> None:
    keys = ("chan:0", "channel:a", "channel:z", "channels:b", "duplicate:x")
    made = tuple(
        AlertFact(key=key, severity=Severity.LOW, text="so it is", opened_at=START) for key in keys
    )
    await journal.commit(judgement(alerts_open=made, brakes_engage=("b.example", "a.example")))
    await journal.commit(judgement(alerts_resolve=("channel:z",), brakes_release=("b.example",)))

    async def standing(*causes: str) -> list[str]:
        return [one.key for one in await journal.standing_alerts(causes)]

    assert await standing("channel") == ["channel:a"]
    assert await standing("duplicate", "channel") == ["channel:a", "duplicate:x"]
    assert await standing() == []
    assert list((await journal.load(())).fleet.brakes) == ["a.example"]


async def test_what_opened_closes(journal: Store) -> None:
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


async def test_a_judgement_that_fails_leaves_nothing(journal: Store) -> None:
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


async def test_an_empty_judgement_writes_nothing(journal: Store) -> None:
    before = await journal.journal(after=0, limit=999, node_id=None)
    assert await journal.commit(judgement()) == ()
    assert await journal.journal(after=0, limit=999, node_id=None) == before


async def test_only_pausing_listings_count_for_the_fleet(journal: Store) -> None:
    await journal.commit(judgement(listings_open=(draft(1, "policy"), draft(2))))
    snapshot = await journal.load(None)
    assert [listing.node_id for listing in snapshot.fleet.open_listings[ZONE]] == [node_id(2)]
    assert [len(node.addresses[0].listings) for node in snapshot.nodes] == [1, 1, 0, 0, 0]


async def test_effects_are_finished_once(journal: Store) -> None:
    await journal.commit(await listed(journal))
    await journal.finish_effects({"directive:1": "sent"}, at=START)
    await journal.finish_effects({"directive:1": "sent twice"}, at=START)
    assert await journal.effects(limit=9) == []
    told = [
        row["text"]
        for row in await journal.journal(after=0, limit=999, node_id=node_id(1))
        if row["kind"] == "effect"
    ]
    assert told == ["directive: sent"]
