"""What every channel asks of its surroundings."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from collector.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """`ours`: addresses and names of our own nodes, lower case."""

    fleet: str
    clock: Clock
    ours: Callable[[], Awaitable[frozenset[str]]]
