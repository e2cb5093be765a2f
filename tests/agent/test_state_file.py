"""The file itself: synced, private, one process's, moved aside when corrupt."""

import os
import sqlite3
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.maillog.position import LogPosition
from agent.model import Cell, CellKey, Counted, Directive, EventKind
from agent.state import State, StateError
from deliverability.replies import Outcome

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)
GOOGLE = CellKey("198.51.100.9", "google")
SEVEN = Counted(cells=[Cell(key=GOOGLE, attempts={Outcome.SENT: 7})])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def filled(path: Path) -> str:
    state = State.open(path, now=NOW)
    state.count(position=LogPosition(), counted_to=NOW, counted=SEVEN)
    state.hold_directive(Directive(term=1, revision=1))
    epoch = state.epoch
    state.close()
    return epoch


def test_commits_are_synced(path: Path) -> None:
    state = State.open(path, now=NOW)
    pragmas = {
        name: state._file.rows(f"PRAGMA {name}")[0][0] for name in ("synchronous", "journal_mode")
    }
    assert pragmas == {"synchronous": 2, "journal_mode": "wal"}
    state.close()


@pytest.mark.parametrize("mode", [None, 0o644])
def test_nobody_else_may_read_it(path: Path, mode: int | None) -> None:
    if mode is not None:
        filled(path)
        path.chmod(mode)
    mask = os.umask(0)
    try:
        state = State.open(path, now=NOW)
    finally:
        os.umask(mask)
    for name in ("state.db", "state.db-wal", "state.db-shm", "state.db.lock"):
        assert path.with_name(name).stat().st_mode & 0o077 == 0, name
    state.close()


def test_one_process_at_a_time(path: Path) -> None:
    state = State.open(path, now=NOW)
    with pytest.raises(StateError, match="in use by another agent"):
        State.open(path, now=NOW)
    state.close()
    State.open(path, now=NOW).close()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="No such file"):
        State.open(tmp_path / "none/state.db", now=NOW)


def test_a_newer_versions_file_is_left_alone(path: Path) -> None:
    filled(path)
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="newer agent") as caught:
        State.open(path, now=NOW)
    assert not caught.value.retryable
    assert path.read_bytes() == before


def test_the_log_that_somebody_else_reads_is_left_alone(path: Path) -> None:
    """What is in it alone is not lost, whoever closes first; the next start finds all of it."""
    filled(path)
    state = State.open(path, now=NOW)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM node").fetchall()  # what comes now stays in the log
    for _ in range(400):
        state.next_sequence()
    state.count(position=LogPosition(), counted_to=NOW, counted=SEVEN)
    state.close()
    assert other.execute("SELECT sequence FROM node").fetchall() == [(0,)]
    other.execute("COMMIT")
    assert other.execute("SELECT sequence FROM node").fetchall() == [(400,)]
    state = State.open(path, now=NOW)
    assert state.next_sequence() == 401
    state.close()
    other.close()
    state = State.open(path, now=NOW)
    assert state.sequence == 401
    state.close()


def test_killed_while_being_made(path: Path) -> None:
    """The tables stand, the one row does not: still a fresh file."""
    filled(path)
    database = sqlite3.connect(path)
    database.execute("DELETE FROM node")
    database.execute("DELETE FROM events")
    database.commit()
    database.close()
    state = State.open(path, now=NOW)
    assert state.sequence == 0
    state.close()


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(9000))


def _torn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 200] = b"\xff" * 200
    path.write_bytes(data)


def _cut(path: Path) -> None:
    os.truncate(path, 5000)


def _foreign(path: Path) -> None:
    path.unlink()
    _run(path, "CREATE TABLE other (x)")


def _zeroes(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _senseless(path: Path) -> None:
    _run(path, "UPDATE node SET position = x'00'")


def _unreadable(path: Path) -> None:
    _run(path, 'UPDATE node SET directive = \'{"term": "x"}\'')


def _unknown_outcome(path: Path) -> None:
    _run(path, "UPDATE cells SET classes = '{\"teleported\": 1}'")


def _half_a_hash(path: Path) -> None:
    _run(path, "INSERT INTO open_recipients (opened, closed) VALUES (x'0011', x'')")


def _half_a_histogram(path: Path) -> None:
    _run(path, "UPDATE cells SET delays = x'0011'")


def _senseless_event(path: Path) -> None:
    _run(path, "UPDATE events SET body = '{\"id\": 1}'")


def _senseless_silence(path: Path) -> None:
    _run(path, "UPDATE node SET standing = '[]'")


def _endless_time(path: Path) -> None:
    _run(path, "UPDATE node SET reload_at = 9000000000000000000")


def _run(path: Path, sql: str) -> None:
    database = sqlite3.connect(path)
    database.execute(sql)
    database.commit()
    database.close()


@pytest.mark.parametrize(
    "spoil",
    [
        *(_garbage, _torn, _cut, _foreign, _zeroes, _senseless, _unreadable, _unknown_outcome),
        *(_half_a_hash, _half_a_histogram, _senseless_event, _senseless_silence, _endless_time),
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_a_corrupt_file_is_moved_aside_and_told_of(path: Path, spoil: object) -> None:
    epoch = filled(path)
    assert callable(spoil)
    spoil(path)
    later = NOW + timedelta(hours=1)
    state = State.open(path, now=later)
    assert state.epoch != epoch
    assert (state.cells(), state.directive) == ((), None)
    (event,) = state.events_unacknowledged(9)
    assert event.kind is EventKind.EPOCH_BEGUN
    assert "corrupt" in event.text
    aside = path.with_name("state.db.corrupt-20261122T100000.000000Z")
    assert aside.exists()
    assert aside.name in event.text
    state.next_sequence()
    state.close()
    state = State.open(path, now=later)
    assert state.sequence == 1
    state.close()


def test_few_corrupt_files_are_kept(path: Path) -> None:
    for hour in range(6):
        filled(path)
        _garbage(path)
        State.open(path, now=NOW + timedelta(hours=hour)).close()
    kept = sorted(found.name for found in path.parent.glob("*.corrupt-*"))
    hours = [name.partition("T")[2][:2] for name in kept]
    assert hours == ["12", "13", "14"]
