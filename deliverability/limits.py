"""How fast one receiver takes mail from one address. Data in `receiver_limits.tsv` beside this
file: the owners' starting limits at a high reputation. Pure.

While an address warms, and at a lower reputation, they are lower; the owners gave no figures for
that, the shares below are mailfleet's.
"""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from types import MappingProxyType

from deliverability.receivers import OTHER


class Grade(Enum):
    """What an address's reputation score, 0 to 100, amounts to."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


# Score from which on.
SCORE_HIGH, SCORE_MEDIUM = 80, 50
# Of the limit at a high reputation, in percent.
PERCENT: Mapping[Grade, int] = {Grade.HIGH: 100, Grade.MEDIUM: 50, Grade.LOW: 25}
PERCENT_WARMING = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Of one address at one receiver."""

    receiver: str
    connections: int
    per_hour: int
    retry_minutes: int
    per_connection: int
    source: str
    dated: date


def limit_of(receiver: str) -> Limit:
    """The receiver's own, else that of all others."""
    return LIMITS.get(receiver, LIMITS[OTHER])


def grade_of(score: int) -> Grade:
    if score >= SCORE_HIGH:
        return Grade.HIGH
    return Grade.MEDIUM if score >= SCORE_MEDIUM else Grade.LOW


def per_hour(receiver: str, *, score: int, warming: bool) -> int:
    """Messages an hour one address may send there now."""
    percent = PERCENT[grade_of(score)]
    if warming:
        percent = min(percent, PERCENT_WARMING)
    return limit_of(receiver).per_hour * percent // 100


def _load() -> Mapping[str, Limit]:
    data = pkgutil.get_data("deliverability", "receiver_limits.tsv")
    assert data is not None, "receiver_limits.tsv is part of the package"
    header, *rows = (line.split("\t") for line in data.decode().splitlines())
    found = {}
    for row in rows:
        values = dict(zip(header, row, strict=True))
        numbers = ("connections", "per_hour", "retry_minutes", "per_connection")
        found[values["receiver"]] = Limit(
            receiver=values["receiver"],
            source=values["source"],
            dated=date.fromisoformat(values["dated"]),
            **{name: int(values[name]) for name in numbers},
        )
    return MappingProxyType(found)


LIMITS = _load()
assert OTHER in LIMITS
