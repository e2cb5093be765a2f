"""One operator held by the zone brake and one free: in whose name a pause is asked, and what of it
is put back."""

from dataclasses import replace
from datetime import datetime

import pytest

from collector.core.model import Brake, Fate, Kind, Pause, Snapshot, ZoneBrake
from tests.core import fleet
from tests.core.fleet import BARRACUDA, SPAMCOP, ZEN, fates
from tests.core.test_listed import IP, judged, known, listing, refused

SINCE = fleet.ago(minutes=2)
RESUMED = [(Kind.RESUME, Fate.MADE, None)]


def held(
    *zones: str,
    by: str,
    at: datetime = SINCE,
    paused_at: datetime | None = None,
    refusals: int = 0,
) -> Snapshot:
    """`by` listed four others at SINCE and is held; these zones list the address, `by` since `at`
    and the others for a day."""
    listings = tuple(
        listing(zone, at=at if zone == by else fleet.ago(days=1, minutes=5)) for zone in zones
    )
    wave = tuple(
        replace(listing(by, at=SINCE), id=f"m{i}", node_id=f"m{i}", address=f"198.51.100.{i}")
        for i in range(2, 6)
    )
    address = known(*zones, listings=listings, mail=refused(refusals))
    pauses: tuple[Pause, ...] = ()
    if paused_at is not None:
        pauses = (replace(fleet.pause(), opened_at=paused_at),)
    mine = tuple(one for one in listings if one.zone == by)
    return fleet.snapshot(
        fleet.node("n1", address, pauses=pauses),
        brakes={by: ZoneBrake(zone=by, engaged_at=SINCE)},
        open_listings={by: (*mine, *wave)},
    )


@pytest.mark.parametrize("by", [SPAMCOP, BARRACUDA])
def test_a_pause_that_needs_a_held_vote_is_asked_in_its_name(by: str) -> None:
    """Whichever of the two sorts first."""
    judgement = judged(held(SPAMCOP, BARRACUDA, by=by))
    assert fates(judgement) == [(Kind.PAUSE, Fate.WITHHELD, Brake.ZONE)]
    (decision,) = judgement.decisions
    assert (decision.proposal.zone, decision.proposal.listed_at) == (by, SINCE)


@pytest.mark.parametrize("by", [SPAMCOP, BARRACUDA])
def test_what_stood_on_a_held_vote_is_put_back(by: str) -> None:
    """The other operator keeps a pause that it opened, not one it never could have."""
    paused = held(SPAMCOP, BARRACUDA, by=by, paused_at=fleet.ago(minutes=1))
    assert fates(judged(paused)) == RESUMED
    refused_too = held(SPAMCOP, BARRACUDA, by=by, paused_at=fleet.ago(minutes=1), refusals=5)
    assert fates(judged(refused_too)) == []


@pytest.mark.parametrize(
    "snapshot",
    [
        held(SPAMCOP, BARRACUDA, by=BARRACUDA, paused_at=fleet.ago(hours=9)),
        held(ZEN, BARRACUDA, by=BARRACUDA, paused_at=fleet.ago(minutes=1)),
        held(SPAMCOP, by=BARRACUDA, paused_at=fleet.ago(minutes=1)),
    ],
    ids=["paused before the wave", "enough without it", "the wave does not name it"],
)
def test_other_pauses_stay(snapshot: Snapshot) -> None:
    assert fates(judged(snapshot)) == []


def test_a_critical_wave_leaves_nothing_to_a_lone_operator() -> None:
    judgement = judged(held(ZEN, BARRACUDA, by=ZEN, paused_at=fleet.ago(minutes=1)))
    assert fates(judgement) == RESUMED
    assert judgement.decisions[0].proposal.subject.address == IP
