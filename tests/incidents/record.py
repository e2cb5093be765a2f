"""What an observer saw of one play: who was paused when and why, who left the rotation, which
alerts stood, what was withheld. In seconds from the incident's beginning; judges nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class Spell:
    """`until` None: it lasts."""

    since: float
    until: float | None = None

    def covers(self, at: float) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


class Decided(NamedTuple):
    """A decision that was not carried out. `brake`: which one withheld it; "" where the pool only
    observes."""

    at: float
    address: str
    kind: str
    reason: str
    brake: str


@dataclass(slots=True)
class Spells:
    """Everything of one kind, by key; told its level again and again."""

    by_key: dict[tuple[str, ...], list[Spell]] = field(default_factory=dict)

    def level(self, keys: Iterable[tuple[str, ...]], *, at: float) -> None:
        standing = set(keys)
        for key, spells in self.by_key.items():
            if key not in standing and spells[-1].until is None:
                spells[-1].until = at
        for key in sorted(standing):
            spells = self.by_key.setdefault(key, [])
            if not spells or spells[-1].until is not None:
                spells.append(Spell(at))


@dataclass(slots=True)
class Record:
    """`pauses` by (address, reason), automatic ones only; `out` by (address,): silence took it from
    the rotation; `alerts` by (cause, key, node name); `members` and `silent` by (address,)."""

    pauses: Spells = field(default_factory=Spells)
    out: Spells = field(default_factory=Spells)
    alerts: Spells = field(default_factory=Spells)
    members: Spells = field(default_factory=Spells)
    silent: Spells = field(default_factory=Spells)
    decided: list[Decided] = field(default_factory=list)


def spells_of(record: Mapping[tuple[str, ...], list[Spell]], *key: str) -> list[Spell]:
    return record.get(key, [])
