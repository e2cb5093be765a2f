"""Several logs and patterns: each line once, whoever joins, leaves or may not be read."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.maillog.patterns import NAME_BYTES_MAX, SOURCES_MAX
from agent.maillog.position import LogPosition, Positions
from agent.maillog.sources import GONE_FOR, SCAN_EVERY
from demo.grammar import Form
from tests.maillog_several import Several

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=list(Form), ids=lambda form: form.name)
def form(request: pytest.FixtureRequest) -> Form:
    form: Form = request.param
    return form


@pytest.fixture
def pair(tmp_path: Path, form: Form) -> Iterator[Several]:
    """Two logs by name, with something in them already."""
    several = Several(tmp_path, "a.log", "b.log", form=form)
    for name in ("a.log", "b.log"):
        several.write(several.log(name), 12)
    several.begin()
    yield several
    several.close()


@pytest.fixture
def fitting(tmp_path: Path, form: Form) -> Iterator[Several]:
    """One log that fits a pattern, with something in it already."""
    several = Several(tmp_path, "*.log*", form=form)
    several.write(several.log("a.log"), 12)
    several.begin()
    yield several
    several.close()


@pytest.mark.parametrize("restarts", [False, True])
def test_two_logs_rotated_at_times_of_their_own(pair: Several, restarts: bool) -> None:
    first, second = pair.logs
    for turn in range(6):
        pair.write(first, turn)
        pair.write(second, 2)
        if turn % 2:
            pair.read()
        (first if turn % 3 else second).rename()
        pair.write(first, 1)
        pair.write(second, 1)
        if restarts:
            pair.restart()
    pair.read()
    assert pair.totals == pair.truth
    assert not pair.gaps


def test_one_that_comes_later_is_read_from_its_beginning(tmp_path: Path, form: Form) -> None:
    several = Several(tmp_path, "a.log", "b.log", form=form)
    several.write(several.log("a.log"))
    several.begin()
    assert "; ".join(several.account.problems) == f"there is no log {several.folder}/b.log"
    several.write(several.log("b.log"))
    several.read()
    assert several.totals == several.truth
    assert not several.account.problems
    assert not several.gaps
    several.close()


def test_one_may_not_be_read_and_the_other_counts(
    pair: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.open

    def refusing(path: Path, *rest: int) -> int:
        if Path(path).name == "b.log":
            raise PermissionError(13, "Permission denied")
        return original(path, *rest)

    pair.restart()
    pair.write(pair.logs[0])
    pair.write(pair.logs[1])
    with monkeypatch.context() as patched:
        patched.setattr("agent.maillog.files.os.open", refusing)
        pair.read()
        (problem,) = pair.account.problems
        assert "b.log: permission denied" in problem
        assert "to the group" in problem
        assert pair.totals == pair.logs[0].truth
    pair.read()
    assert pair.totals == pair.truth
    assert not pair.account.problems


@pytest.mark.parametrize("is_down", [False, True])
def test_a_new_log_that_fits_joins(fitting: Several, is_down: bool) -> None:
    if is_down:
        fitting.account.close()
    for name in ("b.log", "c.log"):
        fitting.write(fitting.log(name))
    fitting.read()
    fitting.write(fitting.logs[0])
    fitting.restart()
    fitting.write(fitting.logs[1])
    fitting.read()
    assert fitting.totals == fitting.truth
    assert not fitting.gaps


def test_rotated_siblings_fit_too_and_are_no_logs(fitting: Several) -> None:
    (log,) = fitting.logs
    for name in ("", "a.log-20261120", "", "a.log.20261121-090000"):
        fitting.write(log)
        fitting.read()
        log.rename(name)
        fitting.write(log)
        fitting.read()
    shutil.copy(log.path, log.path.with_name(".a.log.swp"))
    log.path.with_name("folder.log").mkdir()
    fitting.restart()
    fitting.write(log)
    fitting.read()
    assert fitting.totals == fitting.truth
    assert not fitting.gaps


def test_a_log_that_is_gone_leaves_and_may_come_back(fitting: Several) -> None:
    other = fitting.log("b.log")
    fitting.write(other)
    fitting.read()
    fitting.write(other)
    other.path.unlink()
    fitting.read()  # what it held is read all the same
    for _ in range(2):
        fitting.later(GONE_FOR)
        fitting.read()
    fitting.write(fitting.logs[0])
    fitting.read()
    assert isinstance(fitting.state.position, Positions)
    assert [*fitting.state.position.by_name] == [str(fitting.logs[0].path)]
    fitting.write(other)
    fitting.read()
    assert fitting.totals == fitting.truth
    assert not fitting.gaps


@pytest.mark.parametrize("name", ["b.log", "b\udcff.log"], ids=["a name", "no UTF-8"])
def test_a_log_gone_before_it_was_read_to_its_end_is_a_gap(fitting: Several, name: str) -> None:
    other = fitting.log(name)
    fitting.write(other)
    fitting.read()
    fitting.account.close()
    known = fitting.totals
    fitting.write(other, 2)
    other.path.unlink()
    for _ in range(3):
        fitting.read()
        fitting.later(GONE_FOR)
    assert fitting.totals == known
    told = name.encode("utf-8", "replace").decode()
    assert fitting.gaps == [f"{told} is gone; its end was perhaps not read"]


@pytest.mark.parametrize("is_down", [False, True])
def test_a_log_that_gets_another_name_is_not_counted_again(fitting: Several, is_down: bool) -> None:
    (log,) = fitting.logs
    fitting.write(log)
    fitting.read()
    if is_down:
        fitting.account.close()
    fitting.write(log)
    log.path = log.path.rename(log.path.with_name("old.log"))
    fitting.read()
    fitting.write(log)
    fitting.write(fitting.log("a.log"))
    fitting.read()
    assert fitting.totals == fitting.truth
    assert not fitting.gaps


def test_one_path_becomes_several_and_one_again(tmp_path: Path, form: Form) -> None:
    """The place of a lone file stands without its name."""
    several = Several(tmp_path, "b.log", form=form)
    second = several.log("b.log")
    several.write(second, 12)
    several.begin()
    several.write(second)
    several.read()
    assert isinstance(several.state.position, LogPosition)
    several.restart("a.log", "*.log")
    several.write(several.log("a.log"))
    several.write(second)
    several.read()
    several.restart("b.log")
    several.write(second)
    several.read()
    assert isinstance(several.state.position, LogPosition)
    assert several.totals == several.truth
    assert not several.gaps
    several.close()


def test_a_folder_that_is_missing_comes_goes_and_comes(tmp_path: Path, form: Form) -> None:
    several = Several(tmp_path, "deep/*.log", form=form)
    several.read()
    assert "there is no log" in several.account.problems[0]
    log = several.log("deep/a.log")
    for _ in range(2):
        log.path.parent.mkdir()
        several.write(log)
        several.read()
        assert several.totals == several.truth
        assert not several.account.problems
        shutil.rmtree(log.path.parent)
        several.read()
        several.later(MINUTE)
        several.read()
    assert not several.gaps
    several.close()


def test_too_many_are_said(fitting: Several) -> None:
    for number in range(SOURCES_MAX + 1):
        fitting.write(fitting.log(f"b{number:02}.log"), 1)
    fitting.log("x" * NAME_BYTES_MAX + ".log").write(1)
    fitting.read()
    assert "3 logs are not followed" in fitting.account.problems[0]
    assert sum(fitting.totals.values()) == SOURCES_MAX - 1


def test_under_a_stream_without_end_others_join_and_are_read(fitting: Several) -> None:
    """The busy one always has more; nobody waits longer than it takes to look."""
    (busy,) = fitting.logs
    late = None
    for turn in range(8):
        fitting.write(busy, 3)
        fitting.account.step(fitting.now)
        if late is not None:
            fitting.write(late, 1)
        if turn == 2:
            late = fitting.log("late.log")
            fitting.write(late, 2)
            fitting.later(2 * SCAN_EVERY)
    assert late is not None
    fitting.account.commit(fitting.now)
    position = fitting.state.position
    assert isinstance(position, Positions)
    assert position.by_name[str(late.path)].position.offset, "read meanwhile"
    fitting.read()
    assert fitting.totals == fitting.truth
