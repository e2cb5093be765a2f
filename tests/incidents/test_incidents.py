"""Every incident of this folder, played: right, or named below as not yet right.

The naive checker's outcome is asserted too: an incident that nobody could get wrong proves nothing.
"""

import asyncio
import json
from pathlib import Path

import pytest
import structlog

from benchmarks import judgement
from collector.core.causes import CAUSES
from tests.incidents import incident, play, refusing, replayed, verdict
from tests.incidents.incident import Incident, IncidentError
from tests.incidents.play import Stage

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


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(replayed.empty(tmp_path_factory.mktemp("journal")))


@pytest.mark.parametrize("one", EVERY.values(), ids=EVERY)
def test_it_is_judged_rightly_and_replays(one: Incident, tmp_path: Path, template: Path) -> None:
    """Each decision, whatever it was, comes out the same from what a real journal holds of it."""
    stage = Stage(one)
    asyncio.run(stage.run())
    ours = verdict.judge(one, stage.record, names=stage.names)
    if one.name in NOT_YET:
        assert not ours.is_right, "it is right by now: take it from the list"
    else:
        assert ours.is_right, "\n".join(ours.problems)
    found = asyncio.run(replayed.outcomes(stage.fleet, tmp_path, template=template))
    assert found
    assert [answer for answer in found if answer["outcome"] != "identical"] == []


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
CUT = 'what = "cut"\nat = "1m"\nabout = ["n1"]\n'
BLOCKS = """at = "1m"
what = "mail"
about = ["n1"]
receiver = "gmx"
an_hour = { deferred = 60 }
class = "reputation_block"
"""
SPAMCOP = 'at = "1m"\nwhat = "zone"\nzone = "bl.spamcop.net"\nanswers = ["127.0.0.2"]\n'


@pytest.mark.parametrize(
    "before, after, line, complaint",
    [
        ('lasts = "1h"', 'lasts = "soon"', 1, "no duration"),
        ('what = "cut"', 'what = "flood"', 7, "no fact is called"),
        ('about = ["n1"]', 'nodes = ["n1"]', 7, "knows no nodes"),
        ('about = ["n1"]', "", 7, "needs about"),
        ('about = ["n1"]', 'about = ["n2"]', 7, "there is no node n2"),
        ('about = ["n1"]', 'about = ["n1/2"]', 7, "n1 has 1 addresses"),
        ('about = ["n1"]', 'about = ["everyone"]', 7, "names nobody"),
        ('at = "1m"', 'at = "2h"', 7, "after the end"),
        ('at = "1m"', 'at = "1m"\nuntil = "30s"', 7, "is not after"),
        ("nodes = 1", "hosts = 1", 5, "a pool knows no hosts"),
        ("nodes = 1", "nodes = 0", 5, "no number from 1"),
        ("nodes = 1", 'zones = ["zen"]', 5, "no zone of the catalogue"),
        ('\nout = ["n1"]', '\nout = ["n1"]\nreason = "LISTED"', 11, "knows no reason"),
        ('\nout = ["n1"]', '\npaused = ["n1"]', 11, "needs reason"),
        ('\nout = ["n1"]', '\npaused = ["n1"]\nreason = "LISTD"', 11, "no reason"),
        ('\nout = ["n1"]', '\nno_alert = "lissted"', 11, "no cause of an alert"),
        ('\nout = ["n1"]', '\nout = ["n1"]\nby = "3h"', 11, "after the end"),
        ('\nout = ["n1"]', "", 11, "expects one of"),
        ("[[expect]]", "[expect]", 11, "[[expect]]"),
        ('title = "t"', 'title = "t"\nmood = "bad"', 1, "knows no mood"),
        ('title = "t"', "title = ", 2, "Invalid value"),
        ('title = "t"', "", 1, "title"),
        (CUT, 'at = "1m"\nwhat = "collector"\nact = "restore"\n', 1, "needs a 'backup'"),
        (
            CUT,
            'at = "1m"\nwhat = "agent"\nact = "put back"\nabout = ["n1"]\n',
            1,
            "needs a 'snapshot'",
        ),
        (CUT, 'at = "1m"\nwhat = "collector"\nact = "stall"\nlasts = "long"\n', 7, "no duration"),
        (CUT, 'at = "1m"\nwhat = "operator"\nact = "observe"\npool = "other"\n', 7, "no pool"),
        (CUT, BLOCKS.replace("reputation_block", "reputation-block"), 7, "no class of a reply"),
        (CUT, f'{BLOCKS}until = "4m"\n', 7, "every 5m"),
        (CUT, f"{SPAMCOP}about = ['n1']\n", 7, "nobody asks bl.spamcop.net"),
        ('lasts = "1h"', 'lasts = "1h"\npolicy = { floor_ratio = "much" }', 1, "much"),
    ],
)
def test_what_is_no_incident_is_refused(
    tmp_path: Path, before: str, after: str, line: int, complaint: str
) -> None:
    path = tmp_path / "strange.toml"
    path.write_text(WHOLE)
    assert incident.load(path).expectations[0].what == "out"
    path.write_text(WHOLE.replace(before, after))
    with pytest.raises(IncidentError) as refused:
        incident.load(path)
    assert str(refused.value).startswith(f"{path}:")
    assert complaint in str(refused.value)
    assert str(refused.value).startswith(f"{path}:{line}: ")


SEEN_BY_SOME = """
title = "t"
source = "s"
lasts = "2h"
[[pool]]
nodes = 3
[[fact]]
what = "zone"
at = "5m"
zone = "zen.spamhaus.org"
answers = ["127.0.0.2"]
about = "n1"
seen_by = "nodes"
[[expect]]
paused = "n1"
reason = "LISTED"
by = "17m"
"""


@pytest.mark.parametrize(
    "askers", ['["nodes"]', '["pool:default", "collector"]', '["all"]', '"n1"']
)
async def test_askers_are_named_in_every_way(tmp_path: Path, askers: str) -> None:
    """One name or a list, the collector among them; the collector does not see what it is not said
    to see, and then the two disagree.
    """
    path = tmp_path / "askers.toml"
    text = SEEN_BY_SOME.replace('"nodes"', askers)
    path.write_text(text)
    ours, _ = await play.play(incident.load(path))
    assert bool(ours.problems) is ("collector" not in askers)
    path.write_text(text.replace('paused = "n1"\nreason = "LISTED"', 'alert = "disagree"'))
    ours, _ = await play.play(incident.load(path))
    assert bool(ours.problems) is ("collector" in askers)


def test_a_folder_is_played_and_what_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JSON", "1")
    (tmp_path / "one.toml").write_text(WHOLE)
    monkeypatch.setattr("sys.argv", ["judgement", str(tmp_path)])
    assert judgement.main() == 0
    assert json.loads(capsys.readouterr().out)["incidents"] == 1
    (tmp_path / "two.toml").write_text(WHOLE.replace("cut", "flood"))
    assert judgement.main() == 2
    assert f"{tmp_path / 'two.toml'}:7: " in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["judgement", str(tmp_path / "none")])
    assert judgement.main() == 2


def test_the_words_an_incident_may_use_stand_in_its_description() -> None:
    said = (incident.FOLDER / "README.md").read_text("utf-8")
    known = {*refusing.REASONS, *refusing.BRAKES, *refusing.CLASSES, *refusing.OUTCOMES, *CAUSES}
    known |= {act for acts in refusing.ACTS.values() for act in acts}
    assert sorted(word for word in known if f"`{word}`" not in said) == []


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
