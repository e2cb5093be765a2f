"""Notices on their way: at least once, folded after an outage, never waiting for each other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from collector import courier as couriers
from collector.adapters import notify
from collector.adapters.doorbell import Bell
from collector.adapters.store import SqlStore
from collector.core import notices
from collector.core.channels import Route, Webhook
from collector.core.judgement import Judgement
from collector.core.model import Severity
from collector.core.notice import Notice, Occasion
from collector.courier import Courier, Ways
from collector.ports import StoreError
from tests.core.said import notice
from tests.notify_bed import Receiver, around, receiving
from tests.store_bed import HandClock


@asynccontextmanager
async def receivers(*names: str) -> AsyncIterator[dict[str, Receiver]]:
    async with receiving() as first, receiving() as second:
        yield dict(zip(names, (first, second), strict=False))


def made(
    journal: SqlStore, clock: HandClock, receivers: dict[str, Receiver], *routes: Route
) -> Courier:
    channels = {
        name: notify.build(Webhook(name=name, url=one.url), None, around=around())
        for name, one in receivers.items()
    }
    return Courier(
        journal,
        ways=Ways(channels=channels, routes=routes),
        clock=clock,
        term=lambda: 1,
        bell=Bell(),
    )


async def turn(courier: Courier) -> None:
    """Once, and every lane to its end."""
    async with anyio.create_task_group() as tasks:
        await courier.once(tasks)


async def commit(journal: SqlStore, clock: HandClock, *told: Notice) -> None:
    effects = tuple(notices.effect(one) for one in told)
    await journal.commit(Judgement(at=clock.now(), term=1, notices=effects))


async def waiting(journal: SqlStore) -> list[str]:
    states = await journal.channel_states()
    return [name for name, one in states.items() if one.waiting]


def keys(receiver: Receiver) -> list[str]:
    return [said["key"] for said in receiver.said]


async def outcomes(journal: SqlStore) -> list[tuple[str, str, int]]:
    """Channel, its newest problem, and how much waits."""
    states = await journal.channel_states()
    return [(name, one.problem, one.waiting) for name, one in sorted(states.items())]


async def test_each_notice_goes_once_to_every_channel(journal: SqlStore, clock: HandClock) -> None:
    async with receivers("a", "b") as there:
        courier = made(journal, clock, there)
        await commit(journal, clock, notice(1), notice(2))
        for _ in range(3):
            await turn(courier)
        assert keys(there["a"]) == keys(there["b"]) == [notice(1).key, notice(2).key]
        assert await journal.untold(limit=9) == []
        assert await waiting(journal) == []


async def test_routes_choose_and_the_end_follows_the_beginning(
    journal: SqlStore, clock: HandClock
) -> None:
    async with receivers("a", "b") as there:
        courier = made(
            *(journal, clock, there),
            Route(channels=("a",), severity=Severity.HIGH),
            Route(channels=("b",), pools=("other",)),
        )
        over = replace(notice(1, 2), event=Occasion.RESOLVED, severity=Severity.LOW)
        for one in (notice(1), over):
            await commit(journal, clock, one)
            await turn(courier)
        assert (keys(there["a"]), keys(there["b"])) == ([notice(1).key, over.key], [])


async def test_a_dead_channel_keeps_nobody_waiting(journal: SqlStore, clock: HandClock) -> None:
    async with receivers("dead", "alive") as there:
        there["dead"].mood = 503
        courier = made(journal, clock, there)
        await commit(journal, clock, notice(1))
        await turn(courier)
        assert keys(there["alive"]) == [notice(1).key]
        assert await outcomes(journal) == [
            ("alive", "", 0),
            ("dead", there["dead"].url[7:] + " answered 503 as [31m you like", 1),
        ]
        await turn(courier)
        assert there["dead"].asked == 1, "it rests"
        for seconds, asked in ((2, 2), (2, 2), (2, 3), (8, 4)):
            clock.move(seconds)
            await turn(courier)
            assert there["dead"].asked == asked


async def test_after_an_outage_few_words(journal: SqlStore, clock: HandClock) -> None:
    """Two hundred notices of forty incidents wait: one digest goes, and nothing is left."""
    async with receivers("a") as there:
        there["a"].mood = 503
        courier = made(journal, clock, there)
        for sequence in range(1, 6):
            await commit(journal, clock, *(notice(n, sequence) for n in range(40)))
            await turn(courier)
            clock.move(600)
        there["a"].mood = 200
        await turn(courier)
        (said,) = there["a"].said
        assert said["event"] == "digest"
        assert said["title"].startswith("40 incidents since ")
        assert await waiting(journal) == []
        await commit(journal, clock, notice(99))
        await turn(courier)
        assert len(there["a"].said) == 2


async def test_what_was_sent_and_not_written_down_goes_again_under_its_key(
    journal: SqlStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receivers("a") as there:
        await commit(journal, clock, notice(1))
        with monkeypatch.context() as patched:
            patched.setattr(journal, "delivered", _disk_full)
            await turn(made(journal, clock, there))
        await turn(made(journal, clock, there))
        assert keys(there["a"]) == [notice(1).key] * 2
        assert {head["Idempotency-Key"] for head in there["a"].heads} == {notice(1).key}


async def test_a_digest_that_was_sent_and_not_written_down_goes_again_as_it_was(
    journal: SqlStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever came to wait meanwhile goes after it."""
    async with receivers("a") as there:
        await commit(journal, clock, *(notice(n) for n in range(8)))
        with monkeypatch.context() as patched:
            patched.setattr(journal, "delivered", _disk_full)
            await turn(made(journal, clock, there))
        clock.move(60)
        await commit(journal, clock, notice(3, 2), notice(9))
        await turn(made(journal, clock, there))
        digest, again, *rest = keys(there["a"])
        assert digest == again
        assert there["a"].said[0] == there["a"].said[1]
        assert rest == [notice(3, 2).key, notice(9).key]
        assert await waiting(journal) == []


async def _disk_full(*_: object, **__: object) -> None:
    raise StoreError("journal: disk full", retryable=True)


async def test_what_cannot_be_taken_is_refused_once_and_said(
    journal: SqlStore, clock: HandClock
) -> None:
    async with receivers("a") as there:
        there["a"].mood = 422
        courier = made(journal, clock, there)
        await commit(journal, clock, notice(1))
        await turn(courier)
        assert (there["a"].asked, await waiting(journal)) == (1, [])
        await courier.tend()
        assert await alerts(journal) == [
            "the channel a lost a notice: " + there["a"].url[7:] + " answered 422 as [31m you like"
        ]
        there["a"].mood = 200
        clock.move(1)
        await commit(journal, clock, notice(2))
        await turn(courier)
        await courier.tend()
        assert await alerts(journal) == []


async def alerts(journal: SqlStore) -> list[str]:
    return [str(row["text"]) for row in await journal.alerts(open_only=True, limit=9)]


async def test_a_channel_that_fails_for_long_is_an_alert_and_a_day_is_enough(
    journal: SqlStore, clock: HandClock
) -> None:
    async with receivers("a", "b") as there:
        there["a"].mood = "drop"
        courier = made(journal, clock, there)
        await commit(journal, clock, notice(1))
        await turn(courier)
        clock.move(299)
        await courier.tend()
        assert await alerts(journal) == []
        clock.move(1)
        await courier.tend()
        (said,) = await alerts(journal)
        assert said.startswith("the channel a does not deliver: 127.0.0.1")
        assert said.endswith("it closed the connection")
        clock.move(couriers.GIVE_UP_AFTER.total_seconds() + 1)
        await courier.tend()
        assert await waiting(journal) == []
        await courier.tend()
        (lost,) = await alerts(journal)
        assert lost.startswith("the channel a lost a notice: ")


async def test_a_channel_nobody_configures_any_more_keeps_nothing(
    journal: SqlStore, clock: HandClock
) -> None:
    async with receivers("a", "b") as there:
        there["a"].mood = 503
        await commit(journal, clock, notice(1))
        await turn(made(journal, clock, there))
        left = made(journal, clock, {"b": there["b"]})
        await left.tend()
        await turn(left)
        assert await waiting(journal) == []
        assert await alerts(journal) == []


async def test_no_channel_is_no_error(journal: SqlStore, clock: HandClock) -> None:
    courier = made(journal, clock, {})
    await commit(journal, clock, notice(1))
    await turn(courier)
    assert await journal.untold(limit=9) == []
    (row,) = await journal.journal(after=-1, limit=1, node_id=None)
    assert row["text"] == f"notify: no channel wants it: {notice().title}"
