"""What a node is: the table of lifecycle moves, and the one word people read. No I/O.

Lifecycle, liveness and pauses are three facts; `status` is computed from them and never stored.
"""

from collections.abc import Iterable, Sequence

from collector.core.model import Lifecycle, Liveness, Pause, Severity

TRANSITIONS: dict[Lifecycle, frozenset[Lifecycle]] = {
    Lifecycle.REQUESTED: frozenset({Lifecycle.PROVISIONING}),
    Lifecycle.PROVISIONING: frozenset({Lifecycle.WARMING, Lifecycle.FAILED}),
    Lifecycle.WARMING: frozenset({Lifecycle.ACTIVE, Lifecycle.MAINTENANCE, Lifecycle.DRAINING}),
    Lifecycle.ACTIVE: frozenset({Lifecycle.WARMING, Lifecycle.MAINTENANCE, Lifecycle.DRAINING}),
    Lifecycle.MAINTENANCE: frozenset({Lifecycle.WARMING, Lifecycle.ACTIVE, Lifecycle.DRAINING}),
    Lifecycle.DRAINING: frozenset({Lifecycle.ACTIVE, Lifecycle.DECOMMISSIONED}),
    Lifecycle.FAILED: frozenset({Lifecycle.PROVISIONING, Lifecycle.DECOMMISSIONED}),
    Lifecycle.DECOMMISSIONED: frozenset(),
}
assert TRANSITIONS.keys() == set(Lifecycle)

SENDING = frozenset({Lifecycle.WARMING, Lifecycle.ACTIVE})


def may_move(*, before: Lifecycle, after: Lifecycle) -> bool:
    """Whether the table has this move. Every other move is refused and changes nothing."""
    return after in TRANSITIONS[before]


def status(
    lifecycle: Lifecycle,
    liveness: Liveness,
    *,
    pauses: Iterable[Pause],
    addresses: Sequence[str],
) -> str:
    """The owners' word for a node, first that fits (DESIGN 3.1)."""
    if lifecycle in (Lifecycle.DECOMMISSIONED, Lifecycle.FAILED):
        return str(lifecycle.value)
    if lifecycle in (Lifecycle.REQUESTED, Lifecycle.PROVISIONING):
        return "provisioning"
    if liveness is Liveness.LOST:
        return "unhealthy"
    if is_paused(pauses, addresses):
        return "paused"
    if lifecycle in (Lifecycle.DRAINING, Lifecycle.MAINTENANCE):
        return "maintenance"
    return str(lifecycle.value)


def is_paused(pauses: Iterable[Pause], addresses: Sequence[str]) -> bool:
    """A node-wide pause, or one on every address."""
    held = tuple(pause for pause in pauses if pause.receiver is None)
    if any(pause.address is None for pause in held):
        return True
    return bool(addresses) and all(any(p.covers(ip) for p in held) for ip in addresses)


def health_status(
    liveness: Liveness, *, alerts: Iterable[Severity], pauses: Iterable[Pause]
) -> str:
    """critical: an open High alert or lost; degraded: a Medium alert or a pause; else healthy."""
    open_now = set(alerts)
    if Severity.HIGH in open_now or liveness is Liveness.LOST:
        return "critical"
    if Severity.MEDIUM in open_now or any(True for _ in pauses):
        return "degraded"
    return "healthy"


def table() -> str:
    """The moves as a Markdown table, as the README shows it."""
    rows = (
        f"| {before.value} | {', '.join(a.value for a in Lifecycle if a in after) or '(ends)'} |"
        for before, after in TRANSITIONS.items()
    )
    return "\n".join(("| from | to |", "|---|---|", *rows))
