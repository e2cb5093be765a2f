"""Presence and census: silence in memory, counted over the fleet in one stride."""

import time
from dataclasses import replace
from datetime import timedelta

from collector.census import Census
from collector.core.model import Liveness
from collector.presence import Presence
from tests.core import fleet
from tests.core.fleet import POLICY

HALF_MINUTE = timedelta(seconds=30)


def census(*, nodes: int = 3, heard_at: float | None = 1000.0) -> tuple[Presence, Census]:
    """Nodes n0… known since 1000 s, the start, and heard once."""
    presence = Presence(started_at=1000.0)
    found = Census(presence, started_at=1000.0)
    found.learn([fleet.node(f"n{i}") for i in range(nodes)], now=1000.0)
    for i in range(nodes if heard_at is not None else 0):
        presence.heard(f"n{i}", now=heard_at or 0.0, interval=HALF_MINUTE)
    return presence, found


def test_silence_counts_from_the_last_word() -> None:
    presence, found = census()
    presence.heard("n0", now=1095.0, interval=HALF_MINUTE)
    counted = found.count(POLICY, now=1100.0)
    assert counted.lost == {"n1", "n2"}
    assert (counted.nodes["p1"], counted.heard["p1"]) == (3, 1)
    assert found.liveness("n0", POLICY, now=1100.0) is Liveness.FRESH


def test_the_newly_silent_are_those_of_the_last_two_intervals() -> None:
    _, found = census()
    assert found.count(POLICY, now=1045.0).newly_silent["p1"] == 0
    assert found.count(POLICY, now=1046.0).newly_silent["p1"] == 3
    assert found.count(POLICY, now=1105.0).newly_silent["p1"] == 3
    assert found.count(POLICY, now=1106.0).newly_silent["p1"] == 0


def test_after_a_restart_nobody_is_lost_until_the_grace_is_over() -> None:
    _, found = census(heard_at=None)
    assert found.in_grace(POLICY, now=1119.0)
    assert found.count(POLICY, now=1119.0).lost == set()
    assert found.count(POLICY, now=1121.0).lost == {"n0", "n1", "n2"}
    assert found.count(POLICY, now=1121.0).newly_silent["p1"] == 3


def test_a_node_learned_late_is_not_silent_since_our_start() -> None:
    presence, found = census()
    found.learn([fleet.node("late")], now=5000.0)
    assert found.liveness("late", POLICY, now=5010.0) is Liveness.UNHEARD
    assert presence.silence("late", now=5010.0) == timedelta(seconds=10)


def test_who_waits_for_our_disk_is_not_silent() -> None:
    presence, found = census(nodes=2)
    with presence.recording("n0", monotonic=lambda: 1500.0):
        counted = found.count(POLICY, now=1200.0)
        assert counted.lost == {"n1"}
        assert found.liveness("n0", POLICY, now=1200.0) is Liveness.FRESH
    assert presence.silence("n0", now=1510.0) == timedelta(seconds=10)


def test_in_a_row_means_in_time() -> None:
    presence, _ = census(nodes=1)
    assert presence.heard("n0", now=1030.0, interval=HALF_MINUTE) == 2
    assert presence.heard("n0", now=1031.0, interval=HALF_MINUTE) == 2
    assert presence.heard("n0", now=1061.0, interval=HALF_MINUTE) == 3
    assert presence.heard("n0", now=1200.0, interval=HALF_MINUTE) == 1
    assert presence.in_row("n1") == 0


def test_a_node_that_changes_its_pool_is_counted_there() -> None:
    _, found = census(nodes=2)
    found.learn([replace(fleet.node("n0"), pool_id="p2")], now=1001.0)
    counted = found.count(POLICY, now=1002.0)
    assert (counted.nodes["p1"], counted.nodes["p2"]) == (1, 1)
    assert (counted.heard["p1"], counted.heard["p2"]) == (1, 1)


def test_ten_thousand_silent_nodes_are_counted_in_one_stride() -> None:
    _, found = census(nodes=10_000)
    begun = time.process_time()
    assert len(found.count(POLICY, now=1100.0).lost) == 10_000
    assert time.process_time() - begun < 0.5


def test_who_speaks_costs_nothing() -> None:
    presence, found = census(nodes=20_000)
    presence.heard("n7", now=1015.0, interval=HALF_MINUTE)
    begun = time.process_time()
    for _ in range(100):
        assert found.count(POLICY, now=1020.0).heard["p1"] == 20_000
    assert time.process_time() - begun < 0.5
