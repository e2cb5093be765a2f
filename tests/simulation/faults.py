"""The journal as a disk lets it be: commits that fail, and a process that dies at any call."""

from collections.abc import Awaitable, Callable
from typing import Any

from collector.ports import StoreError
from tests.simulation.store import MemoryStore

WRITES = frozenset(
    {
        *("begin_term", "record", "record_hello", "begin_epoch", "record_look", "commit"),
        *("import_restored", "finish_effects", "operator_pause", "set_switch", "set_automation"),
        *("keep_grant", "set_shares"),
    }
)


class Crash(BaseException):
    """The process is gone, between two statements."""


class FaultyStore:
    """Passes every call on; `crash_at` and `fail_next` say which do not come through."""

    def __init__(self, memory: MemoryStore) -> None:
        self.memory = memory
        self.calls = 0
        # Die at the so-manieth call from now, before it or after it is done.
        self._crash_in: int | None = None
        self._is_done_first = False
        self._failures = 0

    def crash_in(self, calls: int, *, is_done_first: bool) -> None:
        self._crash_in, self._is_done_first = calls, is_done_first

    def fail_next(self, writes: int) -> None:
        self._failures = writes

    def calm(self) -> None:
        self._crash_in = None

    @property
    def is_calm(self) -> bool:
        """Nothing fails now."""
        return self._failures == 0

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Awaitable[object]] = getattr(self.memory, name)

        async def call(*arguments: object, **named: object) -> object:
            self.calls += 1
            is_last = self._crash_in is not None and self._crash_in <= 1
            if self._crash_in is not None:
                self._crash_in -= 1
            if is_last and not self._is_done_first:
                raise Crash(f"before {name}")
            if name in WRITES and self._failures > 0:
                self._failures -= 1
                raise StoreError(f"journal: no space left ({name})", retryable=True)
            answer = await method(*arguments, **named)
            if is_last:
                raise Crash(f"after {name}")
            return answer

        return call
