"""What is counted over many rows since a moment, and kept: counted anew when something it is made
of has changed, or when time took one of the counted out of the span.
"""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy import Connection

Value = TypeVar("Value")
# Connection and the moment since when; the value, and the oldest moment in it that may fall out.
Count = Callable[..., tuple[Value, int | None]]


class Counted(Generic[Value]):
    """`name`: of the number that grows with every change. Readers are several threads."""

    def __init__(self, name: str, count: Count[Value]) -> None:
        self._name = name
        self._count = count
        self._lock = Lock()
        self._known: tuple[int, int, int | None, Value] | None = None

    def read(self, connection: Connection, found: Mapping[str, int], *, since: int) -> Value:
        """As the transaction sees it that found these numbers."""
        number = found[self._name]
        with self._lock:
            if self._known is not None:
                of, counted_since, oldest, value = self._known
                is_whole = oldest is None or oldest >= since
                if of == number and counted_since <= since and is_whole:
                    return value
            value, oldest = self._count(connection, since=since)
            self._known = (number, since, oldest, value)
            return value
