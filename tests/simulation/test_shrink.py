"""A planted fault is found, cut down to the least that shows it, and played again from one line; a
long run is kept, gone on with, and counts what happened.
"""

import json
import sys
from pathlib import Path

import pytest

from tests.simulation import __main__ as simulation
from tests.simulation import many, plan, run, shrink, spec, summary
from tests.simulation.link import PoolPlan
from tests.simulation.plan import DAY, HOUR, Mishap, Plan
from tests.simulation.run import Played
from tests.simulation.spec import SpecError
from tests.simulation.test_simulation import trusting_detector

# Two pools, nine nodes, two days and seven mishaps, of which one is the cause.
NOISY = Plan(
    seed=5,
    pools=(PoolPlan(name="a", nodes=5, addresses=2), PoolPlan(name="b", nodes=4)),
    lasts=2 * DAY,
    mishaps=(
        Mishap(kind="agent restarts", at=HOUR, nodes=("n1",)),
        Mishap(kind="disk full", at=2 * HOUR, nodes=("n6",), lasts=900),
        Mishap(kind="cut", at=3 * HOUR, nodes=("n2",), lasts=1200),
        Mishap(kind="zone says", at=5 * HOUR, word="timeout", lasts=HOUR),
        Mishap(kind="collector stalls", at=8 * HOUR, number=200),
        Mishap(kind="cut", at=20 * HOUR, nodes=("n7",), lasts=HOUR),
        Mishap(kind="collector restarts", at=30 * HOUR),
    ),
)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    many.quietly()


@pytest.mark.timeout(300)
def test_a_planted_fault_is_cut_down_to_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    trusting_detector(monkeypatch)
    played = run.play(NOISY)
    assert "it never was" in played.violation
    least = shrink.shrink(played)
    assert [one.kind for one in least.plan.mishaps] == ["collector stalls"]
    assert [(pool.nodes, pool.addresses) for pool in least.plan.pools] == [(1, 1)]
    assert least.plan.lasts < HOUR
    again = run.play(spec.from_text(spec.to_text(least.plan)))
    assert (again.violation, again.at) == (least.violation, least.at)


def test_what_is_told_of_it_plays_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as broken:
        trusting_detector(broken)
        stalled = Plan(
            seed=1, pools=(PoolPlan(nodes=2),), mishaps=(NOISY.mishaps[4],), lasts=9 * HOUR
        )
        *_, whole, least = simulation.told(run.play(stalled))
        assert whole == "  all of it: python -m tests.simulation --first 1 --seeds 1"
        _, _, text = least.partition("--plan ")
        monkeypatch.setattr(sys, "argv", ["simulation", "--plan", text.strip("'")])
        assert simulation.main() == 1
        assert "it never was" in capsys.readouterr().out
    assert simulation.main() == 0, "the whole core shows it too"


def test_another_goal_is_not_the_same() -> None:
    said = "made remove 198.18.0.1 SILENCE"
    assert shrink.same(said, "made remove 198.18.1.77 SILENCE")
    assert not shrink.same(said, "made pause 198.18.0.1 LISTED")


def test_shrinking_ends_and_keeps_what_is_needed() -> None:
    """Of a goal that needs two mishaps and two nodes both stay."""

    def missed(one: Plan) -> Played:
        kinds = {mishap.kind for mishap in one.mishaps}
        is_missed = {"disk full", "cut"} <= kinds and len(one.nodes) >= 2
        return Played(
            plan=one,
            violation="missed" if is_missed else "",
            at=min(one.lasts, 4 * HOUR),
            steps=1,
            decisions=0,
            happened={},
            brakes={},
        )

    least = shrink.shrink(missed(NOISY), again=missed).plan
    assert sorted(one.kind for one in least.mishaps) == ["cut", "disk full"]
    assert len(least.nodes) == 2
    assert max(one.lasts for one in least.mishaps) <= shrink.SHORT_SECONDS


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_plan_is_a_line(seed: int) -> None:
    drawn = plan.draw(seed)
    assert spec.from_text(spec.to_text(drawn)) == drawn


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("{", "no plan"),
        ("{}", "no plan"),
        ('{"seed":1,"lasts":9,"pools":[{"hosts":1}],"mishaps":[]}', "hosts"),
        ('{"seed":1,"lasts":9,"pools":[{}],"mishaps":[{"kind":"flood","at":1}]}', "flood"),
        (
            '{"seed":1,"lasts":9,"pools":[{}],"mishaps":[{"kind":"cut","at":1,"nodes":["n2"]}]}',
            "n2",
        ),
    ],
)
def test_what_is_no_plan_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        spec.from_text(text)


def test_a_run_cut_short_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played: list[int] = []

    def quick(seed: int) -> summary.Fleet:
        played.append(seed)
        return summary.Fleet(
            seed=seed,
            violation="",
            seconds=DAY,
            steps=1,
            decisions=2,
            happened={"cut": 1},
            brakes={"floor": 1},
        )

    monkeypatch.setattr(many, "of_seed", quick)
    monkeypatch.setenv("JSON", "1")
    keep = tmp_path / "kept" / "fleets.jsonl"
    for seeds, told in ((3, [1, 2, 3]), (5, [1, 2, 3, 4, 5])):
        arguments = ["--seeds", str(seeds), "--workers", "1", "--keep", str(keep)]
        monkeypatch.setattr(sys, "argv", ["simulation", *arguments])
        assert simulation.main() == 0
        said = json.loads(capsys.readouterr().out)["simulation"]
        assert played == told
        assert (said["fleets"], said["happened"]) == (seeds, {"cut": seeds})
        assert "floor" not in said["holes"]
        assert "flap" in said["holes"]
        # As a kill in the middle of a line leaves it.
        with keep.open("a") as file:
            file.write('{"seed": 9')
    keep.write_text(keep.read_text().replace(summary.program(), "0" * 16))
    assert simulation.main() == 2
    assert "another version of the program" in capsys.readouterr().err
