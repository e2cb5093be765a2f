"""Wakes the control pass, and remembers for whom it was rung. Lives in one event loop."""

import anyio


class Bell:
    """Implements `ports.Doorbell`; the control pass waits on it."""

    def __init__(self) -> None:
        self._rung = anyio.Event()
        self._for: set[str] = set()
        self._for_all = False

    def ring(self, node_id: str | None = None) -> None:
        if node_id is None:
            self._for_all = True
        else:
            self._for.add(node_id)
        self._rung.set()

    async def wait(self, *, at_most: float) -> bool:
        """Until rung, or `at_most` seconds have passed. Whether it was rung."""
        with anyio.move_on_after(at_most):
            await self._rung.wait()
        return self._rung.is_set()

    def take(self) -> frozenset[str] | None:
        """Whom it was rung for since the last take; None: for everybody. Those who were named come
        first, everybody with the next take: news does not wait in a long row."""
        taken = frozenset(self._for)
        self._for = set()
        if taken and self._for_all:
            return taken
        was_for_all, self._for_all = self._for_all, False
        self._rung = anyio.Event()
        return None if was_for_all else taken
