"""What went with heartbeats that are still on their way to their acknowledgement. Pure."""

from typing import Generic, TypeVar

T = TypeVar("T")
REMEMBERED_MAX = 64


class Sent(Generic[T]):
    """By the heartbeat's number; the oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._by_number: dict[int, T] = {}

    def add(self, number: int, what: T) -> None:
        self._by_number[number] = what
        while len(self._by_number) > REMEMBERED_MAX:
            del self._by_number[min(self._by_number)]

    def acknowledged(self, number: int) -> T | None:
        """What went with it; with it and those before it nothing is waited for any more."""
        found = self._by_number.get(number)
        for older in [one for one in self._by_number if one <= number]:
            del self._by_number[older]
        return found

    def clear(self) -> None:
        self._by_number.clear()
