"""An incident as data: facts over time, and what must come of them. Reads the files of this folder;
what they may hold is written in README.md. Refuses what it does not know.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import tomllib

from collector.core.model import Automation
from collector.core.policy import Policy
from tests.simulation.link import PoolPlan

FOLDER = Path(__file__).parent
DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")

# What each kind of fact may say beside `what`, `at` and `until`; the required ones first.
FACTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "zone": (frozenset({"zone", "answers"}), frozenset({"about", "seen_by", "instead_of_clear"})),
    "cut": (frozenset({"about"}), frozenset()),
    "agent": (frozenset({"about", "act"}), frozenset({"by"})),
    "collector": (frozenset({"act"}), frozenset({"lasts", "by"})),
    "operator": (frozenset({"act"}), frozenset({"about", "pool"})),
    "mail": (
        frozenset({"about", "receiver", "an_hour"}),
        frozenset({"class", "is_first"}),
    ),
    "complaints": (frozenset({"about", "count"}), frozenset()),
    "service": (frozenset({"about", "service", "state"}), frozenset()),
    "disk": (frozenset({"about", "ratio"}), frozenset()),
    "helper": (frozenset({"about", "act"}), frozenset()),
    "event": (frozenset({"about", "kind"}), frozenset({"text"})),
}
EXPECTATIONS: Mapping[str, frozenset[str]] = {
    "paused": frozenset({"reason", "after", "by", "over_by", "stays_until"}),
    "out": frozenset({"after", "by", "back_by"}),
    "would": frozenset({"reason", "by"}),
    "withheld": frozenset({"reason", "brake", "by", "some"}),
    "alert": frozenset({"about", "zone", "by", "over_by"}),
    "no_alert": frozenset({"about", "zone"}),
    "sends": frozenset({"at"}),
    "not_sends": frozenset({"at"}),
    "tolerated": frozenset({"reason", "at_most", "after", "over_by"}),
    "silent": frozenset({"by"}),
}


class IncidentError(Exception):
    """The file is no incident; the text names the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """`at`, `until` in seconds from the beginning; `said` as in the file."""

    what: str
    at: float
    until: float | None
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """`subjects`: names of nodes and addresses, or the alert's cause."""

    what: str
    subjects: tuple[str, ...]
    said: Mapping[str, Any]

    def seconds(self, name: str) -> float | None:
        text = self.said.get(name)
        return None if text is None else seconds(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    name: str
    title: str
    source: str
    lasts: float
    pools: tuple[PoolPlan, ...]
    policy: Policy
    facts: tuple[Fact, ...]
    expectations: tuple[Expectation, ...] = field(default=())


def seconds(text: str) -> float:
    """`90s`, `5m`, `1h30m`, `2d`."""
    found = DURATION.fullmatch(text)
    if not text or found is None:
        raise IncidentError(f"{text!r} is no duration: 90s, 5m, 1h30m, 2d")
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)


def every() -> tuple[Incident, ...]:
    return tuple(load(path) for path in sorted(FOLDER.glob("*.toml")))


def load(path: Path) -> Incident:
    """IncidentError names the file."""
    try:
        return _incident(path.stem, tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, IncidentError, KeyError, TypeError, ValueError) as error:
        raise IncidentError(f"{path.name}: {error!r}") from error


def _incident(name: str, said: Mapping[str, Any]) -> Incident:
    _known(said, {"title", "source", "lasts", "pool", "policy", "fact", "expect"}, where="the file")
    return Incident(
        name=name,
        title=said["title"],
        source=said["source"],
        lasts=seconds(said["lasts"]),
        pools=tuple(map(_pool, said["pool"])),
        policy=_policy(said.get("policy", {})),
        facts=tuple(map(_fact, said["fact"])),
        expectations=tuple(map(_expectation, said["expect"])),
    )


def _known(said: Mapping[str, Any], names: Iterable[str], *, where: str) -> None:
    unknown = said.keys() - set(names)
    if unknown:
        raise IncidentError(f"{where} knows no {', '.join(sorted(unknown))}")


def _pool(said: Mapping[str, Any]) -> PoolPlan:
    _known(said, (item.name for item in fields(PoolPlan)), where="a pool")
    changes = dict(said)
    if "automation" in said:
        changes["automation"] = Automation(said["automation"])
    if "zones" in said:
        changes["zones"] = tuple(said["zones"])
    return PoolPlan(**changes)


def _policy(said: Mapping[str, Any]) -> Policy:
    """Durations as text, everything else as the policy holds it."""
    held = {item.name: getattr(Policy(), item.name) for item in fields(Policy)}
    _known(said, held, where="the policy")
    changes: dict[str, Any] = {}
    for name, value in said.items():
        if isinstance(held[name], timedelta):
            changes[name] = timedelta(seconds=seconds(value))
        else:
            changes[name] = type(held[name])(value)
    return Policy(**changes)


def _fact(said: Mapping[str, Any]) -> Fact:
    what = said["what"]
    if what not in FACTS:
        raise IncidentError(f"no fact is called {what!r}; there are {', '.join(FACTS)}")
    needed, possible = FACTS[what]
    rest = {name: value for name, value in said.items() if name not in ("what", "at", "until")}
    _known(rest, needed | possible, where=f"a fact {what!r}")
    if missing := needed - rest.keys():
        raise IncidentError(f"a fact {what!r} needs {', '.join(sorted(missing))}")
    until = said.get("until")
    return Fact(
        what=what,
        at=seconds(said["at"]),
        until=None if until is None else seconds(until),
        said=rest,
    )


def _expectation(said: Mapping[str, Any]) -> Expectation:
    (what,) = said.keys() & EXPECTATIONS.keys()
    subjects = said[what]
    rest = {name: value for name, value in said.items() if name != what}
    _known(rest, EXPECTATIONS[what], where=f"an expectation {what!r}")
    named = (subjects,) if isinstance(subjects, str) else tuple(subjects)
    return Expectation(what=what, subjects=named, said=rest)
