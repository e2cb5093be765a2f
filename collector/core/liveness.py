"""What a silence means, and whether our own ears can be trusted. Silence comes in as a duration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.core.model import Detector, Liveness, PoolFacts
from collector.core.policy import Policy


def assess(silence: timedelta, policy: Policy, *, was_heard: bool, grace: timedelta) -> Liveness:
    """Late after 1.5 intervals, lost after 3 missed and at most half an interval more.

    A node this process never heard is unheard until the start-up grace is over.
    """
    if not was_heard:
        return Liveness.LOST if silence > grace else Liveness.UNHEARD
    missed = silence / policy.heartbeat_interval
    if missed > policy.lost_after_intervals:
        return Liveness.LOST
    return Liveness.LATE if missed > policy.late_after_intervals else Liveness.FRESH


def is_back(heard_in_row: int, policy: Policy) -> bool:
    """Two heartbeats in a row, heard by this process."""
    return heard_in_row >= policy.back_after_heartbeats


def startup_grace(nodes: int, policy: Policy) -> timedelta:
    """max(4 intervals, 3 intervals + n/200 s): after a restart everybody looks silent."""
    storm = timedelta(seconds=nodes / policy.reconnects_per_second)
    return max(
        policy.heartbeat_interval * policy.grace_intervals_min,
        policy.heartbeat_interval * policy.grace_intervals + storm,
    )


def reconnect_spread(nodes: int, policy: Policy) -> timedelta:
    """max(a third of the interval, n/200 s): mTLS accepts cost 1.4 ms of a core each.

    In proportion to the interval, as the grace is: else a quick pace would lose whom it sent away.
    """
    storm = timedelta(seconds=nodes / policy.reconnects_per_second)
    return max(policy.heartbeat_interval / 3, storm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the detector measured of itself since the last look."""

    loop_lag: timedelta
    commit_lag: timedelta
    clock_jump: timedelta
    journal_failed: bool = False


def distrust(
    before: Detector,
    measured: Measured,
    *,
    pools: Mapping[str, PoolFacts],
    policy: Policy,
    now: datetime,
) -> Detector:
    """Freezes removals at the first doubt; thaws after ten healthy minutes, and only while most of
    some pool is heard: a collector that hears nobody has no reason to believe its ears."""
    doubt = _doubt(measured, tuple(pools.values()), policy=policy)
    if doubt:
        return Detector(frozen=True, healthy_since=None, why=doubt)
    since = before.healthy_since or now
    hears = any(pool.heard * 2 > pool.nodes for pool in pools.values())
    if before.frozen and (now - since < policy.freeze_ends_after or not hears):
        return Detector(frozen=True, healthy_since=since, why=before.why)
    return Detector(frozen=False, healthy_since=since)


def _doubt(measured: Measured, pools: Sequence[PoolFacts], *, policy: Policy) -> str:
    if measured.journal_failed:
        return "the journal could not be written, so nobody was listened to"
    if measured.loop_lag > policy.loop_lag_max:
        return f"our own loop stood still for {measured.loop_lag.total_seconds():.1f} s"
    if measured.commit_lag > policy.commit_lag_max:
        return f"the journal needed {measured.commit_lag.total_seconds():.1f} s for a commit"
    if abs(measured.clock_jump) > policy.loop_lag_max:
        return f"the clock jumped by {measured.clock_jump.total_seconds():+.1f} s"
    wholes = [(f"pool {pool.name}", pool.newly_silent, pool.nodes) for pool in pools]
    # Many pools of one node have no floor that would stop them from being emptied together.
    wholes.append(
        ("the fleet", sum(pool.newly_silent for pool in pools), sum(pool.nodes for pool in pools))
    )
    said = (
        _correlated(whole, silent=silent, nodes=nodes, policy=policy)
        for whole, silent, nodes in wholes
    )
    return next(filter(None, said), "")


def _correlated(whole: str, *, silent: int, nodes: int, policy: Policy) -> str:
    """More than two nodes and a fifth of them at once: rather our fault than theirs."""
    if silent <= policy.silent_nodes_max or silent <= policy.silent_ratio_max * nodes:
        return ""
    return f"{silent} of {nodes} nodes of {whole} fell silent together"
