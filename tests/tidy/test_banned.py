"""Banned calls, words and names are absent, and the checker sees them where they are not."""

import subprocess
from pathlib import Path

import pytest

from tests.tidy import banned, tree


def repository_files() -> list[str]:
    """What is or will be committed: tracked and not ignored, and present."""
    run = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return [path for path in run.stdout.splitlines() if (tree.ROOT / path).is_file()]


def test_no_banned_calls() -> None:
    complaints = banned.check_calls(tree.load(tree.ROOT, (*tree.PRODUCT, "tests")))
    assert not complaints, "\n".join(complaints)


def test_no_banned_words() -> None:
    files = repository_files()
    assert len(files) > 20
    complaints = banned.check_words(tree.ROOT, files)
    assert not complaints, "\n".join(complaints)


def test_no_module_is_named_for_nothing() -> None:
    complaints = banned.check_names(repository_files())
    assert not complaints, "\n".join(complaints)


BAD_CALLS = {
    "print": "print(1)",
    "clock": "from datetime import UTC, datetime\nat = datetime.now(UTC)",
    "clock by module": "import datetime\nat = datetime.datetime.now()",
    "clock by alias": "import datetime as dt\nat = dt.datetime.now()",
    "time": "import time\nat = time.time()",
    "time by name": "from time import time as clock\nat = clock()",
    "random": "import random\nx = random.uniform(0, 1)",
    "random by name": "from random import uniform\nx = uniform(0, 1)",
    "task": "import asyncio\nasyncio.create_task(f())",
    "task of a loop": "import asyncio\nasyncio.get_running_loop().create_task(f())",
    "system": "import os\nos.system('true')",
    "shell": "import subprocess\nsubprocess.run('true', shell=True)",
    "shell, perhaps": "import subprocess\nsubprocess.run('true', shell=choice)",
    "eval": "eval('1')",
    "two catch-alls": "\n".join(["try: f()\nexcept Exception: pass"] * 2),
    "two catch-alls, one in a tuple": (
        "try: f()\nexcept (OSError, Exception): pass\ntry: f()\nexcept: pass"
    ),
    "a silent one": "from contextlib import suppress\n"
    "with suppress(Exception): f()\ntry: f()\nexcept Exception as e: raise OSError from e",
}


@pytest.mark.parametrize("text", BAD_CALLS.values(), ids=BAD_CALLS)
def test_a_banned_call_is_seen(tmp_path: Path, text: str) -> None:
    (tmp_path / "collector").mkdir()
    (tmp_path / "collector/intake.py").write_text(text + "\n")
    assert len(banned.check_calls(tree.load(tmp_path))) == 1


def test_the_edges_may(tmp_path: Path) -> None:
    (tmp_path / "collector/adapters").mkdir(parents=True)
    clock = "from datetime import UTC, datetime\nnow = datetime.now(UTC)\n"
    (tmp_path / "collector/adapters/clock.py").write_text(clock)
    (tmp_path / "collector/service.py").write_text(
        "try: f()\nexcept Exception: pass\ntry: f()\nexcept BaseException: raise\n"
    )
    assert banned.check_calls(tree.load(tmp_path)) == []


# Each in two halves, so that this file may be searched like any other.
HALVES = [("TO", "DO: later"), ("FIX", "ME"), ("good for", " now"), ("simpl", "ified")]
HALVES += [("a place", "holder"), ("raise NotImpl", "ementedError"), ("in phase", " 3")]
HALVES += [("see issue", " #2"), ("/wo", "rk/main"), ("https://py", "pi.org/simple")]


@pytest.mark.parametrize("word", ["".join(halves) for halves in HALVES])
def test_a_banned_word_is_seen(tmp_path: Path, word: str) -> None:
    (tmp_path / "README.md").write_text(f"First line.\nA line with {word} in it.\n")
    complaints = banned.check_words(tmp_path, ["README.md"])
    assert len(complaints) == 1
    assert complaints[0].startswith("README.md:2: ")


@pytest.mark.parametrize("path", ["agent/utils.py", "collector/common/model.py", "demo/base.py"])
def test_a_name_for_nothing_is_seen(path: str) -> None:
    assert len(banned.check_names([path])) == 1
    assert banned.check_names(["agent/helper.py", "collector/core/model.py"]) == []
