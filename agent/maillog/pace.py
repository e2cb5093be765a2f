"""How often the log is looked at: at once after a quiet moment, under a stream of lines a little
apart, and now and then without being called. Reads nothing itself."""

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
        began = time.monotonic()
        found = look()
        if found is Found.MORE:
            await anyio.lowlevel.checkpoint()
            continue
        early = LOOKS_APART.total_seconds() - (time.monotonic() - began)
        await anyio.sleep(max(0.0, early))
        if found is Found.NOTHING:
            await doorbell.wait(LOOK_EVERY - LOOKS_APART)
