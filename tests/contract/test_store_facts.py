"""Intake's side of the store: what heartbeats, Hellos and epochs change, and what they do not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.core.model import Look, Order
from collector.ports import Refused, Store
from deliverability.zones import Sentinels, Verdict
from tests.store_bed import (
    EPOCH,
    START,
    ZONE,
    HandClock,
    beat,
    cell,
    enrol,
    event,
    hello,
    ip,
    node_id,
    pool_of,
    zone_reading,
)
from tests.store_judged import judgement
from tests.stores import STORES


@pytest.fixture(params=STORES)
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path, HandClock()) as found:
        await enrol(found, (1, 2), await pool_of(found))
        yield found


async def totals(journal: Store, number: int = 1) -> dict[tuple[str, str], object]:
    (row,) = await journal.nodes(node=node_id(number))
    shown = row["totals"]
    assert isinstance(shown, list)
    return {(one["address"], one["receiver"]): one["attempts"] for one in shown}


async def zone(journal: Store) -> tuple[Verdict, timedelta, int]:
    """Verdict, `since` as time after START, rounds."""
    (node,) = (await journal.load([node_id(1)])).nodes
    (fact,) = node.addresses[0].zones
    return fact.verdict, fact.since - START, fact.rounds


async def test_a_heartbeat_is_the_newest_account(journal: Store) -> None:
    await journal.record(beat(1, 1, cells=[cell(ip(1), "gmail", sent=5, deferred=2)]))
    account = await journal.account(node_id(1))
    assert account is not None
    assert (account.epoch, account.sequence) == (EPOCH, 1)
    assert account.log_position == b"position 1"
    assert account.counted_to == START + timedelta(seconds=30)
    assert await totals(journal) == {(ip(1), "gmail"): {"sent": 5, "deferred": 2}}
    (node,) = (await journal.load([node_id(1)])).nodes
    assert node.clock_skew == timedelta(milliseconds=-500)
    assert node.obedience is not None
    assert node.obedience.order == (1, 1)
    (row,) = await journal.nodes(node="mx1")
    assert row["last_heartbeat"] == "2026-03-01T12:00:30.000Z"
    latest = row["latest"]
    assert isinstance(latest, dict)
    assert latest["host"]["cpu_count"] == 2
    assert latest["queue"]["maildrop"] is None


async def test_duplicate_and_late_heartbeats_change_nothing(journal: Store) -> None:
    first = beat(1, 1, cells=[cell(ip(1), "gmail", sent=5)])
    second = beat(1, 2, cells=[cell(ip(1), "gmail", sent=9)])
    await journal.record(second)
    before = await journal.nodes(node=node_id(1))
    await journal.record(first)
    await journal.record(second)
    assert await journal.nodes(node=node_id(1)) == before
    assert await totals(journal) == {(ip(1), "gmail"): {"sent": 9}}


async def test_order_within_one_group_is_the_order_of_arrival(journal: Store) -> None:
    beats = [beat(1, n, cells=[cell(ip(1), "gmail", sent=10 * n)]) for n in (1, 3, 2, 3, 4)]
    await asyncio.gather(*(journal.record(one) for one in beats))
    account = await journal.account(node_id(1))
    assert account is not None
    assert account.sequence == 4
    assert await totals(journal) == {(ip(1), "gmail"): {"sent": 40}}
    assert not [
        row
        for row in await journal.journal(after=0, limit=99, node_id=None)
        if "backwards" in str(row["text"])
    ]


async def test_a_total_that_goes_backwards_is_told_not_stored(journal: Store) -> None:
    await journal.record(beat(1, 1, cells=[cell(ip(1), "gmail", sent=9, bounced=1)]))
    await journal.record(
        beat(1, 2, cells=[cell(ip(1), "gmail", sent=4, bounced=2), cell(ip(1), "gmx", sent=1)])
    )
    assert await totals(journal) == {
        (ip(1), "gmail"): {"sent": 9, "bounced": 1},
        (ip(1), "gmx"): {"sent": 1},
    }
    *_, told = await journal.journal(after=0, limit=99, node_id=node_id(1))
    assert (told["kind"], told["severity"]) == ("event", "medium")
    details = told["details"]
    assert isinstance(details, dict)
    assert details["cells"] == [
        {
            "address": ip(1),
            "receiver": "gmail",
            "instance": "",
            "count": "sent",
            "told": 4,
            "stored": 9,
        }
    ]


async def test_an_epoch_begins_once(journal: Store) -> None:
    with pytest.raises(Refused, match="has not begun") as unknown:
        await journal.record(beat(1, 1, epoch="epoch-2"))
    assert unknown.value.code == "EPOCH_UNKNOWN"
    await journal.record(beat(1, 7, cells=[cell(ip(1), "gmail", sent=7)]))
    await journal.begin_epoch(node_id(1), epoch=EPOCH)
    account = await journal.account(node_id(1))
    assert account is not None
    assert account.sequence == 7
    await journal.begin_epoch(node_id(1), epoch="epoch-2")
    account = await journal.account(node_id(1))
    assert account is not None
    assert (account.epoch, account.sequence, account.log_position) == ("epoch-2", 0, b"position 7")
    await journal.record(beat(1, 1, epoch="epoch-2", cells=[cell(ip(1), "gmail", sent=1)]))
    assert await totals(journal) == {(ip(1), "gmail"): {"sent": 1}}
    with pytest.raises(Refused) as used:
        await journal.begin_epoch(node_id(1), epoch=EPOCH)
    assert used.value.code == "EPOCH_USED"
    with pytest.raises(Refused):
        await journal.record(beat(1, 8))


async def test_a_stranger_is_refused_and_its_company_is_not(journal: Store) -> None:
    outcomes = await asyncio.gather(
        journal.record(beat(1, 1)),
        journal.record(beat(77, 1)),
        journal.record(beat(2, 1)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), Refused, type(None)]
    assert await journal.account(node_id(77)) is None


async def test_a_value_no_column_holds_is_refused_alone(journal: Store) -> None:
    absurd = beat(1, 1, cells=[cell(ip(1), "gmail", sent=2**64)])
    outcomes = await asyncio.gather(
        journal.record(absurd), journal.record(beat(2, 1)), return_exceptions=True
    )
    assert isinstance(outcomes[0], Refused)
    assert outcomes[0].code == "FACT_ABSURD"
    assert outcomes[1] is None
    one, two = await journal.account(node_id(1)), await journal.account(node_id(2))
    assert one is not None
    assert two is not None
    assert (one.sequence, two.sequence) == (0, 1)


async def test_a_run_is_counted_by_sweeps_and_broken_by_any_other_answer(journal: Store) -> None:
    async def sweep(sequence: int, verdict: Verdict, *, number: int, right: bool = True) -> None:
        sentinels = Sentinels.RIGHT if right else Sentinels.WRONG
        reading = zone_reading(ip(1), verdict, round=number, sentinels=sentinels)
        await journal.record(beat(1, sequence, zones=[reading]))

    await sweep(1, Verdict.CLEAR, number=1)
    assert await zone(journal) == (Verdict.CLEAR, timedelta(seconds=30), 1)
    await sweep(2, Verdict.CLEAR, number=1)  # the same sweep, told again
    assert await zone(journal) == (Verdict.CLEAR, timedelta(seconds=30), 1)
    await sweep(3, Verdict.CLEAR, number=2)
    assert await zone(journal) == (Verdict.CLEAR, timedelta(seconds=30), 2)
    await sweep(4, Verdict.UNKNOWN, number=3)
    assert await zone(journal) == (Verdict.UNKNOWN, timedelta(seconds=120), 1)
    await sweep(5, Verdict.CLEAR, number=4)
    assert await zone(journal) == (Verdict.CLEAR, timedelta(seconds=150), 1)
    await sweep(6, Verdict.CLEAR, number=5, right=False)
    assert await zone(journal) == (Verdict.CLEAR, timedelta(seconds=180), 1)
    await sweep(7, Verdict.LISTED, number=6)
    assert await zone(journal) == (Verdict.LISTED, timedelta(seconds=210), 1)


async def test_other_codes_begin_another_run(journal: Store) -> None:
    for sequence, answers in enumerate((("127.0.0.11",), ("127.0.0.4", "127.0.0.11")), 1):
        reading = zone_reading(ip(1), Verdict.LISTED, round=sequence, sentinels=Sentinels.RIGHT)
        reading = replace(reading, answers=answers)
        await journal.record(beat(1, sequence, zones=[reading]))
    assert await zone(journal) == (Verdict.LISTED, timedelta(seconds=60), 1)


async def test_the_last_usable_answer_outlives_unknown_ones(journal: Store) -> None:
    answers = [
        (Verdict.CLEAR, Sentinels.RIGHT),
        (Verdict.LISTED, Sentinels.WRONG),
        (Verdict.UNKNOWN, Sentinels.RIGHT),
    ]
    for sequence, (verdict, sentinels) in enumerate(answers, 1):
        reading = zone_reading(ip(1), verdict, round=sequence, sentinels=sentinels)
        await journal.record(beat(1, sequence, zones=[reading]))
    (node,) = (await journal.load([node_id(1)])).nodes
    assert node.last_usable_answer_at == START + timedelta(seconds=30)


async def test_an_event_is_told_once(journal: Store) -> None:
    for sequence, events in enumerate(((event(1),), (event(1), event(2)), (event(2),)), 1):
        await journal.record(replace(beat(1, sequence), events=events))
    told = await journal.journal(after=0, limit=99, node_id=node_id(1))
    ids = [row["details"]["id"] for row in told if row["kind"] == "event"]  # type: ignore[index]
    assert ids == [1, 2]


async def test_a_hello_says_who_and_from_where(journal: Store) -> None:
    await journal.record_hello(hello(1, addresses=(ip(9), ip(1)), agent_version="0.2.0"))
    account = await journal.account(node_id(1))
    assert account is not None
    assert account.addresses == (ip(9), ip(1))
    (row,) = await journal.nodes(node=ip(9))
    assert (row["id"], row["agent_version"]) == (node_id(1), "0.2.0")
    await journal.record_hello(hello(1, addresses=(ip(9),)))
    (node,) = (await journal.load([node_id(1)])).nodes
    assert [address.ip for address in node.addresses] == [ip(9)]
    *_, told = await journal.journal(after=0, limit=99, node_id=node_id(1))
    assert told["text"] == f"sends from {ip(9)}; before: {ip(9)}, {ip(1)}"
    with pytest.raises(Refused):
        await journal.record_hello(hello(77))


def look(seconds: int, verdict: Verdict) -> Look:
    return Look(
        address=ip(1),
        zone=ZONE,
        verdict=verdict,
        answers=("127.0.0.2",),
        sentinels=Sentinels.RIGHT,
        at=START + timedelta(seconds=seconds),
    )


async def test_the_look_that_came_last_stands_whatever_the_clock_says(journal: Store) -> None:
    for seconds, verdict in ((10, Verdict.CLEAR), (20, Verdict.LISTED), (5, Verdict.UNKNOWN)):
        await journal.record_look(look(seconds, verdict))
    (node,) = (await journal.load([node_id(1)])).nodes
    assert node.addresses[0].looks == (look(5, Verdict.UNKNOWN),)


async def test_looks_that_tell_nothing_keep_when_the_zone_was_clear(journal: Store) -> None:
    for seconds, verdict, cleared in (
        (1, Verdict.UNKNOWN, None),
        (2, Verdict.CLEAR, None),
        (3, Verdict.UNKNOWN, 2),
        (4, Verdict.UNKNOWN, 2),
        (5, Verdict.LISTED, None),
        (6, Verdict.UNKNOWN, None),
    ):
        await journal.record_look(look(seconds, verdict))
        (node,) = (await journal.load([node_id(1)])).nodes
        at = START + timedelta(seconds=cleared) if cleared else None
        assert node.addresses[0].looks == (replace(look(seconds, verdict), cleared_at=at),)


async def test_a_restored_journal_believes_the_node(journal: Store) -> None:
    ours = Order(term=1, revision=4)
    theirs = Order(term=3, revision=2, node_pauses=("LISTED",), addresses=((ip(1), ("OPERATOR",)),))
    await journal.commit(judgement(orders=((node_id(1), ours),)))
    await journal.import_restored(node_id(1), theirs, judgement=judgement())
    account = await journal.account(node_id(1))
    assert account is not None
    assert account.order == theirs
    # A directive judged before we knew is older than the node's own: it changes nothing.
    await journal.commit(judgement(orders=((node_id(1), Order(term=2, revision=9)),)))
    assert (await journal.orders([node_id(1), node_id(2)])) == {node_id(1): theirs}
