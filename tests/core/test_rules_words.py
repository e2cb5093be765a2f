"""What a rule says is so: figures are the policy's, and an end is told by what ended it."""

from dataclasses import replace

import pytest

from collector.core.judge import judge
from collector.core.model import AddressFacts, Liveness
from deliverability.catalogue import Catalogue, Override
from deliverability.zones import Verdict
from tests.core import fleet, thread
from tests.core.fleet import NOON, POLICY, ZEN

STRICT = replace(POLICY, clean_rounds=5, lost_after_intervals=7.5, back_after_heartbeats=4)
OFF = Catalogue(overrides={ZEN: Override(is_enabled=False)})
CLEAR = fleet.fact(Verdict.CLEAR, rounds=5)
LISTED = fleet.address(listings=(fleet.listing(),))


@pytest.mark.parametrize(
    ("address", "catalogue", "rule"),
    [
        (
            replace(LISTED, zones=(CLEAR,), looks=(fleet.look(Verdict.CLEAR),)),
            Catalogue(),
            "5 clean rounds with right sentinels end a listing",
        ),
        (replace(LISTED, zones=(CLEAR,)), OFF, "nothing that still counts lists it"),
        (LISTED, OFF, "nothing that still counts lists it"),
    ],
    ids=["clean", "switched off, and clear", "switched off"],
)
def test_the_end_of_a_listing(address: AddressFacts, catalogue: Catalogue, rule: str) -> None:
    node = fleet.node("n1", address, pauses=(fleet.pause(),))
    (decision,) = judge(fleet.snapshot(node, catalogue=catalogue), STRICT, now=NOON).decisions
    assert decision.proposal.rule == rule


def test_membership() -> None:
    lost = fleet.node("n1", liveness=Liveness.LOST)
    (removed,) = judge(fleet.snapshot(lost), STRICT, now=NOON).decisions
    assert removed.proposal.rule.startswith("7.5 missed heartbeats")


def test_what_comes_next() -> None:
    alert = thread.alert("bounces:198.51.100.1")
    (told,) = thread.Thread(
        policy=replace(POLICY, bounce_pause=0.2, notify_gather=NOON - NOON)
    ).opens(alert)
    assert "at 20.00% the address is paused" in told.coming
