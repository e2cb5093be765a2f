"""What came of many fleets: how long, how often what happened, which goals were missed; kept in a
file while they are played, so that a long run may be cut short and gone on with.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collector.core.model import Brake
from tests.simulation.plan import DAY, EVERY

ROOT = Path(__file__).parents[2]
CODE = ("agent", "collector", "deliverability", "tests/simulation")
YEAR_SECONDS = 365 * DAY


class KeepError(Exception):
    """The file holds the fleets of another program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """One that was played."""

    seed: int
    violation: str
    seconds: float
    steps: int
    decisions: int
    happened: Mapping[str, int]
    brakes: Mapping[str, int]


@dataclass(slots=True)
class Summary:
    fleets: int = 0
    seconds: float = 0.0
    steps: int = 0
    decisions: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    brakes: Counter[str] = field(default_factory=Counter)
    violations: list[Fleet] = field(default_factory=list)

    @property
    def years(self) -> float:
        return self.seconds / YEAR_SECONDS

    @property
    def holes(self) -> list[str]:
        """Mishaps that never happened, and brakes that never held anything."""
        missing = [name for name in EVERY if not self.happened[name]]
        return missing + [one.value for one in Brake if not self.brakes[one.value]]

    def add(self, fleet: Fleet) -> None:
        self.fleets += 1
        self.seconds += fleet.seconds
        self.steps += fleet.steps
        self.decisions += fleet.decisions
        self.happened.update(fleet.happened)
        self.brakes.update(fleet.brakes)
        if fleet.violation:
            self.violations.append(fleet)

    def shown(self) -> dict[str, object]:
        return {
            "fleets": self.fleets,
            "years": round(self.years, 2),
            "steps": self.steps,
            "decisions": self.decisions,
            "violations": len(self.violations),
            "happened": dict(sorted(self.happened.items())),
            "brakes": dict(sorted(self.brakes.items())),
            "holes": self.holes,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        plain = {
            name: value for name, value in self.shown().items() if isinstance(value, int | float)
        }
        yield ", ".join(f"{name} {value}" for name, value in plain.items())
        for title, counts in (("happened", self.happened), ("withheld by", self.brakes)):
            yield f"{title}: " + ", ".join(f"{name} {n}" for name, n in counts.most_common())
        yield f"never happened: {', '.join(self.holes) or 'nothing'}"


class Keep:
    """One line of JSON for each fleet played, after one that names the program."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fleets(self) -> Iterator[Fleet]:
        """Those played already. KeepError: by another program than this one."""
        if self._path.exists():
            self._mend()
        if not self._path.exists() or not self._path.stat().st_size:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._append({"program": program()})
            return
        head, *rest = self._path.read_text("utf-8").splitlines()
        if json.loads(head) != {"program": program()}:
            text = f"{self._path} is of another version of the program: remove it to begin anew"
            raise KeepError(text)
        for line in rest:
            yield Fleet(**json.loads(line))

    def _mend(self) -> None:
        """What was cut short by a kill is taken away."""
        text = self._path.read_text("utf-8")
        if not text.endswith("\n"):
            self._path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")

    def add(self, fleet: Fleet) -> None:
        self._append({name: getattr(fleet, name) for name in Fleet.__slots__})

    def _append(self, row: Mapping[str, object]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def program() -> str:
    """Changes with any of the code that is played."""
    found = hashlib.sha256()
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:16]
