"""The owners' targets for a healthy node (their S2), each with a state. Pure; decides nothing.

Queue below 100; at least 100 messages a minute when active; 95 % delivered under 5 minutes;
bounces below 1 %. Unknown is a state of its own: too little was counted, or nobody is heard.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from collector.core import rates
from collector.core.policy import Policy
from collector.core.rates import Window
from collector.core.readings import TargetFact
from deliverability import delays

QUEUE_MAX = 100
PER_MINUTE_MIN = 100
PROMPT_SECONDS = 300.0
PROMPT_RATIO_MIN = 0.95
BOUNCE_RATIO_MAX = 0.01
# Milliseconds the owners expect to a receiver's connection (their S3).
CONNECT_EXPECTED_MS = {
    "google": (18, 22),
    "microsoft": (20, 25),
    "yahoo": (95, 110),
    "gmx": (12, 18),
    "orange": (22, 28),
    "t-online": (18, 24),
}
# Fewer say nothing about a share of them.
DELIVERIES_MIN = 50
# A target missed, of which nothing can be told since.
BELIEVED_FOR = timedelta(hours=1)


class Health(Enum):
    OK = "ok"
    WARN = "warn"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`value` as people read it."""

    name: str
    state: Health
    value: str
    target: str


def targets(
    *,
    queue: Mapping[str, int | None] | None,
    recent: Window,
    day: Window,
    delivered: Sequence[int],
) -> tuple[Target, ...]:
    """`queue`: messages by queue; `recent`: the last full quarter of an hour; `delivered`: the
    histogram of whole delays today."""
    return (
        _queue(queue),
        _pace(queue, recent),
        _promptness(delivered),
        _bounces(day),
    )


def missed(
    found: Iterable[Target], known: Mapping[str, TargetFact], *, now: datetime
) -> tuple[TargetFact, ...]:
    """Those missed now, each since it first was. `known`: before, by name. What cannot be told any
    more is believed for a while: a new day begins with too little to tell."""
    kept = []
    for one in found:
        before = known.get(one.name)
        if one.state is Health.WARN:
            since = before.since if before else now
            kept.append(
                TargetFact(
                    name=one.name, value=one.value, target=one.target, since=since, seen_at=now
                )
            )
        elif (
            one.state is Health.UNKNOWN
            and before is not None
            and now - before.seen_at <= BELIEVED_FOR
        ):
            kept.append(before)
    return tuple(kept)


def of_receiver(counted: Window, policy: Policy, *, sustained: bool | None) -> Health:
    """`sustained`: what `rates.defers_for_long` says; None: too few to tell, so the sum decides."""
    ratio = rates.deferral_ratio(counted)
    if ratio is None:
        return Health.UNKNOWN
    return _state(not sustained if sustained is not None else ratio < policy.deferral_alert)


def _queue(queue: Mapping[str, int | None] | None) -> Target:
    waiting = _waiting(queue)
    state = Health.UNKNOWN if waiting is None else _state(waiting < QUEUE_MAX)
    value = "not counted" if waiting is None else str(waiting)
    return Target(name="queue", state=state, value=value, target=f"< {QUEUE_MAX}")


def _waiting(queue: Mapping[str, int | None] | None) -> int | None:
    """None when any of the three could not be counted."""
    counts = [(queue or {}).get(name) for name in ("active", "incoming", "deferred")]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _pace(queue: Mapping[str, int | None] | None, recent: Window) -> Target:
    """Slow matters only where mail waits to be sent at once: an idle node is healthy."""
    per_minute = recent.sent * 60 / rates.QUARTER_SECONDS
    backlog = (queue or {}).get("active")
    if per_minute >= PER_MINUTE_MIN:
        state = Health.OK
    elif backlog is None:
        state = Health.UNKNOWN
    else:
        state = _state(backlog < QUEUE_MAX)
    return Target(
        name="messages a minute",
        state=state,
        value=f"{per_minute:.0f}",
        target=f">= {PER_MINUTE_MIN} when active",
    )


def _promptness(delivered: Sequence[int]) -> Target:
    share = delays.share_within(delivered, PROMPT_SECONDS)
    target = f">= {PROMPT_RATIO_MIN:.0%}"
    if share is None or sum(delivered) < DELIVERIES_MIN:
        value = "too few to tell"
        return Target(name="within 5 minutes", state=Health.UNKNOWN, value=value, target=target)
    state = _state(share >= PROMPT_RATIO_MIN)
    return Target(name="within 5 minutes", state=state, value=f"{share:.1%}", target=target)


def _bounces(day: Window) -> Target:
    ratio = rates.bounce_ratio(day, least=DELIVERIES_MIN)
    state = Health.UNKNOWN if ratio is None else _state(ratio < BOUNCE_RATIO_MAX)
    value = "too few to tell" if ratio is None else f"{ratio:.2%}"
    return Target(name="bounces", state=state, value=value, target=f"< {BOUNCE_RATIO_MAX:.0%}")


def _state(is_met: bool) -> Health:
    return Health.OK if is_met else Health.WARN
