"""The store's thread: one thing at a time, in the order of asking, answered in the loop."""

import asyncio
from collections.abc import AsyncIterator
from threading import Event

import pytest

from collector.adapters.store.worker import Worker


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    made = Worker("tested")
    yield made
    await made.end()


def refuse(word: str) -> None:
    raise ValueError(word)


async def test_it_does_what_it_is_asked_in_the_order_of_asking(worker: Worker) -> None:
    done: list[int] = []
    await asyncio.gather(*(worker.do(done.append, number) for number in range(100)))
    assert done == list(range(100))


async def test_an_error_reaches_whoever_asked_and_nobody_else(worker: Worker) -> None:
    with pytest.raises(ValueError, match="no such thing"):
        await worker.do(refuse, "no such thing")
    assert await worker.do(len, "still there") == len("still there")


async def test_what_was_begun_is_finished_though_nobody_waits(worker: Worker) -> None:
    begun, go_on, done = Event(), Event(), Event()

    def work(_: None) -> None:
        begun.set()
        assert go_on.wait(10)
        done.set()

    asking = asyncio.ensure_future(worker.do(work, None))
    await asyncio.to_thread(begun.wait, 10)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    go_on.set()
    assert await worker.do(len, "next") == len("next")
    assert done.is_set()


async def test_what_nobody_waits_for_is_not_begun(worker: Worker) -> None:
    begun, go_on, done = Event(), Event(), list[str]()

    def hold(_: None) -> None:
        begun.set()
        assert go_on.wait(10)

    first = asyncio.ensure_future(worker.do(hold, None))
    await asyncio.to_thread(begun.wait, 10)
    second = asyncio.ensure_future(worker.do(done.append, "second"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await first
    await worker.do(done.append, "third")
    assert done == ["third"]


async def test_its_end_waits_for_what_was_asked_before() -> None:
    worker, done = Worker("ending"), list[int]()
    asked = [asyncio.ensure_future(worker.do(done.append, number)) for number in range(5)]
    await asyncio.sleep(0)
    await worker.end()
    assert done == list(range(5))
    assert all(one.done() for one in asked)
