"""The agent's end of the helper's socket: asks one thing at a time and believes nothing unchecked.

Connects when first needed and again after any trouble. An exchange that was not taken to its end
ends the connection, so that its answer cannot be taken for the next one's.
"""

import array
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import anyio

from agent.model import PostfixObserved
from agent.postfix import verbs
from agent.postfix.verbs import Message, Refused

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# A verb is several commands, each of which the helper ends after 10 s.
VERB_TIMEOUT = timedelta(seconds=50)
PARTS_MAX = 16
RIGHTS_BYTES = socket.CMSG_SPACE(verbs.DESCRIPTORS_MAX * array.array("i").itemsize)


class PostfixError(Exception):
    """The helper, or Postfix behind it, did not do it. The text is for the operator.

    retryable: may go away by itself; otherwise a person must change something first.
    """

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class QueueDirectory:
    """An open directory of a queue: `instance:queue`, with `/A` for each hashed level below it.

    Whoever holds it closes the descriptor.
    """

    name: str
    descriptor: int


class PostfixClient:
    """One connection to the helper's socket at `path`. Every question raises PostfixError."""

    def __init__(self, path: Path, *, timeout: timedelta = VERB_TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout.total_seconds()
        self._socket: socket.socket | None = None
        self._turn = anyio.Lock()

    async def verbs_known(self) -> tuple[str, ...]:
        """What this helper can do; an older one knows fewer verbs."""
        return (await self._ask("version"))[0].names("verbs")

    async def observe(self) -> PostfixObserved:
        answer, _ = await self._ask("observe")
        qmgr_started_us = answer.maybe_count("qmgr_started_us")
        return PostfixObserved(
            running=answer.flag("running"),
            version=answer.text("version"),
            outbound=answer.names("outbound"),
            deferred=answer.names("deferred"),
            paused=answer.flag("paused"),
            config_changed_at=_moment(answer.count("config_changed_us")),
            qmgr_started_at=None if qmgr_started_us is None else _moment(qmgr_started_us),
        )

    async def pause(self) -> None:
        """Written and asked for. Postfix takes a moment: it is closed when `observe` says so."""
        await self._ask("pause")

    async def resume(self) -> None:
        """Takes back what pause wrote; never flushes."""
        await self._ask("resume")

    async def queue_descriptors(self) -> tuple[QueueDirectory, ...]:
        """Every queue directory that could be opened, parents first; the caller closes them."""
        return (await self._ask("queue"))[1]

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _ask(self, verb: str) -> tuple[Message, tuple[QueueDirectory, ...]]:
        async with self._turn:
            directories: list[QueueDirectory] = []
            is_over = False
            try:
                with anyio.fail_after(self._timeout):
                    answer = await self._exchange(verb, directories)
                is_over = True
            except (OSError, Refused) as error:  # TimeoutError is an OSError
                text = f"helper, {verb}: {str(error) or 'no answer in time'}"
                raise PostfixError(text, retryable=True) from error
            finally:
                if not is_over:
                    close(directories)
                    self.close()
        if answer.kind == "problem":
            raise PostfixError(answer.text("text"), retryable=answer.flag("retryable"))
        return answer, tuple(directories)

    async def _exchange(self, verb: str, directories: list[QueueDirectory]) -> Message:
        """The answer to `verb`, of its kind or a problem; of several parts, the last."""
        connection = self._send(verbs.encode_request(Message(verb)))
        expected = EXPECTED[verb]
        for number in range(1, PARTS_MAX + 1):
            answer = await _receive(connection, directories)
            if answer.kind not in (expected, "problem"):
                raise Refused(f"{answer.kind} is no answer to {verb}")
            if answer.kind != "directories":
                return answer
            if answer.count("part") != number:
                raise Refused(f"part {answer.count('part')} instead of {number}")
            if answer.count("parts") == number:
                return answer
        raise Refused(f"more than {PARTS_MAX} parts")

    def _send(self, request: bytes) -> socket.socket:
        """On a new connection when the helper has been restarted since the last question."""
        connection = self._connect()
        try:
            connection.send(request)
        except ConnectionError:  # EPIPE among them
            self.close()
            connection = self._connect()
            connection.send(request)
        return connection

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._socket.setblocking(False)
            self._socket.connect(str(self._path))
        return self._socket


EXPECTED = {
    "version": "version",
    "observe": "observed",
    "pause": "done",
    "resume": "done",
    "queue": "directories",
}


def close(directories: Iterable[QueueDirectory]) -> None:
    for directory in directories:
        os.close(directory.descriptor)


async def _receive(connection: socket.socket, directories: list[QueueDirectory]) -> Message:
    """One datagram; the descriptors that came with it are added to `directories`, or closed."""
    await anyio.wait_readable(connection)
    datagram, ancillary, flags, _ = connection.recvmsg(
        verbs.ANSWER_BYTES_MAX, RIGHTS_BYTES, socket.MSG_CMSG_CLOEXEC
    )
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content[: len(content) // 4 * 4])
    received = [QueueDirectory("", descriptor) for descriptor in descriptors]
    try:
        if not datagram:
            raise ConnectionResetError("the helper went away")
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise Refused("an answer that is too long")
        answer = verbs.decode_answer(datagram)
        names = answer.names("names") if answer.kind == "directories" else ()
        if len(names) != len(received):
            raise Refused(f"{len(names)} names for {len(received)} descriptors")
    except (OSError, Refused):
        close(received)
        raise
    directories += [
        QueueDirectory(name, directory.descriptor)
        for name, directory in zip(names, received, strict=True)
    ]
    return answer


def _moment(microseconds: int) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise PostfixError(f"helper: no moment: {microseconds} us", retryable=True) from error
