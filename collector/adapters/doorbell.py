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
        """Whom it was rung for since the last take; None: for everybody."""
        taken = None if self._for_all else frozenset(self._for)
        self._rung, self._for, self._for_all = anyio.Event(), set(), False
        return taken
