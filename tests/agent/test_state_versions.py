"""A state file of every version before this one is taken over as it is."""

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

from agent.maillog.position import LogPosition
from agent.maillog.unknown import UnknownLines
from agent.model import Cell, CellKey, Counted
from agent.state import State
from deliverability.replies import Outcome

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)
GOOGLE = CellKey("198.51.100.9", "google")
# What makes a file of today one of then.
VERSION_5 = ("DROP TABLE senders", "DROP TABLE underway", "PRAGMA user_version = 5")
VERSION_4 = (
    *VERSION_5,
    "ALTER TABLE node DROP COLUMN standing",
    "PRAGMA user_version = 4",
)
VERSION_3 = (
    *VERSION_4,
    "ALTER TABLE node DROP COLUMN catalogue",
    "PRAGMA user_version = 3",
)
VERSION_2 = (
    *VERSION_3,
    "ALTER TABLE node DROP COLUMN unknown_lines",
    "PRAGMA user_version = 2",
)
VERSION_1 = (
    *VERSION_2,
    "CREATE TABLE cells (address TEXT NOT NULL, receiver TEXT NOT NULL, outcome TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, changed_in INTEGER NOT NULL,"
    " PRIMARY KEY (address, receiver, outcome)) STRICT, WITHOUT ROWID",
    "INSERT INTO cells VALUES ('198.51.100.9', 'google', 'sent', 7, 3)",
    "INSERT INTO cells VALUES ('198.51.100.9', 'google', 'ours', 2, 4)",
    "ALTER TABLE node DROP COLUMN blind_until",
    "ALTER TABLE node DROP COLUMN began_at",
    "UPDATE node SET sequence = 5",
    "PRAGMA user_version = 1",
)


def test_a_file_of_version_1_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = State.open(path, now=NOW)
    state.count(position=LogPosition(), counted_to=NOW, counted=Counted())
    epoch = state.epoch
    state.close()
    for table in ("cells", "intake", "replies", "history", "past", "open_recipients"):
        run(path, f"DROP TABLE {table}")
    for statement in VERSION_1:
        run(path, statement)
    for _ in range(2):
        state = State.open(path, now=NOW)
        (cell,) = state.cells()
        assert (state.epoch, state.sequence, state.began_at) == (epoch, 5, None)
        assert (cell.key, cell.attempts) == (GOOGLE, {Outcome.SENT: 7, Outcome.OURS: 2})
        assert state.cells_changed_since(3) == (cell,)
        assert state.cells_changed_since(4) == ()
        assert state.known().blind_until == NOW
        state.close()


def test_a_file_of_version_2_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = State.open(path, now=NOW)
    cells = [Cell(key=GOOGLE, attempts={Outcome.SENT: 7})]
    state.count(position=LogPosition(), counted_to=NOW, counted=Counted(cells=cells))
    epoch = state.epoch
    state.close()
    for statement in VERSION_2:
        run(path, statement)
    for _ in range(2):
        state = State.open(path, now=NOW)
        (cell,) = state.cells()
        assert (state.epoch, cell.attempts) == (epoch, {Outcome.SENT: 7})
        assert (state.unknown_lines, state.handed_out) == (UnknownLines(), None)
        assert state.self_silence is None
        assert (state.senders_changed_since(-1), state.known().underway) == ((), {})
        state.close()


def run(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement)
        database.commit()
