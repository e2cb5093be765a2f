"""The answering end of the helper's socket: who may ask, one request at a time, bounded.

Knows the protocol and nothing of Postfix: what answers a verb is given to it, so that whatever
pretends to be a helper answers through the same code. A client that sends what is not a request
gets a problem as its answer; one that does not take its answers is dropped. Descriptors sent to us
are closed by the kernel, because no room for them is offered.
"""

import _socket
import os
import select
import struct

from agent.postfix import verbs
from agent.postfix.commands import PostfixProblem
from agent.postfix.verbs import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    # What is said, and the descriptors that go with it; the descriptors are closed here.
    Answer = tuple[Message, list[int]]
    Datagram = tuple[bytes, list[int]]
    Answering = Callable[[Message], list[Answer]]

CLIENTS_MAX = 8
BACKLOG = 8
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: ucred of unix(7)


class Serving:
    """Owns the listener and its clients. `answer` may raise PostfixProblem and OSError."""

    def __init__(
        self, listener: _socket.socket, *, uids: frozenset[int], answer: "Answering"
    ) -> None:
        self._listener = listener
        self._uids = uids
        self._answer = answer
        self._clients: dict[int, _socket.socket] = {}
        self._poll = select.poll()
        listener.setblocking(False)
        self._poll.register(listener.fileno(), select.POLLIN)

    def step(self, timeout_ms: int | None = None) -> None:
        """Wait for something and do it: accept one client, or answer one request of each."""
        for descriptor, _ in self._poll.poll(timeout_ms):
            if descriptor == self._listener.fileno():
                self._accept()
            elif descriptor in self._clients:
                self._serve(descriptor)

    def close(self) -> None:
        for descriptor in list(self._clients):
            self._drop(descriptor)
        self._listener.close()

    def _accept(self) -> None:
        try:
            descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]
        except OSError:  # it is gone again
            return
        client = _socket.socket(fileno=descriptor)
        client.setblocking(False)
        if len(self._clients) >= CLIENTS_MAX or _uid(client) not in self._uids:
            client.close()
            return
        self._clients[descriptor] = client
        self._poll.register(descriptor, select.POLLIN)

    def _serve(self, descriptor: int) -> None:
        client = self._clients[descriptor]
        try:
            datagram = client.recv(verbs.REQUEST_BYTES_MAX + 1)
            # A datagram of nothing looks like the end of the connection, and is treated as one.
            is_open = bool(datagram) and _send(client, self._answers(datagram))
        except BlockingIOError:
            return
        except OSError:
            is_open = False
        if not is_open:
            self._drop(descriptor)

    def _answers(self, datagram: bytes) -> "list[Datagram]":
        answers: list[Answer] = []
        try:
            answers = self._answer(verbs.decode_request(datagram))
            return [(verbs.encode_answer(message), rights) for message, rights in answers]
        except verbs.Refused as refused:
            _close(answers)
            found = verbs.problem(f"refused: {refused}", retryable=False)
        except PostfixProblem as problem:
            found = verbs.problem(problem.text, retryable=problem.retryable)
        except OSError as error:
            found = verbs.problem(f"{error}", retryable=True)
        return [(verbs.encode_answer(found), [])]

    def _drop(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._clients.pop(descriptor).close()


def listen(path: str, *, uid: int) -> _socket.socket:
    """Bind the socket at `path`, for its owner `uid` alone. Raises OSError.

    A socket left there by a predecessor is replaced, anything else is left alone.
    """
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    mask = os.umask(0o177)
    try:
        if _is_socket(path):
            os.unlink(path)  # noqa: PTH108
        listener.bind(path)
        os.chown(path, uid, -1)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


def _send(client: _socket.socket, datagrams: "list[Datagram]") -> bool:
    """False: the client does not take its answers. Closes the descriptors in any case."""
    try:
        for datagram, descriptors in datagrams:
            rights = struct.pack(f"{len(descriptors)}i", *descriptors)
            carried = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)] if descriptors else []
            client.sendmsg([datagram], carried)
    except OSError:
        return False
    finally:
        _close(datagrams)
    return True


def _close(carriers: "Iterable[tuple[object, list[int]]]") -> None:
    for _, descriptors in carriers:
        for descriptor in descriptors:
            os.close(descriptor)


def _uid(client: _socket.socket) -> int:
    credentials = client.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, CREDENTIALS.size)
    uid: int = CREDENTIALS.unpack(credentials)[1]
    return uid


def _is_socket(path: str) -> bool:
    try:
        return os.lstat(path).st_mode & 0o170000 == 0o140000
    except FileNotFoundError:
        return False
