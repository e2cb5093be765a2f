"""A policy's values as the journal keeps them: numbers, durations in seconds, words."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from enum import Enum

from collector.core.policy import Policy

Plain = int | float | str
DEFAULT = Policy()


def of(policy: Policy) -> dict[str, Plain]:
    """Every value by name."""
    return {one.name: _plain(getattr(policy, one.name)) for one in fields(policy)}


def made(values: Mapping[str, Plain]) -> Policy:
    """Fields the policy has since gained take their defaults, those it lost are passed over."""
    known = {one.name for one in fields(Policy)} & values.keys()
    chosen = {name: _made(name, values[name]) for name in sorted(known)}
    return Policy(**chosen)  # type: ignore[arg-type]  # the values were a policy's own


def is_duration(name: str) -> bool:
    return isinstance(getattr(DEFAULT, name), timedelta)


def _plain(value: object) -> Plain:
    if isinstance(value, timedelta):
        return value.total_seconds()
    plain = value.value if isinstance(value, Enum) else value
    assert isinstance(plain, (int, float, str)), value
    return plain


def _made(name: str, value: Plain) -> object:
    known = getattr(DEFAULT, name)
    if isinstance(known, Enum):
        return type(known)(value)
    return timedelta(seconds=float(value)) if isinstance(known, timedelta) else value
