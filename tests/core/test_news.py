"""Which heartbeats a judgement must look at."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core import news
from collector.core.heartbeat import (
    AgentReading,
    Event,
    Heartbeat,
    HostReading,
    PostfixReading,
    QueueReading,
    ZoneReading,
)
from collector.core.news import Said
from collector.core.policy import Policy
from deliverability.zones import Sentinels, Verdict
from tests.core.fleet import NOON, ZEN

POLICY = Policy()
POSTFIX = PostfixReading(
    running=True,
    version="3.7.11",
    outbound=("smtp",),
    deferred=(),
    reload_at=None,
    order=(1, 1),
    convergence="verified",
    problem="",
    deliveries_in_flight=0,
    deliveries_begun=0,
    is_silent=False,
)
STEADY = Heartbeat(
    node_id="n1",
    epoch="e1",
    sequence=1,
    sent_at=NOON,
    received_at=NOON,
    host=None,
    queue=QueueReading(
        active=0, incoming=0, deferred=0, hold=0, maildrop=0, oldest_age_seconds=None
    ),
    services=(("postfix.service", "running"),),
    cells=(),
    full_state=False,
    zones=(),
    postfix=POSTFIX,
    agent=AgentReading(
        started_at=NOON,
        lines_read=0,
        lines_unparsed=0,
        events_lost=0,
        state_errors=0,
        memory_bytes=0,
        problems=(),
    ),
    events=(),
    log_position=b"",
    counted_to=None,
)


def zone(verdict: Verdict, sweep: int, sentinels: Sentinels = Sentinels.RIGHT) -> ZoneReading:
    return ZoneReading(
        address="198.51.100.1",
        zone=ZEN,
        verdict=verdict,
        answers=(),
        sentinels=sentinels,
        round=sweep,
        checked_at=NOON,
        why="",
    )


def host(disk_ratio: float) -> HostReading:
    numbers = dict.fromkeys(
        (
            *("cpu_count", "memory_bytes_total", "memory_bytes_used", "inodes_total"),
            *("inodes_used", "network_bytes_received", "network_bytes_sent"),
            *("network_packets_received", "network_packets_sent", "uptime_seconds"),
        ),
        0,
    )
    return HostReading(
        cpu_ratio=0.0,
        load_1m=0.0,
        disk_bytes_total=1000,
        disk_bytes_used=int(disk_ratio * 1000),
        **numbers,
    )


def tell(*beats: Heartbeat) -> list[bool]:
    """For each heartbeat after the first, whether it is news."""
    said: Said | None = None
    answers = []
    for beat in beats:
        said, is_news = news.compare(said, beat, policy=POLICY)
        answers.append(is_news)
    assert answers[0], "the first word of a node is always news"
    return answers[1:]


def test_a_steady_heartbeat_is_no_news_and_costs_no_memory() -> None:
    said, _ = news.compare(None, STEADY, policy=POLICY)
    again, is_news = news.compare(said, replace(STEADY, sequence=2), policy=POLICY)
    assert not is_news
    assert again is said


@pytest.mark.parametrize(
    "changes",
    [
        {"postfix": replace(POSTFIX, order=(1, 2))},
        {"postfix": replace(POSTFIX, convergence="failed")},
        {"postfix": replace(POSTFIX, is_silent=True)},
        {"postfix": replace(POSTFIX, running=False)},
        {"postfix": replace(POSTFIX, problem="reload failed")},
        {"services": (("postfix.service", "stopped"),)},
        {"sent_at": NOON - timedelta(seconds=61)},
        {"host": host(0.81)},
        {"host": host(0.96)},
        {"events": (Event(id=1, kind="log_gap", at=NOON, zone=None, window=None, text=""),)},
        {"zones": (zone(Verdict.CLEAR, 1),)},
    ],
)
def test_what_is_news(changes: dict[str, object]) -> None:
    changed = replace(STEADY, **changes)  # type: ignore[arg-type]
    assert tell(STEADY, changed) == [True]


@pytest.mark.parametrize(
    "changes",
    [
        {"host": host(0.5)},
        {"sent_at": NOON - timedelta(seconds=59)},
        {"log_position": b"further"},
        {"postfix": replace(POSTFIX, deliveries_in_flight=3)},
    ],
)
def test_what_is_none(changes: dict[str, object]) -> None:
    changed = replace(STEADY, **changes)  # type: ignore[arg-type]
    assert tell(STEADY, changed) == [False]


def sweeps(*verdicts: Verdict) -> list[Heartbeat]:
    beats = [replace(STEADY, zones=(zone(one, n),)) for n, one in enumerate(verdicts, 1)]
    return [STEADY, *beats]


LISTED, CLEAR, UNKNOWN = Verdict.LISTED, Verdict.CLEAR, Verdict.UNKNOWN


@pytest.mark.parametrize(
    "verdicts, answers",
    [
        # Each sweep that lists may be the second one, which confirms.
        ([LISTED] * 5, [True] * 5),
        # The first clean ones may end a listing; after that they are steady.
        ([CLEAR] * 6, [True] * 3 + [False] * 3),
        ([CLEAR] * 4 + [LISTED, CLEAR, CLEAR], [True] * 3 + [False, True, True, True]),
        ([CLEAR] * 4 + [UNKNOWN], [True] * 3 + [False, True]),
    ],
)
def test_a_zone_is_news_while_it_may_matter(verdicts: list[Verdict], answers: list[bool]) -> None:
    assert tell(*sweeps(*verdicts)) == answers


def test_the_same_sweep_told_again_is_no_news() -> None:
    listed = replace(STEADY, zones=(zone(LISTED, 1),))
    assert tell(listed, listed, listed) == [False, False]


def test_sentinels_that_fail_are_news() -> None:
    right = replace(STEADY, zones=(zone(UNKNOWN, 1),))
    wrong = replace(STEADY, zones=(zone(UNKNOWN, 1, Sentinels.WRONG),))
    assert tell(right, wrong) == [True]


def disk(*ratios: float, policy: Policy) -> list[bool]:
    """Whether each but the first is news."""
    said: Said | None = None
    found = []
    for ratio in ratios:
        beat = replace(STEADY, host=host(ratio))
        said, is_news = news.compare(said, beat, policy=policy)
        found.append(is_news)
    return found[1:]


def test_the_edges_of_a_disk_are_the_policys() -> None:
    early = Policy(disk_alert=0.5, disk_pause=0.7, disk_close=0.6)
    assert disk(0.4, 0.55, 0.65, 0.75, policy=early) == [True, True, True]
    assert disk(0.81, 0.85, 0.91, policy=early) == [False, False]
    # An alert begins above its edge, a pause at its own: both moves are news.
    assert disk(0.79, 0.80, 0.81, policy=POLICY) == [True, True]
