"""What zones answer, and to whom: the truth that agents and the collector's resolver ask.

A zone without a word about it is healthy and lists nobody but its own test point.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from deliverability import zones
from deliverability.catalogue import CATALOGUE
from deliverability.zones import Finding, Reply, Zone

COLLECTOR = "collector"
LATELY = 8
# Words for replies that are no addresses.
WORDS: Mapping[str, Reply] = {
    "nxdomain": Reply(is_nxdomain=True),
    "timeout": Reply(problem="timeout"),
    "servfail": Reply(problem="SERVFAIL"),
    "refused": Reply(problem="REFUSED"),
    "nodata": Reply(),
}
CLEAR = WORDS["nxdomain"]


def reply(*answers: str) -> Reply:
    """A word, or the addresses that came back."""
    if len(answers) == 1 and answers[0] in WORDS:
        return WORDS[answers[0]]
    return zones.answer(answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What a zone answers. `about` None: to every question, its test points too; `seen_by` None:
    to everybody, else node names or the collector; `zone` "*": every zone. `is_instead_of_clear`:
    only in place of NXDOMAIN, as a resolver does that rewrites it."""

    zone: str
    reply: Reply
    about: frozenset[str] | None = None
    seen_by: frozenset[str] | None = None
    is_instead_of_clear: bool = False

    def covers(self, zone: str, point: str, *, asker: str) -> bool:
        return (
            self.zone in ("*", zone)
            and (self.about is None or point in self.about)
            and (self.seen_by is None or asker in self.seen_by)
        )


@dataclass(slots=True)
class World:
    """The newest saying that covers a question answers it."""

    sayings: list[Saying] = field(default_factory=list)
    # What is no longer said, the newest last.
    over: list[Saying] = field(default_factory=list)
    # Of zones while nothing is said of any: by name, and whether of the point that is listed.
    _well: dict[tuple[str, bool], Finding] = field(default_factory=dict)

    def lately(self) -> list[Saying]:
        return self.over[-LATELY:]

    def says(self, saying: Saying) -> None:
        self.sayings.append(saying)

    def stops(self, saying: Saying) -> None:
        if saying in self.sayings:
            self.sayings.remove(saying)
            self.over.append(saying)

    def ask(self, zone: Zone, point: str, *, asker: str) -> Reply:
        covering = [one for one in self.sayings if one.covers(zone.name, point, asker=asker)]
        for saying in reversed(covering):
            if not saying.is_instead_of_clear:
                return saying.reply
        if point == zone.sentinel_listed:
            return reply(zone.codes[0].answer)
        return covering[-1].reply if covering else CLEAR

    def find(self, zone: Zone, address: str, *, asker: str) -> Finding:
        """As agents and the collector's resolver judge it: with the zone's own test points."""
        if not self.sayings:
            key = (zone.name, address == zone.sentinel_listed)
            if key not in self._well:
                self._well[key] = self._find(zone, address, asker=asker)
            return self._well[key]
        return self._find(zone, address, asker=asker)

    def _find(self, zone: Zone, address: str, *, asker: str) -> Finding:
        return zones.assess(
            zone,
            self.ask(zone, address, asker=asker),
            positive=self.ask(zone, zone.sentinel_listed, asker=asker),
            negative=self.ask(zone, zone.sentinel_clear, asker=asker),
        )


def known(names: Iterable[str]) -> tuple[Zone, ...]:
    return tuple(CATALOGUE[name] for name in names)


def frozen(names: Collection[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
