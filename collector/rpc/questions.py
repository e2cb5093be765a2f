"""Recounts that were asked of nodes: one a node, joined by whoever asks for the same again.

Asking returns soon, with the answer or with how far it is; so a proof over weeks of logs needs no
call that stays open.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from collector.core.heartbeat import Recount
from collector.ports import Refused
from collector.rpc import wire

ASKED_SECONDS_MAX = 2.0
# An agent tells every other second how far it is.
SILENCE_SECONDS_MAX = 25.0
OPEN_MAX = 64

Place = tuple[str, bytes]  # epoch and log position


@dataclass(slots=True)
class _Question:
    number: int
    place: Place
    heard_at: float
    answer: "asyncio.Future[Recount]"
    so_far: Recount | None = None


@dataclass(slots=True)
class Questions:
    """`heard` is told what nodes say; late and unasked answers are nobody's."""

    _number: int = 0
    _open: dict[str, _Question] = field(default_factory=dict)

    async def ask(
        self, node_id: str, place: Place, *, write: Callable[[bytes], Awaitable[None]]
    ) -> Recount:
        """Refused: RECOUNT_LATE. What `write` raises ends the question."""
        loop = asyncio.get_running_loop()
        question = self._open.get(node_id)
        if question is None or question.place != place:
            question = await self._begin(node_id, place, write=write)
        patience = question.heard_at + SILENCE_SECONDS_MAX - loop.time()
        await asyncio.wait({question.answer}, timeout=max(0.0, min(ASKED_SECONDS_MAX, patience)))
        if question.answer.done():
            self._forget(node_id, question)
            return question.answer.result()
        if loop.time() - question.heard_at >= SILENCE_SECONDS_MAX:
            self._forget(node_id, question)
            text = f"{node_id} said nothing for {SILENCE_SECONDS_MAX:.0f} s"
            raise Refused("RECOUNT_LATE", text, remedy="ask again: mailfleet audit totals NODE")
        return question.so_far or _nothing(question)

    def heard(self, node_id: str, told: Recount) -> None:
        question = self._open.get(node_id)
        if question is None or question.number != told.number or question.answer.done():
            return
        question.heard_at = asyncio.get_running_loop().time()
        if told.is_partial:
            question.so_far = told
        else:
            question.answer.set_result(told)

    async def _begin(
        self, node_id: str, place: Place, *, write: Callable[[bytes], Awaitable[None]]
    ) -> _Question:
        self._number += 1
        loop = asyncio.get_running_loop()
        question = _Question(self._number, place, loop.time(), loop.create_future())
        self._open.pop(node_id, None)
        self._open[node_id] = question
        while len(self._open) > OPEN_MAX:
            del self._open[next(iter(self._open))]
        epoch, position = place
        request = wire.encode_recount_request(question.number, epoch, log_position=position)
        try:
            await write(request)
        except BaseException:
            self._forget(node_id, question)
            raise
        return question

    def _forget(self, node_id: str, question: _Question) -> None:
        if self._open.get(node_id) is question:
            del self._open[node_id]


def _nothing(question: _Question) -> Recount:
    return Recount(
        number=question.number,
        epoch=question.place[0],
        cells=(),
        lines=0,
        bytes=0,
        gaps=(),
        problem="",
        is_partial=True,
    )
