"""What SQLite would do for every statement that is executed: which tables it goes through whole."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

# Indexes that hold only what stands or waits: to go through one is to go through that.
SHORT = ("alerts_standing", "effects_pending", "node_states_ailing")
Heard = set[tuple[str, Any]]


@contextmanager
def listening() -> Iterator[Heard]:
    """Every query that is executed meanwhile, with its values."""
    heard: Heard = set()

    def hear(*said: Any) -> None:
        statement, values = said[2:4]
        if statement.startswith("SELECT"):
            heard.add((statement, tuple(values)))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def steps(folder: Path, heard: Heard) -> list[str]:
    """Of the plans of all of them (sqlite.org/eqp.html)."""
    with closing(sqlite3.connect(folder / "journal.db")) as file:
        found = [
            str(step[3])
            for statement, values in heard
            for step in file.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert found
    return found


def scanned(folder: Path, heard: Heard) -> set[str]:
    """Tables that are gone through whole, by an index or not."""
    return {
        step.split()[1]
        for step in steps(folder, heard)
        if step.startswith("SCAN ") and "VIRTUAL" not in step and not step.endswith(SHORT)
    }
