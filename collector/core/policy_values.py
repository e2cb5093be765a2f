"""A policy's values as plain numbers, as the journal keeps them. Durations are in seconds."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta

from collector.core.policy import Policy


def of(policy: Policy) -> dict[str, float]:
    """Every value by name."""
    values = {one.name: getattr(policy, one.name) for one in fields(policy)}
    return {
        name: value.total_seconds() if isinstance(value, timedelta) else value
        for name, value in values.items()
    }


def made(values: Mapping[str, float]) -> Policy:
    """Fields the policy has since gained take their defaults, those it lost are passed over."""
    known = {one.name for one in fields(Policy)} & values.keys()
    chosen: dict[str, object] = {
        name: timedelta(seconds=values[name]) if is_duration(name) else values[name]
        for name in sorted(known)
    }
    return Policy(**chosen)  # type: ignore[arg-type]  # the values were a policy's own


def is_duration(name: str) -> bool:
    return isinstance(getattr(Policy(), name), timedelta)
