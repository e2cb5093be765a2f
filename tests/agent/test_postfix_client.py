"""The agent's end of the helper's socket, against peers that answer as no helper would."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop

from agent.postfix import verbs
from agent.postfix.client import PostfixClient, PostfixError
from agent.postfix.verbs import Message

OBSERVED: "dict[str, Value]" = {
    "running": True,
    "version": "3.7.11",
    "outbound": ("google", "smtp"),
    "deferred": ("google",),
    "paused": True,
    "config_changed_us": 1_000_000,
    "qmgr_started_us": 2_500_000,
}
if TYPE_CHECKING:
    from agent.postfix.verbs import Value

Behaviour = Callable[[socket.socket], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "helper.sock"


class Peer:
    """Accepts connections one after another and does one behaviour with each."""

    def __init__(self, path: Path, behaviours: list[Behaviour]) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self._run, args=(behaviours,))
        self.thread.start()

    def _run(self, behaviours: list[Behaviour]) -> None:
        for behaviour in behaviours:
            connection, _ = self.listener.accept()
            with connection, suppress(OSError):  # the client may leave when it likes
                behaviour(connection)

    def close(self) -> None:
        self.thread.join()
        self.listener.close()


@pytest.fixture
def peer(path: Path) -> Iterator[Callable[..., None]]:
    peers: list[Peer] = []
    yield lambda *behaviours: peers.append(Peer(path, list(behaviours)))
    for one in peers:
        one.close()


def answering(*datagrams: bytes, descriptors: int = 0) -> Behaviour:
    """Takes one request, sends these, each with so many descriptors, then waits for the end."""

    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        with open("/dev/null") as null:  # noqa: PTH123
            for datagram in datagrams:
                socket.send_fds(connection, [datagram], [null.fileno()] * descriptors)
        connection.recv(1000)

    return behave


def encoded(kind: str, **values: object) -> bytes:
    return verbs.encode_answer(Message(kind, values))  # type: ignore[arg-type]


def part(number: int, parts: int, *names: str) -> bytes:
    return encoded("directories", part=number, parts=parts, names=names)


def silent(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.recv(1000)


def leaving(connection: socket.socket) -> None:
    connection.recv(1000)


def answering_once(connection: socket.socket) -> None:
    """As a helper that is stopped after its answer."""
    connection.recv(1000)
    connection.send(encoded("observed", **OBSERVED))


async def test_a_restarted_helper_is_asked_at_once(path: Path, peer: Callable[..., None]) -> None:
    peer(answering_once, answering(encoded("observed", **OBSERVED)))
    client = PostfixClient(path)
    first = await client.observe()
    # The end of the first connection is on its way: as long as it is not here, nothing is wrong.
    await asyncio.sleep(0.1)
    assert await client.observe() == first
    client.close()


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_observation_becomes_a_value(
    path: Path, peer: Callable[..., None], make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    peer(answering(encoded("observed", **OBSERVED)))

    async def observe() -> None:
        client = PostfixClient(path)
        observed = await client.observe()
        client.close()
        assert observed.outbound == ("google", "smtp")
        assert observed.deferred == ("google",)
        assert observed.paused
        assert observed.config_changed_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc)
        assert observed.qmgr_started_at is not None
        assert observed.is_loaded
        assert not observed.is_closed

    loop = make_loop()
    loop.run_until_complete(observe())
    loop.close()


LIES = {
    "garbage": answering(b"\x00\xff" * 100),
    "another version": answering(b"mailfleet-helper 9 observed\n"),
    "an answer to something else": answering(encoded("done", changed=True, reloaded=False)),
    "descriptors nobody asked for": answering(encoded("observed", **OBSERVED), descriptors=3),
    "too long": answering(b"x" * 100_000),
    "the end": leaving,
    "a time that is none": answering(
        encoded("observed", **OBSERVED | {"config_changed_us": 2**62})
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_an_error_and_the_next_question_is_answered(
    path: Path, peer: Callable[..., None], lie: str
) -> None:
    truth = encoded("observed", **OBSERVED)
    peers = [LIES[lie], answering(truth)]
    if lie == "a time that is none":  # well-formed: the connection stays
        peers = [lambda connection: _twice(connection, lie_first=True)]
    peer(*peers)
    descriptors = open_descriptors()
    client = PostfixClient(path)
    with pytest.raises(PostfixError) as caught:
        await client.observe()
    assert caught.value.retryable
    assert (await client.observe()).running
    client.close()
    await _until(lambda: open_descriptors() <= descriptors)  # the peer closes when it notices


def _twice(connection: socket.socket, *, lie_first: bool) -> None:
    for changed in (2**62 if lie_first else 1, 1):
        connection.recv(1000)
        connection.send(encoded("observed", **OBSERVED | {"config_changed_us": changed}))
    connection.recv(1000)


@pytest.mark.parametrize(
    "datagrams, descriptors",
    [
        ((part(1, 1, "postfix:hold"),), 0),
        ((part(1, 1),), 1),
        ((part(2, 2, "postfix:hold"),), 1),
        ((part(1, 2, "postfix:hold"), part(1, 2, "postfix:active")), 1),
        (tuple(part(n, 99, "postfix:hold") for n in range(1, 20)), 1),
    ],
)
async def test_a_wrong_set_of_descriptors_is_closed(
    path: Path, peer: Callable[..., None], datagrams: tuple[bytes, ...], descriptors: int
) -> None:
    peer(answering(*datagrams, descriptors=descriptors))
    before = open_descriptors()
    client = PostfixClient(path)
    with pytest.raises(PostfixError):
        await client.queue_descriptors()
    await _until(lambda: open_descriptors() <= before)


async def test_silence_ends_in_time_and_a_late_answer_is_never_taken(
    path: Path, peer: Callable[..., None]
) -> None:
    peer(silent, answering(encoded("done", changed=False, reloaded=False)))
    client = PostfixClient(path, timeout=timedelta(seconds=0.2))
    with pytest.raises(PostfixError, match="no answer in time"):
        await client.observe()
    await client.pause()
    client.close()


async def test_a_cancelled_question_leaves_no_answer_behind(
    path: Path, peer: Callable[..., None]
) -> None:
    peer(silent, answering(encoded("observed", **OBSERVED)))
    client = PostfixClient(path)
    asking = asyncio.create_task(client.observe())
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await client.observe()).running
    client.close()


async def test_no_helper_is_an_error_that_may_pass(path: Path, peer: Callable[..., None]) -> None:
    client = PostfixClient(path)
    with pytest.raises(PostfixError, match="observe") as caught:
        await client.observe()
    assert caught.value.retryable
    peer(answering(encoded("observed", **OBSERVED)))
    assert (await client.observe()).running
    client.close()


@pytest.mark.parametrize("retryable", [True, False])
async def test_a_problem_carries_its_words(
    path: Path, peer: Callable[..., None], retryable: bool
) -> None:
    peer(answering(encoded("problem", retryable=retryable, text="postfix check: fatal: x")))
    client = PostfixClient(path)
    with pytest.raises(PostfixError, match=r"^postfix check: fatal: x$") as caught:
        await client.pause()
    assert caught.value.retryable is retryable
    client.close()


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
