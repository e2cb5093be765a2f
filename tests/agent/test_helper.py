"""The real helper, and what hostile clients can do to it: it answers or drops, and serves on."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.postfix import serving, verbs
from tests import postfix_bed
from tests.postfix_bed import PostfixBed

VERBS = tuple(verbs.REQUESTS)
NOBODY = 65534
TIMEOUT = 20.0
# stdin, stdout, stderr and the listener
IDLE_DESCRIPTORS = 4

needs_postfix = pytest.mark.needs("postfix", "root")


class Helper:
    """A running helper over a stopped Postfix, and its socket."""

    def __init__(self, bed: PostfixBed, pid: int) -> None:
        self.bed, self.pid = bed, pid
        self.path = bed.directory / "helper.sock"

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(str(self.path))
        client.settimeout(TIMEOUT)
        return client

    def descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def answers(self) -> bool:
        """Not while those who left a moment ago still take all its places."""
        try:
            with self.connect() as client:
                return ask(client, b"mailfleet-helper 1 observe\n").kind == "observed"
        except ConnectionResetError:
            return False

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.bed.config.iterdir()}


@pytest.fixture(scope="module")
def running() -> Iterator[Helper]:
    """One for all: whatever one test does to it, the next must find it well."""
    with (
        postfix_bed.made() as bed,
        postfix_bed.helper(bed.config, bed.directory / "helper.sock") as pid,
    ):
        yield Helper(bed, pid)


@pytest.fixture
def helper(running: Helper) -> Iterator[Helper]:
    """Before and after: it answers, holds its listener alone, and no file changed."""
    before = check(running)
    yield running
    assert check(running) == before


def check(helper: Helper) -> dict[str, bytes]:
    deadline = time.monotonic() + 5
    while not helper.answers():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    while helper.descriptors() > IDLE_DESCRIPTORS and time.monotonic() < deadline:
        time.sleep(0.02)
    assert helper.descriptors() == IDLE_DESCRIPTORS
    return helper.files()


def send_until_dropped(client: socket.socket, datagram: bytes) -> None:
    for _ in range(100_000):
        client.send(datagram)


def ask(client: socket.socket, datagram: bytes) -> verbs.Message:
    client.send(datagram)
    answer, descriptors, _, _ = socket.recv_fds(client, verbs.ANSWER_BYTES_MAX, 253)
    for descriptor in descriptors:
        os.close(descriptor)
    return verbs.decode_answer(answer)


def hostile_requests(verb: str) -> list[bytes]:
    noise = random.Random(verb)
    good = f"mailfleet-helper 1 {verb}\n".encode()
    return [
        good[:-1],
        good + b"\n",
        good + b"path=/etc/shadow\n",
        good + b"names=smtp,$(reboot)\n",
        good + b"text=; rm -rf /\n",
        good * 2,
        good.replace(b" 1 ", b" 2 "),
        good.replace(b" 1 ", b" 1\0"),
        good.upper(),
        good + b"\0" * 200,
        good + b"a" * (verbs.REQUEST_BYTES_MAX + 1 - len(good)),
        good + b"a" * 100_000,
        b"\xff" * 64,
        *(noise.randbytes(noise.randrange(1, 300)) for _ in range(20)),
        *(bytes(b ^ (1 << noise.randrange(8)) for b in good) for _ in range(5)),
    ]


@needs_postfix
@pytest.mark.parametrize("verb", VERBS)
def test_hostile_requests_get_a_problem_and_nothing_else(helper: Helper, verb: str) -> None:
    with helper.connect() as client:
        for datagram in hostile_requests(verb):
            answer = ask(client, datagram)
            assert answer.kind == "problem", datagram
            assert answer.text("text").startswith("refused")
            assert not answer.flag("retryable")


@needs_postfix
def test_every_verb_answers_as_its_table_says(helper: Helper) -> None:
    kinds = {}
    with helper.connect() as client:
        for verb in VERBS:
            kinds[verb] = ask(client, f"mailfleet-helper 1 {verb}\n".encode()).kind
        # No queue directory: Postfix never ran here. That is no reason to fail.
        assert kinds.pop("queue") == "directories"
        assert ask(client, b"mailfleet-helper 1 resume\n").kind == "done"
    assert kinds == {"version": "version", "observe": "observed", "pause": "done", "resume": "done"}


@needs_postfix
@pytest.mark.parametrize("verb", VERBS)
def test_a_client_that_dies_at_once_is_dropped(helper: Helper, verb: str) -> None:
    for _ in range(20):
        with helper.connect() as client:
            client.send(f"mailfleet-helper 1 {verb}\n".encode())
    with helper.connect() as client:
        ask(client, b"mailfleet-helper 1 resume\n")


@needs_postfix
def test_half_closed_clients_are_answered_or_dropped(helper: Helper) -> None:
    with helper.connect() as client:
        client.send(b"mailfleet-helper 1 version\n")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(verbs.ANSWER_BYTES_MAX).startswith(b"mailfleet-helper 1 version")
        assert client.recv(1) == b""
    with helper.connect() as client:
        client.shutdown(socket.SHUT_RD)
        with contextlib.suppress(OSError):
            client.send(b"mailfleet-helper 1 version\n")


@needs_postfix
def test_an_empty_datagram_ends_the_connection(helper: Helper) -> None:
    with helper.connect() as client:
        client.send(b"")
        assert client.recv(100) == b""


@needs_postfix
def test_a_client_that_never_reads_is_dropped(helper: Helper) -> None:
    with helper.connect() as client:
        client.settimeout(5)
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            send_until_dropped(client, b"mailfleet-helper 1 version\n")


@needs_postfix
def test_a_client_that_never_reads_its_descriptors_leaks_none(helper: Helper) -> None:
    for queue in ("active", "incoming", "deferred", "hold", "maildrop"):
        (helper.bed.queue / queue).mkdir(exist_ok=True)
    with helper.connect() as client:
        client.settimeout(5)
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            send_until_dropped(client, b"mailfleet-helper 1 queue\n")


@needs_postfix
def test_descriptors_sent_to_it_do_not_stay(helper: Helper) -> None:
    with helper.connect() as client, open("/dev/null") as null:  # noqa: PTH123
        for _ in range(50):
            socket.send_fds(client, [b"mailfleet-helper 1 version\n"], [null.fileno()] * 100)
            assert client.recv(verbs.ANSWER_BYTES_MAX).startswith(b"mailfleet-helper 1 version")


@needs_postfix
def test_more_clients_than_it_takes_are_turned_away(helper: Helper) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(helper.connect()) for _ in range(serving.CLIENTS_MAX)]
        assert ask(clients[-1], b"mailfleet-helper 1 version\n").kind == "version"
        with helper.connect() as extra, pytest.raises(OSError, match=r"Broken pipe|reset"):
            send_until_dropped(extra, b"mailfleet-helper 1 version\n")
        assert ask(clients[0], b"mailfleet-helper 1 version\n").kind == "version"


@needs_postfix
def test_a_slow_client_does_not_keep_the_others_waiting(helper: Helper) -> None:
    with helper.connect() as idle, helper.connect() as busy:
        for _ in range(100):
            assert ask(busy, b"mailfleet-helper 1 version\n").kind == "version"
        assert ask(idle, b"mailfleet-helper 1 version\n").kind == "version"


@needs_postfix
def test_another_user_is_turned_away(helper: Helper) -> None:
    """Even one who can open the socket, which is for its owner alone."""
    assert helper.path.stat().st_mode & 0o777 == 0o600
    helper.path.chmod(0o666)
    script = f"""
import os, socket
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.connect({str(helper.path)!r})
try:
    client.send(b"mailfleet-helper 1 pause\\n")
    print(client.recv(1000))
except OSError as error:
    print(type(error).__name__)
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    helper.path.chmod(0o600)
    assert result.stdout.strip() in ("b''", "BrokenPipeError", "ConnectionResetError")


@needs_postfix
def test_it_stays_small(helper: Helper) -> None:
    """What is its own; what it shares with the agent's interpreter is measured in benchmarks."""
    text = Path(f"/proc/{helper.pid}/smaps_rollup").read_text()
    dirty = next(line for line in text.splitlines() if line.startswith("Private_Dirty"))
    assert int(dirty.split()[1]) < 5 * 1024
