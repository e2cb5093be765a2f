"""Whether the daemon's loops still advance. Pure; the watchdog is fed by this and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(slots=True)
class Progress:
    """`patience`: how long each loop may go without finishing a pass. Times are monotonic."""

    patience: Mapping[str, timedelta]
    began: float
    _passed: dict[str, float] = field(default_factory=dict)

    def mark(self, loop: str, now: float) -> None:
        """The loop has finished a pass."""
        assert loop in self.patience, loop
        self._passed[loop] = now

    def stalled(self, now: float) -> tuple[str, ...]:
        """The loops that went without a pass for longer than they may."""
        return tuple(
            loop
            for loop, patience in self.patience.items()
            if now - self._passed.get(loop, self.began) > patience.total_seconds()
        )
