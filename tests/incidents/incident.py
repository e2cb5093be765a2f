"""An incident as data: facts over time, and what must come of them. Reads the files of a folder;
what they may hold is written in README.md. Refuses what it does not know, by file and line.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import tomllib

from collector.core.model import Automation
from collector.core.policy import Policy
from tests.incidents import refusing
from tests.incidents.durations import MAIL_EVERY_SECONDS
from tests.incidents.durations import IncidentError as IncidentError
from tests.incidents.durations import seconds as seconds
from tests.simulation.link import PoolPlan

T = TypeVar("T")

FOLDER = Path(__file__).parent
NODES_MAX = 500
AT_LINE = re.compile(r"at line (\d+)")

# What each kind of fact may say beside `what`, `at` and `until`; the required ones first.
FACTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "zone": (frozenset({"zone", "answers"}), frozenset({"about", "seen_by", "instead_of_clear"})),
    "cut": (frozenset({"about"}), frozenset()),
    "agent": (frozenset({"about", "act"}), frozenset({"by", "to"})),
    "collector": (frozenset({"act"}), frozenset({"lasts", "by"})),
    "operator": (frozenset({"act"}), frozenset({"about", "pool"})),
    "mail": (
        frozenset({"about", "receiver", "an_hour"}),
        frozenset({"class", "is_first"}),
    ),
    "complaints": (frozenset({"about", "count"}), frozenset()),
    "service": (frozenset({"about", "service", "state"}), frozenset()),
    "disk": (frozenset({"about", "ratio"}), frozenset()),
    "dns": (frozenset({"about", "record", "state"}), frozenset({"is_essential"})),
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


def every(folder: Path = FOLDER) -> tuple[Incident, ...]:
    """Of a folder, by name. IncidentError: one of them is none, or there is none at all."""
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise IncidentError(f"{folder}: no incidents here (*.toml)")
    return tuple(map(load, paths))


def load(path: Path) -> Incident:
    """IncidentError names the file and the line."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IncidentError(f"{path}: cannot be read: {error}") from error
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = AT_LINE.search(str(error))
        raise IncidentError(f"{path}:{line[1] if line else 1}: {error}") from error
    try:
        return _incident(path.stem, said)
    except _Misplaced as error:
        raise IncidentError(f"{path}:{error.line_in(text)}: {error}") from error


class _Misplaced(Exception):
    """What is wrong, in which table: the so-manieth of its name; "" is the head of the file."""

    def __init__(self, problem: str, *, table: str, number: int) -> None:
        super().__init__(problem if not table else f"[[{table}]] {number + 1}: {problem}")
        self._table, self._number = table, number

    def line_in(self, text: str) -> int:
        """Of the table's header, from 1."""
        if not self._table:
            return 1
        header = re.compile(rf"^\s*\[\[?\s*{self._table}\s*\]\]?", re.MULTILINE)
        found = list(header.finditer(text))[self._number : self._number + 1]
        return text.count("\n", 0, found[0].end()) + 1 if found else 1


@contextmanager
def _within(table: str, number: int = 0) -> Iterator[None]:
    try:
        yield
    except (IncidentError, TypeError, ValueError) as error:
        raise _Misplaced(str(error), table=table, number=number) from error
    except KeyError as error:
        problem = f"{error.args[0]} is missing"
        raise _Misplaced(problem, table=table, number=number) from error


def _incident(name: str, said: Mapping[str, Any]) -> Incident:
    with _within(""):
        known = {"title", "source", "lasts", "pool", "policy", "fact", "expect"}
        _known(said, known, where="the file")
        title, source, lasts = said["title"], said["source"], seconds(said["lasts"])
        pools, facts, wanted = said["pool"], said["fact"], said["expect"]
    pools = tuple(_each("pool", pools, _pool))
    names = refusing.Names(pools, more=refusing.readdressed(facts))
    with _within("policy"):
        policy = _policy(said.get("policy", {}))
    read = tuple(_each("fact", facts, lambda one: _fact(one, names, lasts=lasts)))
    with _within(""):
        _refused(refusing.of_turns([(one.at, one.said) for one in read]))
    return Incident(
        name=name,
        title=title,
        source=source,
        lasts=lasts,
        pools=pools,
        policy=policy,
        facts=read,
        expectations=tuple(
            _each("expect", wanted, lambda one: _expectation(one, names, lasts=lasts))
        ),
    )


def _each(table: str, rows: object, read: Callable[[Mapping[str, Any]], T]) -> Iterator[T]:
    of = rows if isinstance(rows, list) else [None]
    for number, row in enumerate(of):
        with _within(table, number):
            if not isinstance(row, dict):
                raise IncidentError(f"write it as [[{table}]]")
            yield read(row)


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
        for zone in said["zones"]:
            _refused(refusing.of_zone(zone))
    for name in ("nodes", "addresses"):
        if name in said and (not isinstance(said[name], int) or not 1 <= said[name] <= NODES_MAX):
            raise IncidentError(f"{name} = {said[name]!r} is no number from 1 to {NODES_MAX}")
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


def _fact(said: Mapping[str, Any], names: refusing.Names, *, lasts: float) -> Fact:
    what = said["what"]
    if what not in FACTS:
        raise IncidentError(f"no fact is called {what!r}; there are {', '.join(FACTS)}")
    needed, possible = FACTS[what]
    rest = _in_lists(said, but=("what", "at", "until"))
    _known(rest, needed | possible, where=f"a fact {what!r}")
    if missing := needed - rest.keys():
        raise IncidentError(f"a fact {what!r} needs {', '.join(sorted(missing))}")
    _refused(refusing.of_fact(what, rest, names))
    at, until = seconds(said["at"]), said.get("until")
    fact = Fact(what=what, at=at, until=None if until is None else seconds(until), said=rest)
    if at > lasts:
        raise IncidentError(f"at = {said['at']!r} is after the end of the watch")
    if fact.until is not None and fact.until <= at:
        raise IncidentError(f"until = {until!r} is not after at = {said['at']!r}")
    if what == "mail" and fact.until is not None and fact.until - at < MAIL_EVERY_SECONDS:
        raise IncidentError("mail is written every 5m: it lasts for less")
    return fact


def _expectation(said: Mapping[str, Any], names: refusing.Names, *, lasts: float) -> Expectation:
    found = sorted(said.keys() & EXPECTATIONS.keys())
    if len(found) != 1:
        raise IncidentError(f"expects one of {', '.join(EXPECTATIONS)}, and says {found}")
    (what,) = found
    rest = _in_lists(said, but=(what,))
    _known(rest, EXPECTATIONS[what], where=f"an expectation {what!r}")
    _refused(refusing.of_expectation(what, said, names=names, lasts=lasts))
    subjects = said[what]
    named = (subjects,) if isinstance(subjects, str) else tuple(subjects)
    return Expectation(what=what, subjects=named, said=rest)


def _in_lists(said: Mapping[str, Any], *, but: Iterable[str]) -> dict[str, Any]:
    """What is said, one name of somebody as a list of one."""
    return {
        key: refusing.listed(said, key) if key in ("about", "seen_by", "to") else value
        for key, value in said.items()
        if key not in but
    }


def _refused(problems: Iterator[str]) -> None:
    for problem in problems:
        raise IncidentError(problem)
