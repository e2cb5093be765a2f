"""Client and serving end together, with pretended Postfix behind them."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.postfix import queue, serving
from agent.postfix.client import PostfixClient
from agent.postfix.commands import PostfixProblem
from agent.postfix.queue import QueueReader
from agent.postfix.verbs import Message

if TYPE_CHECKING:
    from agent.postfix.verbs import Value

OBSERVED: "dict[str, Value]" = {
    "running": True,
    "version": "3.7.11",
    "outbound": ("google", "smtp"),
    "deferred": ("google",),
    "paused": True,
    "config_changed_us": 1_000_000,
    "qmgr_started_us": 2_500_000,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "helper.sock"


async def test_questions_take_their_turn(path: Path) -> None:
    asked: list[str] = []

    def answer(request: Message) -> list[tuple[Message, list[int]]]:
        asked.append(request.kind)
        if request.kind == "resume":
            raise PostfixProblem("no", retryable=False)
        if request.kind == "observe":
            return [(Message("observed", OBSERVED), [])]
        return [(Message("done", {"changed": True, "reloaded": True}), [])]

    with serving_in_a_thread(path, answer):
        client = PostfixClient(path)
        results = await asyncio.gather(
            *(client.observe(), client.pause(), client.resume(), client.observe()),
            return_exceptions=True,
        )
        client.close()
    assert asked == ["observe", "pause", "resume", "observe"]
    assert [type(result).__name__ for result in results] == (
        ["PostfixObserved", "NoneType", "PostfixError", "PostfixObserved"]
    )


async def test_the_queue_is_counted_through_descriptors_in_several_parts(
    path: Path, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    for name in queue.QUEUES:
        (spool / name).mkdir(parents=True)
    (spool / "hold" / "1A2B3C").touch()

    def answer(_: Message) -> list[tuple[Message, list[int]]]:
        names = [f"postfix:{name}" for name in queue.QUEUES]
        return [
            (
                Message("directories", {"part": number, "parts": len(names), "names": (name,)}),
                [os.open(spool / name.partition(":")[2], os.O_RDONLY)],
            )
            for number, name in enumerate(names, 1)
        ]

    now = datetime.now(timezone.utc)
    reader = QueueReader()
    with serving_in_a_thread(path, answer):
        client = PostfixClient(path)
        assert (await queue.read_queue(client, reader, now)).hold == 1
        (spool / "deferred/A").mkdir()
        # A level nobody opens: asked for again, and then said to be unknown.
        assert (await queue.read_queue(client, reader, now)).deferred is None
        client.close()
    # The helper is away: what is open is counted all the same.
    assert (await queue.read_queue(client, reader, now)).hold == 1
    reader.close()
    assert (await queue.read_queue(client, reader, now)).hold is None


@contextmanager
def serving_in_a_thread(path: Path, answer: "serving.Answering") -> Iterator[None]:
    """The real serving end, with another hand behind it."""
    listener = serving.listen(str(path), uid=os.getuid())
    server = serving.Serving(listener, uids=frozenset((os.getuid(),)), answer=answer)
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            server.step(20)
        server.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
