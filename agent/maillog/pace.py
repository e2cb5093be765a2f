"""How often the log is looked at: at once after a quiet moment, under a stream of lines a little
apart, and now and then without being called. Reads nothing itself."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import anyio
import anyio.lowlevel

from agent.maillog.found import Found

# The doorbell wakes us; the poll is the safety net. So a line is counted within 200 ms.
LOOK_EVERY = timedelta(seconds=1)
LOOKS_APART = timedelta(milliseconds=170)


class Doorbell(Protocol):
    async def wait(self, at_most: timedelta) -> bool: ...


async def follow(look: Callable[[], Found], doorbell: Doorbell) -> None:
    """Until cancelled. `look` is one bounded pass. While lines come, the bell is not asked."""
    while True:
        found = look()
        if found is Found.SOME:
            found = await _look_on(look)
        if found is Found.MORE:
            await anyio.lowlevel.checkpoint()
            continue
        looked_at = time.monotonic()
        if await doorbell.wait(LOOK_EVERY):
            early = LOOKS_APART.total_seconds() - (time.monotonic() - looked_at)
            await anyio.sleep(max(0.0, early))


async def _look_on(look: Callable[[], Found]) -> Found:
    """Looks as long as each look finds something, and no more than that is to be had at once.

    By the loop's own timer: waking a task five times a second costs more than the looks do.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Found] = loop.create_future()
    timer: asyncio.TimerHandle

    def again() -> None:
        nonlocal timer
        try:
            found = look()
        except BaseException as error:
            ended.set_exception(error)  # for whoever waits; the loop is told as well
            raise
        if found is Found.SOME:
            timer = loop.call_later(LOOKS_APART.total_seconds(), again)
        else:
            ended.set_result(found)

    timer = loop.call_later(LOOKS_APART.total_seconds(), again)
    try:
        return await ended
    finally:
        timer.cancel()
