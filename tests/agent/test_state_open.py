"""Who is deferred at present, as the state file keeps it: each change, now and then all anew."""

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from agent import state_counts
from agent.maillog.position import LogPosition
from agent.maillog.recipients import OPEN_MAX
from agent.model import Counted
from agent.state import State

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)
POSITION = LogPosition()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State.open(tmp_path / "state.db", now=NOW)
    yield state
    state.close()


def test_who_is_deferred_is_written_anew_before_it_grows_long(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_counts, "SHRINK_BYTES", 100)
    for turn in range(1, 200):
        opened, closed = (turn, 1000 + turn), (turn - 1,)
        left = (turn, *range(1001, 1001 + turn))
        counted = Counted(opened=opened, closed=closed, open_recipients=left)
        state.count(position=POSITION, counted_to=NOW, counted=counted)
    assert set(state.known().open_recipients) == {199, *range(1001, 1200)}
    ((size,),) = state._file.rows(
        "SELECT sum(length(opened) + length(closed)) FROM open_recipients"
    )
    assert size < 3 * 8 * 200


def test_who_is_deferred_again_is_open(state: State) -> None:
    state.count(position=POSITION, counted_to=NOW, counted=Counted(opened=(7, 8)))
    state.count(position=POSITION, counted_to=NOW, counted=Counted(closed=(7, 8), opened=(7,)))
    assert set(state.known().open_recipients) == {7}


def test_very_many_deferred_of_one_message_are_known_again_soon(state: State) -> None:
    many = range(1, 1 << 32, (1 << 32) // 30_000)  # in the order in which a table holds them
    state.count(position=POSITION, counted_to=NOW, counted=Counted(opened=many))
    began = time.process_time()
    assert set(state.known().open_recipients) == set(many)
    assert time.process_time() - began < 4


def test_very_many_deferred_are_let_go_in_one_quick_commit(state: State) -> None:
    """Heartbeats wait meanwhile. Who is left is written, and not found by going through all."""
    many = range(1, 1 << 32, (1 << 32) // OPEN_MAX)
    state.count(position=POSITION, counted_to=NOW, counted=Counted(opened=many))
    gone = Counted(closed=many[:-1], open_recipients=many[-1:])
    began = time.process_time()
    state.count(position=POSITION, counted_to=NOW, counted=gone)
    assert time.process_time() - began < 0.5
    assert set(state.known().open_recipients) == {many[-1]}
