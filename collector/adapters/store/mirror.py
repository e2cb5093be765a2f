"""What stands of one table, kept in memory: read whole once, then only what was touched since.

The journal stays the truth; what is kept here is only what was read from it. A reader whose
transaction began before another's is shown what that one saw.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Select, Table, bindparam, select

from collector.adapters.store.schema_changes import changes

CHANGES = select(changes.c.name, changes.c.number)
UNREAD = -1

Value = TypeVar("Value")


def read_changes(connection: Connection) -> dict[str, int]:
    """As this transaction sees them."""
    return {row.name: row.number for row in connection.execute(CHANGES)}


class Mirror(Generic[Value]):
    """Values by their key. `made` None: the row does not stand any more."""

    def __init__(
        self,
        table: Table,
        *,
        standing: Select[Any],
        key: str,
        made: Callable[[Row[Any]], Value | None],
    ) -> None:
        self._name = table.name
        self._standing = standing
        self._touched = select(table).where(table.c.touched > bindparam("mark"))
        self._key = key
        self._made = made
        self._mark = UNREAD
        self.values: dict[Any, Value] = {}

    def read(self, connection: Connection, found: Mapping[str, int], **given: object) -> bool:
        """Whether anything is another than it was. `found`: the numbers of this transaction;
        `given`: values of the statement that reads all."""
        mark = found[self._name]
        if mark <= self._mark:
            return False
        if self._mark == UNREAD:
            rows = connection.execute(self._standing, given).all()
            self.values = {}
        else:
            rows = connection.execute(self._touched, {"mark": self._mark}).all()
        for row in rows:
            key, value = getattr(row, self._key), self._made(row)
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value
        self._mark = mark
        return True

    def forget(self) -> None:
        """The next read is whole."""
        self._mark = UNREAD
