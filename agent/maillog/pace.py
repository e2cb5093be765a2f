"""How often the log is looked at: a moment after the bell rang, so that one look reads all of a
burst; at once as long as there is more; and now and then without being called. Reads nothing
itself.

By the loop's own timers and readers: to wake a task costs more than a look does.
"""

import asyncio
import select
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from agent.maillog.news import News

# The doorbell wakes us; the poll is the safety net, and sees a rotated file rest. Where looks in
# vain say that nothing happens it is rarer: every wake finds the caches cold, and costs tenfold.
LOOK_EVERY = timedelta(seconds=1)
REST_EVERY = timedelta(seconds=5)
LOOKS_IN_VAIN = 5
# So a line is counted within 200 ms.
SETTLES = timedelta(milliseconds=130)
# A bell that rings late is not waited for while lines come: only once none came for 5 seconds.
LATE_LOOKS_IN_VAIN = 38
# What it rang for has become a burst already.
SETTLES_LATE = timedelta(milliseconds=15)

_ONCE = select.EPOLLIN | select.EPOLLONESHOT
_EVENTS_MAX = 4  # one is listened to; one before it may still speak


class Doorbell(Protocol):
    def descriptor(self) -> int:
        """What becomes readable when it rings; negative: it cannot ring at present."""

    def hush(self) -> None:
        """Forgets what has rung."""

    @property
    def is_late(self) -> bool:
        """It rings so long after the news that a line would be counted too late."""


async def follow(look: Callable[[], News], doorbell: Doorbell) -> None:
    """Until cancelled, or until `look` raises. `look` is one bounded pass."""
    looks = _Looks(look, doorbell)
    try:
        looks.start()
        await looks.ended
    finally:
        looks.stop()


class _Looks:
    def __init__(self, look: Callable[[], News], doorbell: Doorbell) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._look = look
        self._doorbell = doorbell
        self._timer: asyncio.Handle | None = None
        self._ear = _Ear(self._loop, self._rung)
        self._in_vain = 0

    def start(self) -> None:
        self._once()

    def stop(self) -> None:
        self._ear.close()
        if self._timer is not None:
            self._timer.cancel()

    def _once(self) -> None:
        self._ear.is_open = False
        try:
            self._doorbell.hush()
            found = self._look()
            self._in_vain = self._in_vain + 1 if found is News.NOTHING else 0
            if found is News.MORE:
                self._timer = self._loop.call_soon(self._once)
            else:
                self._listen()
        except BaseException as error:
            self.ended.set_exception(error)  # for whoever waits; the loop notes it too
            raise

    def _listen(self) -> None:
        is_waited_for = not self._doorbell.is_late or self._in_vain >= LATE_LOOKS_IN_VAIN
        descriptor = self._doorbell.descriptor() if is_waited_for else -1
        wait = LOOK_EVERY if self._in_vain < LOOKS_IN_VAIN else REST_EVERY
        if descriptor >= 0:
            self._ear.listen_to(descriptor)
        else:
            wait = SETTLES
        self._timer = self._loop.call_later(wait.total_seconds(), self._once)

    def _rung(self) -> None:
        assert self._timer is not None, "it is listened to beside a timer"
        self._timer.cancel()
        settles = SETTLES_LATE if self._doorbell.is_late else SETTLES
        self._timer = self._loop.call_later(settles.total_seconds(), self._once)


class _Ear:
    """Calls `heard` once for each `listen_to`, as soon as its descriptor is readable; not at all
    while it is not `is_open`.

    A poll within the loop's own: a reader of the loop's costs ten system calls and half as much as
    a look, each time. Here what has rung is silent until it is listened to again (EPOLLONESHOT), as
    is one that was closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, heard: Callable[[], None]) -> None:
        self.is_open = False
        self._loop = loop
        self._heard = heard
        self._poll = select.epoll()
        loop.add_reader(self._poll.fileno(), self._wake)

    def listen_to(self, descriptor: int) -> None:
        self.is_open = True
        try:
            self._poll.modify(descriptor, _ONCE)
        except FileNotFoundError:  # another one, or its number is another's by now
            self._poll.register(descriptor, _ONCE)

    def close(self) -> None:
        if not self._poll.closed:
            self._loop.remove_reader(self._poll.fileno())
            self._poll.close()

    def _wake(self) -> None:
        self._poll.poll(0, _EVENTS_MAX)
        if self.is_open:
            self.is_open = False
            self._heard()
