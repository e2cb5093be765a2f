"""Two streams of one identity, by table."""

import pytest

from collector.core import duplicates
from collector.core.duplicates import SWAPS_WITHIN_SECONDS, Claim, Ruling

OLD = Claim(machine_id="machine-1", run_id="run-1")
RESTARTED = Claim(machine_id="machine-1", run_id="run-2")
CLONE = Claim(machine_id="machine-2", run_id="run-9")


@pytest.mark.parametrize(
    "live, newcomer, swaps, ruling, remembered",
    [
        (None, OLD, (), Ruling.ADMIT, ()),
        (OLD, OLD, (), Ruling.RETURN, ()),
        (OLD, RESTARTED, (), Ruling.REPLACE, (1000.0,)),
        (OLD, CLONE, (), Ruling.REFUSE, ()),
        (OLD, RESTARTED, (990.0, 995.0), Ruling.REPLACE, (990.0, 995.0, 1000.0)),
        (OLD, RESTARTED, (980.0, 990.0, 995.0), Ruling.BOTH_OUT, (980.0, 990.0, 995.0, 1000.0)),
        (OLD, OLD, (980.0, 990.0, 995.0), Ruling.RETURN, (980.0, 990.0, 995.0)),
        # Out for as long as four swaps are remembered, whoever asks.
        (None, OLD, (970.0, 980.0, 990.0, 995.0), Ruling.BOTH_OUT, (970.0, 980.0, 990.0, 995.0)),
        (None, CLONE, (970.0, 980.0, 990.0, 995.0), Ruling.BOTH_OUT, (970.0, 980.0, 990.0, 995.0)),
        # What is five minutes ago is forgotten.
        (None, OLD, (700.0, 980.0, 990.0, 995.0), Ruling.ADMIT, (980.0, 990.0, 995.0)),
        (OLD, RESTARTED, (1.0, 2.0, 3.0, 4.0), Ruling.REPLACE, (1000.0,)),
    ],
)
def test_who_keeps_the_node(
    live: Claim | None,
    newcomer: Claim,
    swaps: tuple[float, ...],
    ruling: Ruling,
    remembered: tuple[float, ...],
) -> None:
    judged = duplicates.judge(live, newcomer, swaps=swaps, now=1000.0)
    assert (judged.ruling, judged.swaps) == (ruling, remembered)


def test_two_that_take_turns_are_both_out_after_three_swaps() -> None:
    swaps: tuple[float, ...] = ()
    live, other = OLD, RESTARTED
    rulings = []
    for turn in range(5):
        judged = duplicates.judge(live, other, swaps=swaps, now=float(turn))
        swaps, live, other = judged.swaps, other, live
        rulings.append(judged.ruling)
    assert rulings == [Ruling.REPLACE] * 3 + [Ruling.BOTH_OUT] * 2
    later = duplicates.judge(None, OLD, swaps=swaps, now=SWAPS_WITHIN_SECONDS)
    assert later.ruling is Ruling.ADMIT
