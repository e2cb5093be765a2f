"""A group of tests is run by one worker, one after the other, whatever the others do."""

from pathlib import Path

import pytest

from tests import grouping

GROUPED = """
import os, pytest
pytestmark = [pytest.mark.xdist_group("one-at-a-time")]
@pytest.mark.parametrize("number", range(6))
def test_where(number):
    with open("workers.txt", "a") as file:
        file.write(f"{os.environ['PYTEST_XDIST_WORKER']} ")
"""


def test_a_group_is_named_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(GROUPED)
    (tmp_path / "test_b.py").write_text("def test_b(): ...")
    assert grouping.group_of("test_a.py::test_where[1]", tmp_path) == "one-at-a-time"
    assert grouping.group_of("test_b.py::test_b", tmp_path) == "test_b.py::test_b"


def test_one_worker_runs_it(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(grouping.__file__).parents[1]))
    pytester.makeconftest("from tests.grouping import pytest_xdist_make_scheduler")
    pytester.makepyfile(test_one=GROUPED, test_two=GROUPED)
    found = pytester.runpytest_subprocess("-n", "2", "--dist", "loadgroup", "-p", "no:randomly")
    found.assert_outcomes(passed=12)
    workers = (pytester.path / "workers.txt").read_text().split()
    assert (len(workers), len(set(workers))) == (12, 1)
