"""A missing component is a failure in CI and a listed skip elsewhere."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import conftest

CASE = """
import pytest

@pytest.mark.needs("ghost")
def test_of_a_ghost():
    pass

@pytest.mark.needs("here")
def test_of_what_is_here():
    pass

@pytest.mark.needs("root")
def test_of_root():
    pass
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the three cases above as a run of their own, as root, without the component ghost."""
    components = {
        "ghost": ((tmp_path / "nowhere",), "ghost-package"),
        "here": ((tmp_path / "nowhere", tmp_path), "here-package"),
    }
    monkeypatch.setattr(conftest, "COMPONENTS", components)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    pytester.makepyfile(CASE)
    pytester.makeini("[pytest]\nmarkers = needs\nasyncio_default_fixture_loop_scope = function")
    return lambda *options: pytester.runpytest_inprocess(*options, plugins=[conftest])


def test_missing_in_ci_fails_with_the_remedy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = run()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ghost: apt-get install ghost-package*"])


def test_missing_elsewhere_is_skipped_and_listed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    result = run()
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["*= not run =*", "*1  not run, missing ghost"])
