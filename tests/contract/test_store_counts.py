"""What nodes counted: differences into windows, windows into hours and days, details by day."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore, counts, migrate
from collector.adapters.store import engines as store_engines
from collector.core import histograms
from collector.core.heartbeat import Detail, Heartbeat, Minute, Reply, UnknownLines
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS, WindowsAsked
from collector.operate.overview import rows_of
from collector.ports import Row
from deliverability.replies import Outcome
from tests.store_bed import (
    EPOCH,
    START,
    HandClock,
    beat,
    cell,
    enrol,
    ip,
    node_id,
    opened,
    pool_of,
)

NUMBERS = {"first_sent": 3, "first_bounced": 1, "rejected": 2, "bytes_sent": 4_000}


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path, clock) as found:
        await enrol(found, (1, 2), await pool_of(found))
        yield found


async def added(journal: SqlStore, span: int, *by: str, **more: str) -> list[Row]:
    asked = WindowsAsked(
        span=span,
        since=START - timedelta(days=8),
        until=START + timedelta(days=8),
        by=by or ("slot",),
        node_id=more.get("node_id"),
        receiver=more.get("receiver"),
    )
    return [*await journal.windows(asked)]


UNKNOWN = UnknownLines(
    lines=1000,
    deliveries=1,
    overlong=0,
    daemons=(("qmgr", 2),),
    newest=("an older", "a newer"),
    hosts=(("relay7", 4),),
)


async def test_the_newest_word_of_what_was_not_understood(journal: SqlStore) -> None:
    whole = replace(UNKNOWN, deliveries=0, daemons=(), newest=(), hosts=())
    await journal.record(replace(beat(1, 1), unknown_lines=replace(UNKNOWN, lines=10)))
    await journal.record(replace(beat(1, 2), unknown_lines=UNKNOWN))
    await journal.record(beat(1, 3))
    await journal.record(replace(beat(2, 1), unknown_lines=whole))
    told = await journal.unknown_lines(limit=5)
    sums = ("nodes", "nodes_unknown", "lines", "unknown")
    assert [told[name] for name in sums] == [2, 1, 2000, 3]
    (item,) = rows_of(told, "items")
    assert (item["node"], item["lines"], item["unknown"]) == ("mx1", 1000, 3)
    assert (item["daemons"], item["newest"]) == ({"qmgr": 2}, ["an older", "a newer"])
    assert item["hosts"] == {"relay7": 4}
    assert not rows_of(await journal.unknown_lines(limit=0), "items")


async def test_another_machine_in_the_log_is_told_where_all_was_understood(
    journal: SqlStore,
) -> None:
    told = replace(UNKNOWN, deliveries=0, daemons=(), newest=())
    await journal.record(replace(beat(1, 1), unknown_lines=told))
    (item,) = rows_of(await journal.unknown_lines(limit=5), "items")
    assert (item["unknown"], item["hosts"]) == (0, {"relay7": 4})


def later(made: Heartbeat, **delay: float) -> Heartbeat:
    return replace(made, received_at=made.received_at + timedelta(**delay))


async def test_only_what_was_added_goes_into_a_window(journal: SqlStore) -> None:
    """The first heartbeat of a node may bring weeks: history."""
    await journal.record(beat(1, 1, cells=[cell(ip(1), "gmail", sent=1000)]))
    await journal.record(beat(1, 2, cells=[cell(ip(1), "gmail", sent=1004, **NUMBERS)]))
    await journal.record(beat(1, 3, cells=[cell(ip(1), "gmail", sent=1004, **NUMBERS)]))
    (window,) = await added(journal, QUARTER_SECONDS, "receiver", "address", "node")
    assert (window["receiver"], window["address"], window["node"]) == ("gmail", ip(1), "mx1")
    assert {name: count for name, count in window.items() if isinstance(count, int) and count} == {
        "sent": 4,
        **NUMBERS,
    }


async def test_instances_of_a_receiver_share_its_window(journal: SqlStore) -> None:
    await journal.record(beat(1, 1))
    cells = [replace(cell(ip(1), "gmail", sent=5), instance=name) for name in ("postfix", "out")]
    await journal.record(beat(1, 2, cells=cells))
    (window,) = await added(journal, QUARTER_SECONDS)
    assert window["sent"] == 10
    (row,) = await journal.nodes(node="mx1")
    shown = row["totals"]
    assert isinstance(shown, list)
    assert [one["instance"] for one in shown] == ["out", "postfix"]


async def test_what_came_after_a_long_silence_is_no_rates_business(journal: SqlStore) -> None:
    await journal.record(beat(1, 1))
    await journal.record(later(beat(1, 2, cells=[cell(ip(1), "gmail", sent=5)]), minutes=20))
    assert await added(journal, QUARTER_SECONDS) == []
    await journal.record(later(beat(1, 3, cells=[cell(ip(1), "gmail", sent=7)]), minutes=20))
    (window,) = await added(journal, QUARTER_SECONDS)
    assert window["sent"] == 2


async def test_quarters_become_hours_and_days_and_go(journal: SqlStore, clock: HandClock) -> None:
    """Two nodes, one twice as busy; at every moment all that was added is in some window."""
    for number in (1, 2):
        await journal.record(replace(beat(number, 1), received_at=clock.now()))
    for quarter in range(1, 17):
        told = clock.move(QUARTER_SECONDS - 60)
        for number in (1, 2):
            counted = cell(ip(number), f"r{number}", sent=10 * number * quarter)
            made = beat(number, 1 + quarter, cells=[counted])
            await journal.record(replace(made, received_at=told))
        clock.move(60)
        for span in (QUARTER_SECONDS, HOUR_SECONDS, DAY_SECONDS):
            windows = await added(journal, span)
            kept = min(quarter, 12) if span == QUARTER_SECONDS else quarter
            assert sum(int(str(one["sent"])) for one in windows) >= 30 * kept, (quarter, span)
        await journal.prune()
    quarters = await added(journal, QUARTER_SECONDS, "slot")
    assert [one["sent"] for one in quarters] == [30] * 12
    hours = await added(journal, HOUR_SECONDS, "slot", "receiver")
    assert [(one["receiver"], one["sent"]) for one in hours] == [("", 120)] * 4
    days = await added(journal, DAY_SECONDS, "receiver")
    assert [(one["receiver"], one["sent"]) for one in days] == [("r1", 160), ("r2", 320)]
    assert len(await added(journal, HOUR_SECONDS, "slot", node_id=node_id(1))) == 4
    clock.move(40 * DAY_SECONDS)
    for _ in range(3):
        await journal.prune()
    assert await added(journal, DAY_SECONDS) == []


async def test_a_collector_that_slept_looks_once(journal: SqlStore, clock: HandClock) -> None:
    await journal.record(beat(1, 1))
    await journal.prune()
    clock.move(QUARTER_SECONDS)
    await journal.record(beat(1, 2, cells=[cell(ip(1), "gmail", sent=5)]))
    clock.move(7 * HOUR_SECONDS)
    for _ in range(4):
        await journal.prune()
    (window,) = await added(journal, HOUR_SECONDS)
    assert window["sent"] == 5
    assert window["slot"] == int(START.timestamp()), "when it was counted, not when we woke"


def detail(count: int, **classes: int) -> Detail:
    packed = histograms.pack([[0, count], [count], [count], [0, 0, count], [count]])
    return Detail(delays=packed, classes=tuple(classes.items()))


async def test_details_have_differences_by_day(journal: SqlStore, clock: HandClock) -> None:
    for day, count in ((0, 5), (0, 9), (1, 12), (1, 20)):
        told = replace(cell(ip(1), "gmail", sent=count), detail=detail(count, policy=count))
        made = beat(1, 1 + count, cells=[told])
        await journal.record(replace(made, received_at=START + timedelta(days=day)))
    clock.move(DAY_SECONDS)
    today = await journal.delays(node_id=node_id(1))
    yesterday = await journal.delays(receiver="gmail", days_ago=1)
    assert (today["classes"], yesterday["classes"]) == ({"policy": 11}, {"policy": 9})
    seconds = today["seconds"]
    assert isinstance(seconds, dict)
    assert seconds["connect"] == {"p50": 0.03, "p95": 0.03}
    assert (await journal.delays(receiver="gmx"))["classes"] == {}


async def test_the_newest_words_of_a_receiver(journal: SqlStore) -> None:
    def reply(minutes: int, text: str) -> Reply:
        return Reply(
            receiver="gmail",
            reply_class="policy",
            outcome=Outcome.BOUNCED,
            text=text,
            at=START + timedelta(minutes=minutes),
        )

    await journal.record(replace(beat(1, 1), replies=(reply(5, "newer"),)))
    await journal.record(replace(beat(1, 2), replies=(reply(4, "older of the same node"),)))
    await journal.record(replace(beat(2, 1), replies=(reply(3, "older of another node"),)))
    (said,) = await journal.replies(receiver="gmail", limit=9)
    assert (said["text"], said["node"], said["outcome"]) == ("newer", "mx1", "bounced")
    flood = tuple(replace(reply(1, "x"), receiver=f"r{n}") for n in range(counts.REPLIES_MAX + 40))
    await journal.record(replace(beat(1, 3), replies=flood))
    assert await journal.replies(receiver=f"r{counts.REPLIES_MAX - 2}", limit=1)
    assert not await journal.replies(receiver=f"r{counts.REPLIES_MAX - 1}", limit=1)


async def test_no_epoch_holds_more_than_its_cells(
    journal: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "CELLS_MAX", 10)
    for sequence in range(1, 6):
        known = cell(ip(1), "gmail", sent=sequence)
        more = [cell(ip(1), f"r{sequence}-{n}", sent=1) for n in range(4)]
        await journal.record(beat(1, sequence, cells=[known, *more]))
    (row,) = await journal.nodes(node="mx1")
    shown = row["totals"]
    assert isinstance(shown, list)
    assert len(shown) == 10
    assert {"gmail": 5}.items() <= {
        one["receiver"]: one["attempts"]["sent"] for one in shown
    }.items()
    told = [one["text"] for one in await journal.journal(after=0, limit=99, node_id=node_id(1))]
    assert sum("more than 10 cells" in str(text) for text in told) == 1
    # A new epoch has room again.
    await journal.begin_epoch(node_id(1), epoch="epoch-2")
    await journal.record(beat(1, 1, epoch="epoch-2", cells=[cell(ip(1), "gmail", sent=1)]))


async def test_minutes_of_an_outage_are_history_alone(journal: SqlStore, tmp_path: Path) -> None:
    minutes = tuple(
        Minute(at=START + timedelta(minutes=n), attempts=((Outcome.SENT, n), (Outcome.OURS, 1)))
        for n in (-3000, -3, -2, 5000)
    )
    await journal.record(replace(beat(1, 1), history=minutes))
    await journal.record(replace(beat(1, 2), history=minutes[1:2]))
    with closing(sqlite3.connect(tmp_path / "samples.db")) as samples:
        kept = samples.execute(
            "SELECT at, sent, deferred, ours FROM minutes ORDER BY at"
        ).fetchall()
    at = int(START.timestamp())
    assert kept == [(at - 180, -3, 0, 1), (at - 120, -2, 0, 1)]
    assert await added(journal, QUARTER_SECONDS) == []


async def test_a_journal_of_before_keeps_its_totals(tmp_path: Path) -> None:
    engine = store_engines.build(tmp_path / "journal.db", store_engines.JOURNAL, writes=True)
    with engine.begin() as connection:
        migrate.upgrade(connection, which="journal", to="0001")
        for statement in (
            "INSERT INTO pools (id, name, automation, created_at) VALUES ('p', 'p', 'act', 1)",
            "INSERT INTO nodes (id, name, pool_id, lifecycle, machine_id, hostname, enrolled_at)"
            f" VALUES ('{node_id(1)}', 'mx1', 'p', 'active', 'm', 'h', 1)",
            f"INSERT INTO epochs VALUES (1, '{node_id(1)}', '{EPOCH}', 1, 1)",
            "INSERT INTO node_states (number, node_id, epoch_number, epoch)"
            f" VALUES (1, '{node_id(1)}', 1, '{EPOCH}')",
            f"INSERT INTO totals VALUES (1, '{ip(1)}', 'gmail', 'sent', 7)",
            f"INSERT INTO totals VALUES (1, '{ip(1)}', 'gmail', 'expired', 2)",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    async with opened(tmp_path) as journal:
        (row,) = await journal.nodes(node="mx1")
        shown = row["totals"]
        assert isinstance(shown, list)
        assert [one["attempts"] for one in shown] == [{"sent": 7, "expired": 2}]
        await journal.record(beat(1, 1, cells=[cell(ip(1), "gmail", sent=8, expired=2)]))
