"""Many rows in few statements: one step of SQLite for 128 rows costs a third of 128 steps, each of
which also lets go of Python's lock.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

# 128 rows of 16 columns stay below the 32,766 parameters of a statement; few sizes, so that each
# statement is prepared once.
SIZES = (128, 32, 8, 1)


class Bulk:
    """`sql` holds `{}` where its rows of so many values go. Rows take effect in their order."""

    def __init__(self, sql: str, *, width: int) -> None:
        row = f"({', '.join('?' * width)})"
        self._statements = {size: sql.format(", ".join([row] * size)) for size in SIZES}

    @property
    def single(self) -> str:
        """The statement for one row."""
        return self._statements[1]

    def write(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> int:
        """How many rows were inserted or changed."""
        changed, at = 0, 0
        for size, statement in self._statements.items():
            while len(rows) - at >= size:
                values = [value for row in rows[at : at + size] for value in row]
                changed += connection.execute(statement, values).rowcount
                at += size
        return changed
