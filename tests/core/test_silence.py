"""Liveness, membership and the brakes under silence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent import backoff
from collector.core import liveness
from collector.core.judge import judge
from collector.core.liveness import Measured
from collector.core.model import (
    Automation,
    Brake,
    Detector,
    Fate,
    Kind,
    Lifecycle,
    Liveness,
    NodeFacts,
    Obedience,
    Order,
    Reason,
    Snapshot,
)
from collector.core.policy import Policy
from tests.core import fleet
from tests.core.fleet import NOON, POLICY

CALM = Measured(loop_lag=timedelta(0), commit_lag=timedelta(0), clock_jump=timedelta(0))
FROZEN = Detector(frozen=True, healthy_since=None, why="the clock jumped by +9.0 s")


def lost(name: str = "n1", **rest: object) -> NodeFacts:
    return fleet.node(
        name,
        fleet.address(f"198.51.100.{name[1:]}"),
        liveness=Liveness.LOST,
        silence=timedelta(seconds=100),
        **rest,
    )


def fates(snapshot: Snapshot) -> list[tuple[Kind, Fate, Brake | None]]:
    judgement = judge(snapshot, POLICY, now=NOON)
    return [(d.proposal.kind, d.fate, d.brake) for d in judgement.decisions]


@pytest.mark.parametrize(
    ("seconds", "heard", "expected"),
    [
        (0, True, Liveness.FRESH),
        (45, True, Liveness.FRESH),
        (46, True, Liveness.LATE),
        (90, True, Liveness.LATE),
        (91, True, Liveness.LOST),
        (100, False, Liveness.UNHEARD),
        (121, False, Liveness.LOST),
    ],
)
def test_liveness_is_silence(seconds: int, heard: bool, expected: Liveness) -> None:
    said = liveness.assess(
        timedelta(seconds=seconds), POLICY, was_heard=heard, grace=timedelta(seconds=120)
    )
    assert said is expected


@pytest.mark.parametrize(("nodes", "seconds"), [(1, 120), (1000, 120), (10_000, 140)])
def test_the_grace_grows_with_the_fleet(nodes: int, seconds: int) -> None:
    assert liveness.startup_grace(nodes, POLICY) == timedelta(seconds=seconds)


def test_the_reconnect_spread_has_a_floor_and_grows() -> None:
    assert liveness.reconnect_spread(10, POLICY) == timedelta(seconds=10)
    assert liveness.reconnect_spread(10_000, POLICY) == timedelta(seconds=50)


@pytest.mark.parametrize("seconds", [1, 2, 30, 300])
def test_a_node_that_waits_longest_is_back_within_the_grace(seconds: int) -> None:
    quick = replace(POLICY, heartbeat_interval=timedelta(seconds=seconds))
    spread = liveness.reconnect_spread(10, quick)
    longest = max(backoff.reconnect(n, spread=spread, fraction=1.0) for n in range(30))
    assert longest < liveness.startup_grace(10, quick) * 0.76


def test_a_lost_node_leaves_the_rotation() -> None:
    judgement = judge(fleet.snapshot(lost()), POLICY, now=NOON)
    assert [(c.member, c.reason) for c in judgement.rotation] == [(False, Reason.SILENCE)]
    assert "unhealthy:n1" in {alert.key for alert in judgement.alerts_open}


@pytest.mark.parametrize(
    ("seen", "brake"),
    [
        (fleet.snapshot(lost(), in_startup_grace=True), Brake.STARTUP),
        (fleet.snapshot(lost(), detector=FROZEN), Brake.DETECTOR),
        (fleet.snapshot(lost(), automation_stopped=True), Brake.STOPPED),
        (fleet.snapshot(lost(), pools=fleet.pool(in_rotation=6)), Brake.FLOOR),
    ],
)
def test_brakes_under_silence(seen: Snapshot, brake: Brake) -> None:
    assert fates(seen) == [(Kind.REMOVE, Fate.WITHHELD, brake)]


def test_observing_pools_only_say_so() -> None:
    pool = fleet.pool(automation=Automation.OBSERVE)
    assert fates(fleet.snapshot(lost(), pools=pool)) == [(Kind.REMOVE, Fate.WOULD, None)]


def test_the_floor_permits_the_first_removal_in_a_pool_of_one() -> None:
    assert fates(fleet.snapshot(lost(), pools=fleet.pool(addresses=1))) == [
        (Kind.REMOVE, Fate.MADE, None)
    ]


def test_a_batch_stops_at_the_floor() -> None:
    nodes = [lost(f"n{i}") for i in range(1, 8)]
    hasty = replace(POLICY, velocity_ratio=0.5)
    judgement = judge(fleet.snapshot(*nodes), hasty, now=NOON)
    made = [(d.fate, d.brake) for d in judgement.decisions]
    assert made == [(Fate.MADE, None)] * 4 + [(Fate.WITHHELD, Brake.FLOOR)] * 3


OPEN_ORDER = Order(term=3, revision=1, addresses=(("198.51.100.1", ()),))
OPEN = fleet.in_step(OPEN_ORDER)


VERIFIED = OPEN["obedience"]
assert isinstance(VERIFIED, Obedience)


def away(**rest: object) -> NodeFacts:
    address = fleet.address(in_rotation=False, rotation_reason=Reason.SILENCE)
    return fleet.node("n1", address, **{**OPEN, **rest})


def test_back_after_two_heartbeats_in_a_row() -> None:
    assert fates(fleet.snapshot(away(heard_in_row=2))) == [(Kind.ADMIT, Fate.MADE, None)]


@pytest.mark.parametrize(
    "rest",
    [
        {"heard_in_row": 1},
        {"liveness": Liveness.UNHEARD, "heard_in_row": 0},
        {"liveness": Liveness.LATE},
        {"lifecycle": Lifecycle.MAINTENANCE},
        {"obedience": None},
        {"order": Order(term=3, revision=2, addresses=(("198.51.100.1", ()),))},
        {"obedience": replace(VERIFIED, convergence="pending")},
        {"order": replace(OPEN_ORDER, node_pauses=("STOP_SENDING",))},
        {"pauses": (fleet.pause(Reason.OPERATOR, ip=None),)},
        {"pauses": (fleet.pause(Reason.RESTORED, ip=None),)},
    ],
)
def test_what_does_not_come_back(rest: dict[str, object]) -> None:
    assert fates(fleet.snapshot(away(**rest))) == []


def test_unheard_neither_adds_nor_removes() -> None:
    unheard = fleet.node("n1", liveness=Liveness.UNHEARD, heard_in_row=0)
    judgement = judge(fleet.snapshot(unheard), POLICY, now=NOON)
    assert judgement.rotation == ()
    assert judgement.decisions == ()


def test_an_unconfirmed_hit_keeps_an_outsider_out() -> None:
    address = fleet.address(in_rotation=False, zones=(fleet.fact(),))
    assert fates(fleet.snapshot(fleet.node("n1", address, **OPEN))) == []


def test_an_operators_pause_takes_out_at_once_whatever_the_brakes_say() -> None:
    node = fleet.node("n1", pauses=(fleet.pause(Reason.OPERATOR, ip=None, owner="ada"),))
    seen = fleet.snapshot(node, automation_stopped=True, detector=FROZEN)
    judgement = judge(seen, POLICY, now=NOON)
    assert [(c.member, c.reason) for c in judgement.rotation] == [(False, Reason.OPERATOR)]
    assert [order.node_pauses for _, order in judgement.orders] == [("OPERATOR",)]


@pytest.mark.parametrize(
    ("health", "silent", "frozen"),
    [
        (CALM, 0, False),
        (CALM, 2, False),
        (CALM, 3, True),
        (replace(CALM, loop_lag=timedelta(seconds=1.1)), 0, True),
        (replace(CALM, commit_lag=timedelta(seconds=5.1)), 0, True),
        (replace(CALM, clock_jump=timedelta(seconds=-3600)), 0, True),
        (replace(CALM, journal_failed=True), 0, True),
    ],
)
def test_the_detector_distrusts_itself(health: Measured, silent: int, frozen: bool) -> None:
    pools = {"p1": fleet.pool(nodes=10, newly_silent=silent)}
    said = liveness.distrust(fleet.HEALTHY, health, pools=pools, policy=POLICY, now=NOON)
    assert said.frozen is frozen
    assert bool(said.why) is frozen


def test_three_of_a_hundred_are_not_a_fifth() -> None:
    pools = {"p1": fleet.pool(nodes=100, newly_silent=3)}
    said = liveness.distrust(fleet.HEALTHY, CALM, pools=pools, policy=POLICY, now=NOON)
    assert not said.frozen


@pytest.mark.parametrize("silent, frozen", [(2, False), (3, True)])
def test_pools_of_one_that_fall_silent_together_are_doubted(silent: int, frozen: bool) -> None:
    pools = {f"p{n}": fleet.pool(nodes=1, newly_silent=int(n < silent)) for n in range(10)}
    said = liveness.distrust(fleet.HEALTHY, CALM, pools=pools, policy=POLICY, now=NOON)
    assert (said.frozen, "of the fleet fell silent" in said.why) == (frozen, frozen)


def test_the_freeze_ends_after_ten_healthy_minutes() -> None:
    pools = {"p1": fleet.pool()}
    begun = liveness.distrust(FROZEN, CALM, pools=pools, policy=POLICY, now=NOON)
    assert begun.frozen
    later = NOON + timedelta(minutes=9)
    assert liveness.distrust(begun, CALM, pools=pools, policy=POLICY, now=later).frozen
    at_last = NOON + timedelta(minutes=10)
    assert not liveness.distrust(begun, CALM, pools=pools, policy=POLICY, now=at_last).frozen


def test_whoever_hears_nobody_stays_frozen() -> None:
    deaf = {"p1": fleet.pool(heard=5)}
    begun = liveness.distrust(FROZEN, CALM, pools=deaf, policy=POLICY, now=NOON)
    hours = NOON + timedelta(hours=3)
    still = liveness.distrust(begun, CALM, pools=deaf, policy=POLICY, now=hours)
    assert still.frozen
    other = {**deaf, "p2": fleet.pool(heard=6)}
    assert not liveness.distrust(still, CALM, pools=other, policy=POLICY, now=hours).frozen


def test_the_policy_is_bounded() -> None:
    from collector.core.policy import problems

    assert problems(Policy()) == ()
    harmless = Policy(floor_ratio=0.01, zone_brake_addresses=10_000)
    assert len(problems(harmless)) == 2
