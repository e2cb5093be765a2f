"""Wakes a loop before its time. Ringing is cheap and may be repeated; nothing is queued."""

from datetime import timedelta

import anyio


class Bell:
    def __init__(self) -> None:
        self._rung = anyio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, at_most: timedelta) -> bool:
        """Until rung (perhaps before we came), or until the time is over; whether it was rung."""
        with anyio.move_on_after(at_most.total_seconds()):
            await self._rung.wait()
        rung = self._rung.is_set()
        if rung:
            self._rung = anyio.Event()
        return rung
