"""Asks one nameserver many questions at once: our own UDP loop, TCP for truncated answers.

Each batch leaves from a fresh connected socket (a new random port) with random ids. What the
network does to a question is a Reply with its problem, never an exception, and never quotes names.
"""

import asyncio
import functools
import os
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

import anyio

from agent.dnsbl import codec
from deliverability.nameservers import Nameserver
from deliverability.nameservers_judged import Whose
from deliverability.zones import QueryName, Reply

ANSWER_SECONDS_MAX = 5.0
ATTEMPTS_MAX = 2
IN_FLIGHT_MAX = 192  # all of a round over 60 zones with their sentinels
# At once, then a moment for the nameserver to take them: a socket's usual buffer holds about 270.
BURST, BURST_APART_SECONDS = 48, 0.001
TCP_MAX = 8

Ask = Callable[[Sequence[QueryName]], Awaitable[tuple[Reply, ...]]]
Decode = Callable[[bytes], Reply]

UNREACHABLE = Reply(problem="nameserver unreachable")
TIMEOUT = Reply(problem="timeout")
NOBODYS = Whose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One nameserver: asks for A records, and for the words of a TXT record."""

    nameserver: str
    whose: Whose = NOBODYS
    ask: Ask
    ask_texts: Ask


def ways(
    servers: Sequence[Nameserver],
    *,
    seconds: float = ANSWER_SECONDS_MAX,
    own: Collection[str] = (),
    are_chosen: bool = False,
) -> list[Way]:
    """One per nameserver, in order of preference. `seconds`: the wait for each attempt.
    `own`: this machine's addresses, sent from or not. `are_chosen`: a person named them."""
    return [
        Way(
            nameserver=str(each),
            whose=Whose(addresses=own, is_public=each.is_public, is_chosen=are_chosen),
            ask=functools.partial(ask, nameserver=each, seconds=seconds),
            ask_texts=functools.partial(ask_texts, nameserver=each, seconds=seconds),
        )
        for each in servers
    ]


async def ask(
    names: Sequence[QueryName], *, nameserver: Nameserver, seconds: float = ANSWER_SECONDS_MAX
) -> tuple[Reply, ...]:
    """One reply per name, in order. Lasts at most 2 x `seconds` for every 192 names, TCP apart."""
    return await _ask(
        [codec.question(name) for name in names], codec.decode, nameserver, seconds=seconds
    )


async def ask_texts(
    names: Sequence[QueryName], *, nameserver: Nameserver, seconds: float = ANSWER_SECONDS_MAX
) -> tuple[Reply, ...]:
    """The same for TXT: replies with `text`, empty where there is none."""
    return await _ask(
        [codec.question_text(name) for name in names],
        codec.decode_text,
        nameserver,
        seconds=seconds,
    )


async def _ask(
    questions: Sequence[bytes], decode: Decode, nameserver: Nameserver, *, seconds: float
) -> tuple[Reply, ...]:
    exchange = _Exchange(questions, decode, seconds=seconds)
    loop = asyncio.get_running_loop()
    try:
        await loop.create_datagram_endpoint(
            lambda: exchange, remote_addr=(nameserver.ip, nameserver.port)
        )
    except OSError:
        return (UNREACHABLE,) * len(questions)
    try:
        await exchange.done
    finally:
        exchange.close()
    await _settle_truncated(exchange, nameserver, seconds=seconds)
    return tuple(exchange.replies)


@dataclass(slots=True)
class _Flight:
    """One question on its way."""

    index: int
    identity: int
    attempts: int = 0
    deadline: float = 0.0


class _Exchange(asyncio.DatagramProtocol):
    """The questions of one batch through one socket, at most IN_FLIGHT_MAX at a time.

    `flying` is kept in order of deadlines: a flight sent again goes to its end, and every attempt
    waits equally long. So one timer, for the first of them, serves all.
    """

    def __init__(self, questions: Sequence[bytes], decode: Decode, *, seconds: float) -> None:
        self.questions = questions
        self.decode = decode
        self.replies: list[Reply] = [TIMEOUT] * len(questions)
        self.truncated: list[int] = []
        self._seconds = seconds
        self._waiting = deque(range(len(questions)))
        self._flying: dict[int, _Flight] = {}
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_refused = False
        self._is_bursting = False

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self._launch()

    def datagram_received(self, data: bytes, addr: object) -> None:
        identity = codec.identity(data)
        flight = None if identity is None else self._flying.get(identity)
        if flight is None or not codec.echoes(data, asked=self.questions[flight.index]):
            return  # a stray or a forgery: the true answer may still come
        if codec.is_truncated(data):
            self.truncated.append(flight.index)
        self._settle(flight, self.decode(data))
        if self._waiting or not self._flying:
            self._launch()

    def error_received(self, exc: Exception) -> None:
        """ICMP says nobody listens. Handled later, as it may come from within `sendto`."""
        if not self._is_refused:
            self._is_refused = True
            self._loop.call_soon(self._refused)

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()
        if not self.done.done():
            self.done.set_result(None)

    def _launch(self) -> None:
        room = min(BURST, IN_FLIGHT_MAX - len(self._flying))
        for _ in range(min(room, len(self._waiting))):
            self._send(_Flight(self._waiting.popleft(), self._new_identity()))
        if self._waiting and len(self._flying) < IN_FLIGHT_MAX and not self._is_bursting:
            self._is_bursting = True
            self._loop.call_later(BURST_APART_SECONDS, self._burst)
        if not self._flying:
            self.close()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._expire)

    def _burst(self) -> None:
        self._is_bursting = False
        if not self.done.done():
            self._launch()

    def _send(self, flight: _Flight) -> None:
        assert self._transport is not None
        flight.attempts += 1
        flight.deadline = self._loop.time() + self._seconds
        self._flying[flight.identity] = flight
        packet = codec.encode(flight.identity, self.questions[flight.index])
        self._transport.sendto(packet)

    def _new_identity(self) -> int:
        while (identity := int.from_bytes(os.urandom(2), "big")) in self._flying:
            pass
        return identity

    def _settle(self, flight: _Flight, reply: Reply) -> None:
        del self._flying[flight.identity]
        self.replies[flight.index] = reply

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        self._fail([each for each in self._flying.values() if each.deadline <= now], TIMEOUT)
        if self._flying and self._timer is None:
            self._timer = self._loop.call_at(
                next(iter(self._flying.values())).deadline, self._expire
            )

    def _refused(self) -> None:
        self._is_refused = False
        self._fail(list(self._flying.values()), UNREACHABLE)

    def _fail(self, flights: Sequence[_Flight], reply: Reply) -> None:
        """Sends them again, or gives up on those sent often enough."""
        for flight in flights:
            self._settle(flight, reply)
            if flight.attempts < ATTEMPTS_MAX:
                self._send(flight)
        self._launch()


async def _settle_truncated(exchange: _Exchange, nameserver: Nameserver, *, seconds: float) -> None:
    limiter = anyio.CapacityLimiter(TCP_MAX)

    async def settle(index: int) -> None:
        async with limiter:
            exchange.replies[index] = await _ask_by_tcp(
                exchange.questions[index], exchange.decode, nameserver, seconds=seconds
            )

    async with anyio.create_task_group() as tasks:
        for index in exchange.truncated:
            tasks.start_soon(settle, index)


async def _ask_by_tcp(
    asked: bytes, decode: Decode, nameserver: Nameserver, *, seconds: float
) -> Reply:
    identity = int.from_bytes(os.urandom(2), "big")
    try:
        with anyio.fail_after(seconds):
            message = await _converse(codec.encode(identity, asked), nameserver)
    except TimeoutError:
        return TIMEOUT
    except (OSError, EOFError):
        return UNREACHABLE
    if codec.identity(message) != identity or not codec.echoes(message, asked=asked):
        return Reply(problem="malformed answer")
    return decode(message)


async def _converse(packet: bytes, nameserver: Nameserver) -> bytes:
    """One message each way, with the two-byte lengths of RFC 1035 section 4.2.2."""
    reader, writer = await asyncio.open_connection(nameserver.ip, nameserver.port)
    try:
        writer.write(len(packet).to_bytes(2, "big") + packet)
        size = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(size)
    finally:
        writer.close()
