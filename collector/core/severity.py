"""How grave an alert is, and which of two is graver."""

from collections.abc import Iterable
from enum import Enum


class Severity(Enum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """Greater is graver."""
        return RANKS[self]


RANKS = {Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3}
assert RANKS.keys() == set(Severity)


def gravest(severities: Iterable[Severity]) -> Severity | None:
    return max(severities, key=lambda one: one.rank, default=None)
