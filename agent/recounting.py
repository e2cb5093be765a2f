"""Recounts on request, one after the other: the newest alone of those that wait, and one that is
under way gives way to it. Counts nothing itself."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from agent.bell import Bell
from agent.maillog.accounting_recount import Begun, Recounter
from agent.model import Recount, RecountRequest
from agent.state import State

IDLE = timedelta(hours=1)


class Recounting:
    """`answer` carries a word to the collector; the last one of each request is not partial."""

    def __init__(
        self,
        recounter: Recounter,
        state: State,
        *,
        answer: Callable[[Recount], Awaitable[None]],
    ) -> None:
        self._recounter = replace(recounter, is_wanted=self._is_newest)
        self._state = state
        self._answer = answer
        self._bell = Bell()
        self._waiting: RecountRequest | None = None

    def ask(self, request: RecountRequest) -> None:
        self._waiting = request
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._bell.wait(IDLE)
            await self.once()

    async def once(self) -> None:
        request, self._waiting = self._waiting, None
        if request is None:
            return
        state = self._state
        begun = Begun(epoch=state.epoch, began_at=state.began_at, counted_from=state.counted_from)
        counted = await self._recounter.count(request, begun, tell=self._answer)
        if self._is_newest():
            await self._answer(counted)

    def _is_newest(self) -> bool:
        return self._waiting is None
