"""What an incident's words must be: names that exist, acts, reasons, zones, times within the watch.
A misspelt expectation that nothing could ever miss is refused before anything is played.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from collector.core.causes import CAUSES
from collector.core.readings import DnsState
from collector.core.words import Automation, Brake, Reason
from deliverability.catalogue import CATALOGUE
from deliverability.replies import Outcome
from deliverability.replies_classes import ReplyClass
from tests.incidents.durations import seconds, span
from tests.simulation.link import PoolPlan, address
from tests.simulation.world import WORDS

ACTS: Mapping[str, frozenset[str]] = {
    "agent": frozenset(
        {
            "stop",
            "start",
            "restart",
            "snapshot",
            "put back",
            "clone",
            "set clock",
            "replay",
            "readdress",
        }
    ),
    "collector": frozenset({"restart", "stop", "stall", "jump", "backup", "restore", "disk full"}),
    "operator": frozenset(
        {"pause", "resume", "override"}
        | {f"{verb} {what}" for verb in ("stop", "start") for what in ("automation", "sending")}
        | {one.value for one in Automation}
    ),
    "helper": frozenset({"break"}),
}
# What an act cannot do without.
NEEDS: Mapping[str, str] = {
    **dict.fromkeys(("set clock", "jump"), "by"),
    "stall": "lasts",
    "readdress": "to",
    **dict.fromkeys(("pause", "resume", "override"), "about"),
}
TIMES = ("after", "by", "over_by", "stays_until", "back_by", "at")
NODE = re.compile(r"n([1-9]\d*)(?:/([1-9]\d*))?")
OUTCOMES = frozenset(one.value for one in Outcome)
REASONS = frozenset(one.value for one in Reason)
CLASSES = frozenset(one.value for one in ReplyClass)
BRAKES = frozenset(one.value for one in Brake)


class Names:
    """The fleet's names, as the pools say. Nodes are n1, n2, … over all pools in turn."""

    def __init__(self, pools: Sequence[PoolPlan], *, more: Collection[str] = ()) -> None:
        """`more`: addresses that nodes will have later."""
        self._more = frozenset(more)
        self._first: list[str] = []
        for pool in pools:
            for _ in range(pool.nodes):
                number = len(self._first) + 1
                self._first.append(address(number, 0, pool))
        self.pools = {pool.name for pool in pools}
        self.zones = {zone for pool in pools for zone in pool.zones}
        self._addresses = [pool.addresses for pool in pools for _ in range(pool.nodes)]

    def problem(self, name: object) -> str:
        """Why nobody is called so; empty when somebody is."""
        if not isinstance(name, str):
            return f"{name!r} is no name"
        if name == "all" or name in self._more or name in self._first:
            return ""
        if name.startswith("pool:") and name.removeprefix("pool:") in self.pools:
            return ""
        found = NODE.fullmatch(name)
        if found is None:
            return f"{name!r} names nobody: n3, n3/2, all, pool:NAME"
        node, place = int(found[1]), int(found[2] or 1)
        if node > len(self._addresses):
            return f"there is no node n{node}: the pools have {len(self._addresses)}"
        most = self._addresses[node - 1]
        return f"n{node} has {most} addresses" if place > most else ""


def of_fact(what: str, said: Mapping[str, Any], names: Names) -> Iterator[str]:
    """Sentences, none when the fact may be played."""
    is_zone = what == "zone"
    about = [one for one in listed(said, "about") if not (is_zone and network_of(one))]
    yield from filter(None, map(names.problem, about))
    yield from CHECKS.get(what, _nothing)(said, names)
    if what in ACTS:
        yield from _among(said["act"], ACTS[what], called="act")
        needed = NEEDS.get(str(said["act"]))
        if needed is not None and needed not in said:
            yield f"{said['act']!r} needs {needed}"
    for key, read in (("by", span), ("lasts", seconds)):
        if key in said:
            read(said[key])


def of_expectation(
    what: str, said: Mapping[str, Any], *, names: Names, lasts: float
) -> Iterator[str]:
    """`said` with the subjects under `what`. Sentences, none when it can be judged."""
    is_alert = what in ("alert", "no_alert")
    if is_alert:
        yield from _among(said[what], CAUSES, called="cause of an alert")
    yield from filter(
        None, map(names.problem, listed(said, "about") if is_alert else listed(said, what))
    )
    if what in ("paused", "would", "withheld", "tolerated") and "reason" not in said:
        yield f"an expectation {what!r} needs reason"
    if "reason" in said:
        yield from _among(said["reason"], REASONS, called="reason")
    if what == "withheld":
        yield from _among(said.get("brake"), BRAKES, called="brake")
    if what == "tolerated" and not isinstance(said.get("at_most"), int):
        yield "an expectation 'tolerated' needs at_most, a number"
    for name in TIMES:
        if name in said and seconds(said[name]) > lasts:
            yield f"{name} = {said[name]!r} is after the end of the watch"


def of_turns(facts: Iterable[tuple[float, Mapping[str, Any]]]) -> Iterator[str]:
    """What is put back was kept before. Facts with their times."""
    kept: set[object] = set()
    for _, said in sorted(facts, key=lambda one: one[0]):
        act, about = said.get("act"), listed(said, "about")
        if act == "restore" and "backup" not in kept:
            yield "'restore' needs a 'backup' before it"
        if act == "put back" and not kept >= set(about):
            yield "'put back' needs a 'snapshot' of the same nodes before it"
        kept.update(about if act == "snapshot" else ["backup"] if act == "backup" else ())


def of_zone(name: object) -> Iterator[str]:
    if name not in CATALOGUE:
        yield f"{name!r} is no zone of the catalogue"


def readdressed(facts: object) -> set[str]:
    """Addresses that some node comes back with."""
    rows = [one for one in facts if isinstance(one, dict)] if isinstance(facts, list) else []
    return {str(ip) for one in rows for ip in listed(one, "to")}


def listed(said: Mapping[str, Any], key: str) -> list[object]:
    """One name or several."""
    value = said.get(key, [])
    return list(value) if isinstance(value, list | tuple) else [value]


def network_of(name: object) -> IPv4Network | IPv6Network | None:
    """What a zone lists by this address: itself, or its /64; None for any other name."""
    try:
        ip = ip_address(str(name))
    except ValueError:
        return None
    return ip_network((ip, 32 if ip.version == 4 else 64), strict=False)


def _nothing(_: Mapping[str, Any], __: Names) -> Iterator[str]:
    return iter(())


def _zone(said: Mapping[str, Any], names: Names) -> Iterator[str]:
    zone = said["zone"]
    if zone != "*":
        yield from of_zone(zone)
        if zone in CATALOGUE and zone not in names.zones:
            yield f"nobody asks {zone}: add it to zones of a pool"
    answers = said["answers"]
    if isinstance(answers, str):
        yield from _among(answers, WORDS, called="answer in words")
    askers = [one for one in listed(said, "seen_by") if one not in ("nodes", "collector")]
    yield from filter(None, map(names.problem, askers))


def _mail(said: Mapping[str, Any], _: Names) -> Iterator[str]:
    if not isinstance(said["an_hour"], dict):
        yield "an_hour is a table: { sent = 90, bounced = 10 }"
        return
    for outcome, number in said["an_hour"].items():
        yield from _among(outcome, OUTCOMES, called="outcome")
        if not isinstance(number, int) or number < 0:
            yield f"{outcome} = {number!r} is no number of messages"
    if "class" in said:
        yield from _among(said["class"], CLASSES, called="class of a reply")


def _operator(said: Mapping[str, Any], names: Names) -> Iterator[str]:
    if said["act"] in {one.value for one in Automation}:
        yield from _among(said.get("pool", "default"), names.pools, called="pool")


def _complaints(said: Mapping[str, Any], _: Names) -> Iterator[str]:
    if not isinstance(said["count"], int) or said["count"] < 0:
        yield f"count = {said['count']!r} is no number of complaints"


def _service(said: Mapping[str, Any], _: Names) -> Iterator[str]:
    yield from _among(said["state"], ("running", "stopped"), called="state of a service")


def _disk(said: Mapping[str, Any], _: Names) -> Iterator[str]:
    ratio = said["ratio"]
    if not isinstance(ratio, int | float) or not 0 <= ratio <= 1:
        yield f"ratio = {ratio!r} is not between 0 and 1"


def _dns(said: Mapping[str, Any], _: Names) -> Iterator[str]:
    yield from _among(said["state"], {one.value for one in DnsState}, called="state of a record")


def _among(value: object, known: Collection[str], *, called: str) -> Iterator[str]:
    if value not in known:
        words = sorted(known)
        some = ", ".join(words) if len(words) <= 20 else f"{len(words)} are known"
        yield f"{value!r} is no {called}; {some}"


CHECKS: Mapping[str, Callable[[Mapping[str, Any], Names], Iterator[str]]] = {
    "zone": _zone,
    "mail": _mail,
    "operator": _operator,
    "complaints": _complaints,
    "service": _service,
    "disk": _disk,
    "dns": _dns,
}
