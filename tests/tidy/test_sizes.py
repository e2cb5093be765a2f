"""Files, functions and parameter lists stay small, and the checker sees those that do not."""

from pathlib import Path

import pytest

from tests.tidy import sizes, tree

EVERYTHING = (*tree.PRODUCT, "tests")


def test_nothing_is_too_long() -> None:
    everything = tree.load(tree.ROOT, EVERYTHING)
    complaints = sizes.check(everything)
    assert not complaints, "\n".join(complaints)
    assert sizes.median(everything) <= sizes.FILE_LINES_MEDIAN_MAX


LONG = "x = 1\n" * 301
BAD = {
    "file": (LONG, "301 lines, limit 300"),
    "file with an empty reason": ("# long: \n" + LONG, "limit 300"),
    "file with a reason, too long all the same": (
        "# long: one table\n" + LONG + "x = 1\n" * 100,
        "402 lines, limit 400",
    ),
    "function": ("def f() -> None:\n" + "    x = 1\n" * 50, "f: 51 lines"),
    "parameters": ("def f(a, b, *, c, d, e, f): ...\n", "6 parameters"),
    "positional parameters": ("class A:\n    async def f(self, a, b, c): ...\n", "3 positional"),
    "two of one type": ("def f(a: str, b: str): ...\n", "of one type"),
}


@pytest.mark.parametrize("text, complaint", BAD.values(), ids=BAD)
def test_too_long_is_seen(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent/state.py").write_text(text)
    complaints = sizes.check(tree.load(tmp_path))
    assert len(complaints) == 1
    assert complaint in complaints[0]


def test_a_written_reason_allows_400_lines(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent/state.py").write_text('"""State."""\n# long: one table\n' + LONG)
    assert sizes.check(tree.load(tmp_path)) == []
