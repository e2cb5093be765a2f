"""Everything an act of a person may be refused for has a status, a title and, where there is one, a
remedy of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

from collector.web.problems import ROWS

ROOT = Path(__file__).resolve().parents[2] / "collector"
STORE = ("alerting", "granting", "identity", "members", "operating", "reign", "rotating", "warmups")
PLACES = (
    *(ROOT / "operate").glob("*.py"),
    *(ROOT / "adapters" / "store" / f"{name}.py" for name in STORE),
    ROOT / "governor.py",
    ROOT / "rotations.py",
    ROOT / "zoning.py",
)
# What only `init` may meet.
ELSEWHERE = {"FLEET_NAMED"}


def refused() -> Iterator[tuple[str, str]]:
    for place in PLACES:
        for node in ast.walk(ast.parse(place.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused":
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    yield str(code.value), place.name


def test_every_code_has_its_row() -> None:
    found = dict(refused())
    assert len(found) > 40
    assert {code: where for code, where in found.items() if code not in {*ROWS, *ELSEWHERE}} == {}
