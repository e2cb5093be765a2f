"""Whether a heartbeat says anything a judgement would look at. A steady one says nothing.

Compares with what the node said before; judges nothing and may err only towards "yes".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from collector.core import machine
from collector.core.heartbeat import Heartbeat, HostReading, ZoneReading
from collector.core.policy import Policy
from deliverability.zones import Sentinels, Verdict

NOTHING: Mapping[tuple[str, str], "Run"] = {}


class Run(NamedTuple):
    """Equal answers of one zone about one address, and over how many sweeps."""

    verdict: Verdict
    sentinels: Sentinels
    round: int
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a node said last, as far as a judgement cares."""

    zones: Mapping[tuple[str, str], Run]
    state: tuple[object, ...]


def compare(said: Said | None, beat: Heartbeat, *, policy: Policy) -> tuple[Said, bool]:
    """What to remember, and whether the node must be judged."""
    state = _state(beat, policy)
    zones = said.zones if said is not None else NOTHING
    changed: dict[tuple[str, str], Run] = {}
    is_news = said is None or state != said.state or bool(beat.events)
    for reading in beat.zones:
        key = (reading.address, reading.zone)
        before = zones.get(key)
        run = _run(before, reading)
        if run is not before:
            changed[key] = run
            is_news = is_news or _matters(run, policy)
    if said is not None and not changed and state == said.state:
        return said, is_news
    return Said(zones={**zones, **changed} if changed else zones, state=state), is_news


def _run(before: Run | None, reading: ZoneReading) -> Run:
    verdict, sentinels = reading.verdict, reading.sentinels
    if before is None or before.verdict is not verdict or before.sentinels is not sentinels:
        return Run(verdict, sentinels, reading.round, 1)
    if before.round == reading.round:
        return before
    return Run(verdict, sentinels, reading.round, before.rounds + 1)


def _matters(run: Run, policy: Policy) -> bool:
    """Each sweep that lists; of the others the first ones, which may end a listing."""
    return run.verdict is Verdict.LISTED or run.rounds <= policy.clean_rounds + 1


def _state(beat: Heartbeat, policy: Policy) -> tuple[object, ...]:
    postfix = beat.postfix
    return (
        postfix.order,
        postfix.convergence,
        postfix.is_silent,
        postfix.problem,
        postfix.running,
        beat.services,
        _is_off(beat.sent_at, received_at=beat.received_at, limit=policy.clock_skew_max),
        _disk_class(beat.host, policy),
    )


def _is_off(sent_at: datetime, *, received_at: datetime, limit: timedelta) -> bool:
    return abs(sent_at - received_at) > limit


def _disk_class(host: HostReading | None, policy: Policy) -> int:
    """How many edges it has reached or is past: where an alert begins, a pause may end, and one
    opens. The rules compare either way, so being at an edge and past it are two things."""
    if host is None:
        return 0
    ratio = machine.fullest(
        (host.disk_bytes_used, host.disk_bytes_total), (host.inodes_used, host.inodes_total)
    )
    edges = (policy.disk_alert, policy.disk_close, policy.disk_pause)
    return 0 if ratio is None else sum((ratio >= edge) + (ratio > edge) for edge in edges)
