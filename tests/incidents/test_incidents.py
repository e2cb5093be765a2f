"""Every incident of this folder, played: right, or named below as not yet right.

The naive checker's outcome is asserted too: an incident that nobody could get wrong proves nothing.
"""

import asyncio
from pathlib import Path

import pytest
import structlog

from tests.incidents import incident, play
from tests.incidents.incident import Incident, IncidentError

# Rules that are not built, by incident. One of these that comes out right fails its test, so that
# the list only shrinks.
NOT_YET: frozenset[str] = frozenset()
EVERY = {one.name: one for one in incident.every()}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def test_the_list_of_what_is_not_yet_right_names_incidents() -> None:
    assert EVERY.keys() >= NOT_YET
    assert len(EVERY) >= 40


@pytest.mark.parametrize("one", EVERY.values(), ids=EVERY)
def test_it_is_judged_rightly(one: Incident) -> None:
    ours, _ = asyncio.run(play.play(one))
    if one.name in NOT_YET:
        assert not ours.is_right, "it is right by now: take it from the list"
    else:
        assert ours.is_right, "\n".join(ours.problems)


@pytest.mark.parametrize(
    "name", ["spamhaus_refuses_the_fleet", "list_closes_by_wildcard", "collector_stalls"]
)
def test_the_naive_checker_silences_the_fleet(name: str) -> None:
    _, naive = asyncio.run(play.play(EVERY[name]))
    assert naive.wrong_pauses >= 10


WHOLE = """
title = "t"
source = "s"
lasts = "1h"
[[pool]]
nodes = 1
[[fact]]
what = "cut"
at = "1m"
about = ["n1"]
[[expect]]
out = ["n1"]
"""


@pytest.mark.parametrize(
    "before, after, complaint",
    [
        ('lasts = "1h"', 'lasts = "soon"', "no duration"),
        ('what = "cut"', 'what = "flood"', "no fact is called"),
        ('about = ["n1"]', 'nodes = ["n1"]', "knows no nodes"),
        ('about = ["n1"]', "", "needs about"),
        ("nodes = 1", "hosts = 1", "a pool knows no hosts"),
        ('out = ["n1"]', 'out = ["n1"]\nreason = "LISTED"', "knows no reason"),
        ('title = "t"', 'title = "t"\nmood = "bad"', "knows no mood"),
        ('title = "t"', "title = ", "Invalid value"),
        ('title = "t"', "", "title"),
    ],
)
def test_what_is_no_incident_is_refused(
    tmp_path: Path, before: str, after: str, complaint: str
) -> None:
    path = tmp_path / "strange.toml"
    path.write_text(WHOLE)
    assert incident.load(path).expectations[0].what == "out"
    path.write_text(WHOLE.replace(before, after))
    with pytest.raises(IncidentError, match=r"strange\.toml") as refused:
        incident.load(path)
    assert complaint in str(refused.value)


async def test_what_must_not_happen_is_seen_when_it_does(tmp_path: Path) -> None:
    path = tmp_path / "silent.toml"
    path.write_text(WHOLE.replace('\nout = ["n1"]', '\nsends = ["n1"]'))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    ours, _ = await play.play(incident.load(path))
    assert ours.wrong_pauses == 1
    assert [text.partition(":")[0] for text in ours.problems] == [
        "wrongly removed",
        "198.18.0.1 should be in the rotation at 1",
    ]
