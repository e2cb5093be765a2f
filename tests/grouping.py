"""Tests of one group stay on one worker: `--dist loadgroup` of xdist 3.8 is lost on pytest 9.2.

xdist marks a group by writing `_nodeid` of each item, which pytest 9.2 no longer reads; nothing
fails, the group is just scattered. Here the group is what the file's own `xdist_group` mark says.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

MARK = re.compile(r'\bxdist_group\("([\w-]+)"\)')


def group_of(nodeid: str, root: Path) -> str:
    """The group the test's file names, for all tests of the file; a test without one is alone."""
    return _named_in(root / nodeid.partition("::")[0]) or nodeid


@cache
def _named_in(path: Path) -> str:
    found = MARK.search(path.read_text("utf-8")) if path.is_file() else None
    return found[1] if found else ""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no annotations
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid, config.rootpath)

    return ByGroup(config, log)
