"""How much of something one node may bring: a full purse at first, refilled at a steady rate."""

from dataclasses import dataclass


@dataclass(slots=True)
class Allowance:
    """`left` units at `at`, in monotonic seconds."""

    left: float
    at: float

    def take(self, wanted: int, *, most: int, per_second: float, now: float) -> int:
        """How many of the wanted ones are granted now; the purse holds `most`."""
        self.left = min(float(most), self.left + max(0.0, now - self.at) * per_second)
        self.at = now
        granted = min(wanted, int(self.left))
        self.left -= granted
        return granted
