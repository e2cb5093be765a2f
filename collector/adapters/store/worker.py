"""One thread that does what it is asked, in the order of asking, and answers in the loop.

An executor does the same and more; its hand-over costs four times as much, a tenth of a grant.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")
_Asked = tuple["asyncio.Future[Any]", Callable[[Any], Any], Any]


class Worker:
    """Made inside the running loop; `end` before the loop ends. A process that dies without it
    waits for nobody: what was not committed is not in the journal."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[Given], Result], given: Given) -> Result:
        """Handed over at once: the thread begins before anybody else of the loop is served. Whoever
        is cancelled meanwhile does not undo it; what was not begun is left undone."""
        answer: asyncio.Future[Result] = self._loop.create_future()
        self._asked.put((answer, work, given))
        return await answer

    async def end(self) -> None:
        """What a caller who went away left running ends first."""
        await self.do(id, None)
        self._asked.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            answer, work, given = asked
            if not answer.cancelled():
                tell = _done(answer, work, given=given)
                # The loop has ended where it cannot be told: then nobody waits any more.
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(tell)
                del tell
            # Kept no longer, while it waits for the next.
            del asked, answer, work, given


def _done(
    answer: "asyncio.Future[Any]", work: Callable[[Any], Any], *, given: Any
) -> Callable[[], None]:
    """Does it; how the loop is to tell whoever asked."""
    try:
        return partial(_succeed, answer, work(given))
    except BaseException as error:
        return partial(_fail, answer, error)


def _succeed(answer: "asyncio.Future[Any]", result: Any) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: "asyncio.Future[Any]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
