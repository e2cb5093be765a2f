"""Whether the daemon's loops still advance. Pure; the watchdog is fed by this and nothing else."""

from collections.abc import Mapping
from datetime import timedelta


class Progress:
    """`patience`: how much later than it said a loop may come back. Times are monotonic."""

    def __init__(self, patience: Mapping[str, timedelta], *, began: float) -> None:
        self._patience = patience
        self._due = {loop: began + late.total_seconds() for loop, late in patience.items()}

    def mark(self, loop: str, *, now: float, wait: timedelta) -> None:
        """The loop has finished a pass and begins the next one after `wait`, or before."""
        self._due[loop] = now + (wait + self._patience[loop]).total_seconds()

    def stalled(self, now: float) -> tuple[str, ...]:
        """The loops that did not come back in time."""
        return tuple(loop for loop, due in self._due.items() if now > due)
