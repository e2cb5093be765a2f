"""Which brake may stop what: the table, row by row, and what each brake counts."""

from dataclasses import replace
from datetime import datetime

import pytest

from collector.core import brake_table, safety, zonebrake
from collector.core.brake_table import Row
from collector.core.model import (
    Brake,
    Decision,
    Fate,
    Kind,
    NodeFacts,
    Proposal,
    Reason,
    Snapshot,
    Subject,
)
from collector.core.zonebrake import ZoneBrakes
from tests.core import fleet
from tests.core.fleet import NOON, POLICY, ZEN

FREE = zonebrake.held({}, fleet.snapshot().fleet, policy=POLICY, now=NOON)
HELD = zonebrake.held({ZEN: 4}, fleet.snapshot().fleet, policy=POLICY, now=NOON)
ROTATION = (Brake.FLOOR, Brake.VELOCITY)


def ip(number: int) -> str:
    return f"198.51.100.{number}"


def nodes(
    number: int, *, in_rotation: bool = True, since: datetime | None = None
) -> tuple[NodeFacts, ...]:
    return tuple(
        fleet.node(f"n{i:02}", fleet.address(ip(i), in_rotation=in_rotation, rotation_since=since))
        for i in range(1, number + 1)
    )


def ask(
    number: int = 1,
    reason: Reason = Reason.BOUNCE_RATE,
    *,
    kind: Kind = Kind.PAUSE,
    whole: bool = False,
    receiver: str | None = None,
    **rest: object,
) -> Proposal:
    subject = Subject(
        node_id=f"n{number:02}",
        address=None if whole else ip(number),
        pool_id="p1",
        receiver=receiver,
    )
    plain = Proposal(kind=kind, subject=subject, reason=reason, rule="", evidence={})
    return replace(plain, **rest)  # type: ignore[arg-type]


def gate(seen: Snapshot, *proposals: Proposal, brakes: ZoneBrakes = FREE) -> tuple[Decision, ...]:
    return safety.gate(proposals, seen, brakes=brakes, policy=POLICY, now=NOON)


def brakes_of(decisions: tuple[Decision, ...]) -> list[Brake | None]:
    return [decision.brake for decision in decisions]


# The rows of the design's table, in the order the brakes are asked.
TABLE: dict[str, tuple[Proposal, tuple[Brake, ...]]] = {
    "critical listing": (
        ask(reason=Reason.LISTED, zone=ZEN, is_critical=True),
        (Brake.ZONE,),
    ),
    "other listing": (ask(reason=Reason.LISTED, zone=ZEN), (Brake.ZONE, *ROTATION)),
    "bounces": (ask(reason=Reason.BOUNCE_RATE), (Brake.ZONE, *ROTATION)),
    "complaints": (ask(reason=Reason.COMPLAINT_RATE), (Brake.ZONE, *ROTATION)),
    "silence": (
        ask(reason=Reason.SILENCE, kind=Kind.REMOVE),
        (Brake.STARTUP, Brake.DETECTOR, Brake.EMPTY, *ROTATION),
    ),
    "blocked": (ask(reason=Reason.BLOCKED), ROTATION),
    "dns": (ask(reason=Reason.DNS_BROKEN), ROTATION),
    "operator": (ask(reason=Reason.OPERATOR), ()),
    "service": (ask(reason=Reason.SERVICE_DOWN), ()),
    "disk": (ask(reason=Reason.DISK_FULL), ()),
    "standing order": (ask(reason=Reason.STANDING_ORDER), ()),
    "restored": (ask(reason=Reason.RESTORED), ()),
    "the end of a pause": (ask(reason=Reason.LISTED, kind=Kind.RESUME), ()),
    "warm-up": (ask(reason=Reason.WARMUP, kind=Kind.STEP_BACK), ()),
    "coming back": (ask(reason=Reason.SILENCE, kind=Kind.ADMIT), (Brake.READMISSION,)),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table(name: str) -> None:
    proposal, expected = TABLE[name]
    assert brake_table.BRAKES[brake_table.row_of(proposal)] == expected


def test_every_row_of_the_table_is_asked_about_here() -> None:
    assert {brake_table.row_of(proposal) for proposal, _ in TABLE.values()} == set(Row)


def seen() -> Snapshot:
    return fleet.snapshot(*nodes(20), pools=fleet.pool(addresses=20))


def test_velocity_lets_a_twentieth_go_within_five_minutes() -> None:
    large = fleet.snapshot(*nodes(5), pools=fleet.pool(addresses=60))
    made = gate(large, *(ask(i) for i in range(1, 6)))
    assert brakes_of(made) == [None] * 3 + [Brake.VELOCITY] * 2


@pytest.mark.parametrize(("lately", "brake"), [(0, None), (1, Brake.VELOCITY)])
def test_velocity_counts_what_left_in_earlier_passes(lately: int, brake: Brake | None) -> None:
    pool = replace(fleet.pool(addresses=20), removed_lately=lately)
    assert brakes_of(gate(fleet.snapshot(*nodes(1), pools=pool), ask())) == [brake]


def test_what_no_floor_stops_comes_first_and_counts_for_the_others() -> None:
    made = gate(seen(), ask(1), ask(2, Reason.LISTED, is_critical=True), ask(3, Reason.DISK_FULL))
    assert [(d.proposal.subject.node_id, d.brake) for d in made] == [
        ("n02", None),
        ("n03", None),
        ("n01", Brake.VELOCITY),
    ]


def test_a_node_counts_with_every_address_it_takes_out() -> None:
    wide = fleet.node("n01", fleet.address(ip(1)), fleet.address(ip(9), in_rotation=False))
    other = fleet.node("n02", fleet.address(ip(2)))
    pool = fleet.pool(addresses=20)
    made = gate(
        fleet.snapshot(wide, other, pools=pool),
        ask(1, Reason.SERVICE_DOWN, whole=True),
        ask(1, Reason.LISTED, is_critical=True),
        ask(2),
    )
    assert [d.aggregates["removed_in_this_pass"] for d in made] == [0, 1, 1]


def test_who_is_out_already_is_paused_whatever_the_floor_says() -> None:
    out = fleet.snapshot(*nodes(1, in_rotation=False), pools=fleet.pool(in_rotation=6))
    assert brakes_of(gate(out, ask())) == [None]


def test_who_is_paused_in_this_pass_is_not_admitted_by_it() -> None:
    away = nodes(1, in_rotation=False)
    made = gate(
        fleet.snapshot(*away),
        ask(1, Reason.DISK_FULL, whole=True),
        ask(1, Reason.SILENCE, kind=Kind.ADMIT),
    )
    assert [d.proposal.kind for d in made] == [Kind.PAUSE]


def away(number: int, *, was_in: bool = True) -> tuple[NodeFacts, ...]:
    since = fleet.ago(hours=1) if was_in else None
    return nodes(number, in_rotation=False, since=since)


def test_a_tenth_comes_back_within_five_minutes() -> None:
    back = fleet.snapshot(*away(4), pools=fleet.pool(addresses=20))
    made = gate(back, *(ask(i, Reason.SILENCE, kind=Kind.ADMIT) for i in range(1, 5)))
    assert brakes_of(made) == [None, None, Brake.READMISSION, Brake.READMISSION]


def test_readmission_counts_who_came_back_in_earlier_passes() -> None:
    pool = replace(fleet.pool(addresses=20), admitted_lately=2)
    made = gate(fleet.snapshot(*away(1), pools=pool), ask(1, Reason.SILENCE, kind=Kind.ADMIT))
    assert brakes_of(made) == [Brake.READMISSION]


@pytest.mark.parametrize("reason", sorted(brake_table.PERSONS, key=str))
def test_what_a_person_took_out_comes_back_at_his_word(reason: Reason) -> None:
    out = tuple(
        replace(one, addresses=(replace(one.addresses[0], rotation_reason=reason),))
        for one in away(4)
    )
    back = fleet.snapshot(*out, pools=fleet.pool(addresses=10))
    made = gate(back, *(ask(i, reason, kind=Kind.ADMIT) for i in range(1, 5)))
    assert brakes_of(made) == [None] * 4


def test_newcomers_are_no_readmissions() -> None:
    new = (*away(3, was_in=False), away(4)[3])
    made = gate(
        fleet.snapshot(*new, pools=fleet.pool(addresses=10)),
        *(ask(i, Reason.SILENCE, kind=Kind.ADMIT) for i in range(1, 5)),
    )
    assert brakes_of(made) == [None] * 4


@pytest.mark.parametrize(
    ("known", "heard", "brake"), [(2, 0, Brake.EMPTY), (2, 1, None), (1, 0, None)]
)
def test_when_nobody_of_several_is_heard_nobody_is_removed(
    known: int, heard: int, brake: Brake | None
) -> None:
    """Pools of one: each could lose its node, and no floor would object."""
    alone = fleet.snapshot(*nodes(1), pools=fleet.pool(addresses=1), nodes=known, heard=heard)
    made = gate(alone, ask(1, Reason.SILENCE, kind=Kind.REMOVE))
    assert brakes_of(made) == [brake]


def test_a_pause_of_one_receiver_takes_nobody_out() -> None:
    both = [ask(i, Reason.BLOCKED, receiver="gmail") for i in (1, 2)]
    made = gate(seen(), ask(3), *both)
    assert [(d.brake, d.aggregates["removed_in_this_pass"]) for d in made] == [
        (None, 0),
        (Brake.VELOCITY, 1),
        (Brake.VELOCITY, 1),
    ]
    alone = gate(seen(), *both, ask(3))
    assert [(d.brake, d.aggregates["removed_in_this_pass"]) for d in alone] == [
        (None, 0),
        (Brake.VELOCITY, 1),
        (None, 0),
    ]


def test_the_zone_brake_holds_lesser_listings_too() -> None:
    made = gate(seen(), ask(1, Reason.LISTED, zone=ZEN), brakes=HELD)
    assert brakes_of(made) == [Brake.ZONE]


def test_stopped_automation_withholds_all() -> None:
    stopped = replace(seen(), fleet=replace(seen().fleet, automation_stopped=True))
    made = gate(stopped, ask(1, Reason.DISK_FULL), ask(2, Reason.LISTED, kind=Kind.RESUME))
    assert [(d.fate, d.brake) for d in made] == [(Fate.WITHHELD, Brake.STOPPED)] * 2
