"""Warm-up ladders: how much a new address, or a new sending domain, may send on its first days.

Data in `ladders.tsv` beside this file, dated and with sources, read and checked at import. A ladder
that was ever released is never changed: running plans name it and their stage. A new one gets a new
name. Knows no plan and no clock; what a day must be like to count stands in the collector's core.
"""

import pkgutil
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from types import MappingProxyType

STAGES_MAX = 100
DAY_CAP_MAX = 1_000_000_000
HOURS = 24
MONTH_DAYS = 30
SUBJECTS = ("address", "domain")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_GROWTH = re.compile(r"(\d+) \+(\d+)% x(\d+)")
_HOUR = re.compile(r"1/(\d+) >=(\d+)")
_PERCENT = re.compile(r"(\d+)%")
_BAND = re.compile(r"(\d+)-(\d*)")


class LadderError(ValueError):
    """The data is not right; every problem in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Caps of one day, in messages. `receiver`: what any one receiver may get of the day's cap."""

    day: int
    hour: int
    receiver: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """One stage a counted day; after the last one there is no cap. `band`: the messages a month
    it is the default for, None when it is nobody's default."""

    name: str
    subject: str
    stages: tuple[Stage, ...]
    band: range | None
    note: str
    source: str
    dated: date

    def reaches(self, per_day: int) -> int | None:
        """The first stage whose day allows so much, from 0; None: not on this ladder."""
        return next((i for i, stage in enumerate(self.stages) if stage.day >= per_day), None)


def default(monthly: int, *, subject: str = "address") -> Ladder:
    """The ladder of the band that so many messages a month fall into."""
    asked = max(1, monthly)
    return next(
        one
        for one in LADDERS.values()
        if one.subject == subject and one.band is not None and asked in one.band
    )


def read(text: str) -> Mapping[str, Ladder]:
    """Every ladder of a table by name. LadderError."""
    header, *lines = (line.split("\t") for line in text.splitlines() if line)
    found: dict[str, Ladder] = {}
    for line in lines:
        if len(line) != len(header):
            raise LadderError(f"{line[0]}: {len(line)} columns, not {len(header)}")
        ladder = _ladder(dict(zip(header, line, strict=True)))
        if ladder.name in found:
            raise LadderError(f"{ladder.name}: named twice")
        found[ladder.name] = ladder
    for subject in SUBJECTS:
        _check_bands([one for one in found.values() if one.subject == subject], subject)
    return MappingProxyType(found)


def _ladder(row: Mapping[str, str]) -> Ladder:
    name = row["name"]
    try:
        if not _NAME.fullmatch(name) or row["subject"] not in SUBJECTS:
            raise ValueError(f"subject {row['subject']!r}, name {name!r}")
        ladder = Ladder(
            name=name,
            subject=row["subject"],
            stages=_stages(row),
            band=_band(row["monthly"]),
            note=row["note"],
            source=row["source"],
            dated=date.fromisoformat(row["dated"]),
        )
    except ValueError as error:
        raise LadderError(f"{name}: {error}") from error
    problems = tuple(_problems(ladder))
    if problems:
        raise LadderError(f"{name}: {'; '.join(problems)}")
    return ladder


def _stages(row: Mapping[str, str]) -> tuple[Stage, ...]:
    part, least = map(int, _matched(_HOUR, row["hour"]).groups())
    percent = int(_matched(_PERCENT, row["receiver"]).group(1))
    if not 1 <= part <= HOURS or not 1 <= percent <= 100:
        raise ValueError(f"hour {row['hour']!r}, receiver {row['receiver']!r}")
    return tuple(
        Stage(
            day=day,
            hour=min(day, max(least, -(-day // part))),
            receiver=max(1, day * percent // 100),
        )
        for day in _days(row["stages"])
    )


def _days(text: str) -> tuple[int, ...]:
    """Written out, written as limits an hour, or growing evenly and rounded down."""
    growth = _GROWTH.fullmatch(text)
    if growth:
        first, percent, count = map(int, growth.groups())
        if count > STAGES_MAX:
            raise ValueError(f"more than {STAGES_MAX} stages")
        # In whole numbers: the same on every machine.
        return tuple(first * (100 + percent) ** i // 100**i for i in range(count))
    words = text.split()
    hourly = words[:1] == ["hourly"]
    return tuple(int(word) * (HOURS if hourly else 1) for word in words[hourly:])


def _band(text: str) -> range | None:
    if text == "-":
        return None
    first, last = _matched(_BAND, text).groups()
    return range(int(first), int(last) + 1 if last else 2**62)


def _matched(pattern: "re.Pattern[str]", text: str) -> "re.Match[str]":
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not {pattern.pattern}")
    return found


def _problems(ladder: Ladder) -> Iterable[str]:
    days = [stage.day for stage in ladder.stages]
    if not 2 <= len(days) <= STAGES_MAX:
        yield f"{len(days)} stages, not 2 to {STAGES_MAX}"
    if any(not 1 <= day <= DAY_CAP_MAX for day in days):
        yield f"a day's cap is outside 1 to {DAY_CAP_MAX}"
    if any(after <= before for before, after in pairwise(days)):
        yield "a stage does not allow more than the one before"
    if not ladder.source or not ladder.note:
        yield "no source or no note"


def _check_bands(ladders: Iterable[Ladder], subject: str) -> None:
    """Every number of messages a month has one default."""
    bands = sorted((one.band for one in ladders if one.band), key=lambda band: band.start)
    edges = [1, *(band.stop for band in bands)]
    if [band.start for band in bands] != edges[:-1] or edges[-1] != 2**62:
        raise LadderError(f"the bands of {subject} have a gap or overlap")


def _load() -> Mapping[str, Ladder]:
    data = pkgutil.get_data("deliverability", "ladders.tsv")
    assert data is not None, "ladders.tsv is part of the package"
    return read(data.decode())


LADDERS = _load()
