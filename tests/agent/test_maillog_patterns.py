"""Which names are logs: paths, what fits a pattern, and never a rotated sibling of either."""

import os
from pathlib import Path

import pytest

from agent.maillog import files
from agent.maillog.patterns import Patterns
from agent.maillog.sources import Sources
from tests.maillog_bed import START


@pytest.mark.parametrize(
    "name, expected",
    [
        ("/l/mail.log.1", "/l/mail.log"),
        ("/l/mail.log.2.gz", "/l/mail.log"),
        ("/l/mail.log-20261122", "/l/mail.log"),
        ("/l/mail.log.20261122-090000.xz", "/l/mail.log"),
        ("/l/mail-20261122.log", None),
        ("/l/mail.log", None),
        ("/l.1/mail.log", None),
        ("/l/mail.log.old", None),
    ],
)
def test_the_log_a_sibling_was_made_of(name: str, expected: str | None) -> None:
    assert files.stem(name) == expected


def test_what_there_is_to_follow(tmp_path: Path) -> None:
    names = ("a.log", "a.log.1", "b-1.log", ".c.log", "d.log.2.gz", "mail-20261122.log", "x.txt")
    for name in names:
        (tmp_path / name).touch()
    several = Patterns((f"{tmp_path}/none.log", f"{tmp_path}/*.log*", f"{tmp_path}/[ab]*"))
    found = [Path(name).name for name in several.present()]
    assert found == ["none.log", "a.log", "b-1.log", "mail-20261122.log"]
    assert several.surplus == 0
    assert several.fit(f"{tmp_path}/new.log")
    assert not several.fit(f"{tmp_path}/new.txt")
    assert not several.lone
    assert Patterns(("/a.log",)).lone == "/a.log"


def test_a_folder_that_may_not_be_looked_into_names_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    sources = Sources((f"{tmp_path}/*.log",), position=None, counted_to=START)
    assert sources.read(START) is None
    missing, shut = sources.problems
    assert "there is no log" in missing
    assert "permission denied" in shut
    assert "to the group" in shut
