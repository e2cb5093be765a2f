"""Why not: the brake that withheld a decision, its numbers then, and when it lets go."""

from collections.abc import Callable, Iterator, Mapping

from collector.core.model import Brake
from collector.core.policy_change import duration
from collector.operate.overview import row_of
from collector.ports import Row

Told = Iterator[str]


def lines(decision: Row) -> Iterator[str]:
    """Nothing for what was made. Numbers are those the gate saw, thresholds those of then."""
    if decision["fate"] == "would":
        pool = (row_of(decision, "aggregates") or {}).get("pool", "POOL")
        yield "automation only observes: it would have been done, and was told"
        yield f"to have such things done: mailfleet pool act {pool} --reason TEXT"
    if decision["fate"] != "withheld":
        return
    seen, limits = row_of(decision, "aggregates") or {}, row_of(decision, "thresholds") or {}
    yield from TOLD[Brake(str(decision["brake"]))](seen, limits=limits)
    if decision["kind"] in ("pause", "remove") and decision["brake"] != Brake.STOPPED.value:
        yield f"a person may all the same: mailfleet node pause {decision['node']} --reason TEXT"


def _zone(seen: Row, *, limits: Row) -> Told:
    newly, above = seen.get("zone_newly_listed"), seen.get("zone_brake_above")
    yield f"{newly} nodes are newly listed on the zone, and it holds above {above}"
    yield f"it lets go when no more than {above} of those listings stand"
    patience = _lasting(limits, "zone_brake_holds")
    yield f"whom our resolver and receivers' replies confirm it holds for {patience} at most"


def _floor(seen: Row, *, limits: Row) -> Told:
    left = _number(seen, "pool_in_rotation") - _number(seen, "removed_in_this_pass")
    yield (
        f"{left:.0f} of pool {seen.get('pool')} would go below {seen.get('pool_floor')}, which is"
        f" {_number(limits, 'floor_ratio'):.0%} of its median of 24 h, {seen.get('pool_baseline')}"
    )
    yield "it lets go when others of the pool are back, or as the median falls"


def _velocity(seen: Row, *, limits: Row) -> Told:
    yield from _pace(seen, limits=limits, of="removed", ratio="velocity_ratio", did="left")


def _readmission(seen: Row, *, limits: Row) -> Told:
    yield from _pace(seen, limits=limits, of="admitted", ratio="readmission_ratio", did="came back")


def _pace(seen: Row, *, limits: Row, of: str, ratio: str, did: str) -> Told:
    lately = _number(seen, f"{of}_lately") + _number(seen, f"{of}_in_this_pass")
    span, share = _lasting(limits, "velocity_span"), _number(limits, ratio)
    most = max(1, int(share * _number(seen, "pool_baseline")))
    yield f"{lately:.0f} of pool {seen.get('pool')} {did} within {span}, at most {most} may"
    yield f"it lets go within {span}, a few at a time"


def _empty(seen: Row, **_: Row) -> Told:
    yield f"none of {seen.get('fleet_nodes')} nodes is heard: rather our ears than all of them"
    yield "it lets go as soon as one is heard"


def _detector(seen: Row, *, limits: Row) -> Told:
    yield f"our own ears are not to be trusted: {seen.get('detector_why') or 'frozen'}"
    calm = _lasting(limits, "freeze_ends_after")
    yield f"it lets go when they have been healthy for {calm} and most of a pool is heard"


def _startup(_: Row, *, limits: Row) -> Told:
    grace = _number(limits, "grace_intervals_min") * _number(limits, "heartbeat_interval")
    yield "the collector had just started, and everybody looks silent then"
    yield f"it lets go {grace:.0f} s after the start, later for a large fleet"


def _stopped(_: Row, **__: Row) -> Told:
    yield "automation is stopped: nothing happens by itself"
    yield "it lets go with: mailfleet stop automation --lift --reason TEXT"


TOLD: Mapping[Brake, Callable[..., Told]] = {
    Brake.ZONE: _zone,
    Brake.FLOOR: _floor,
    Brake.VELOCITY: _velocity,
    Brake.READMISSION: _readmission,
    Brake.EMPTY: _empty,
    Brake.DETECTOR: _detector,
    Brake.STARTUP: _startup,
    Brake.STOPPED: _stopped,
}
assert TOLD.keys() == set(Brake)


def _number(row: Row, name: str) -> float:
    """0 for what an older version did not keep."""
    value = row.get(name) or 0
    assert isinstance(value, (int, float)), (name, value)
    return value


def _lasting(limits: Row, name: str) -> str:
    return duration(_number(limits, name))
