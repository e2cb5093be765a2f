"""How often a decision is right: every incident of tests/incidents, by us and by a naive checker.

    python -m benchmarks.judgement [FOLDER or FILE.toml …] [--show]

Other incidents of the same format (tests/incidents/README.md) are named by their folder or file;
one that is none ends the run before anything is played, with its file and line (exit status 2).
Both see the same facts on the same virtual clock. An incident is right when everything expected of
it came in time and nobody else was touched; the naive checker is asked for its pauses and removals
alone, since it has no alerts and no brakes. A wrong pause is a pause or removal nothing allows.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from benchmarks import measure
from tests.incidents import incident, play
from tests.incidents.incident import Incident, IncidentError
from tests.incidents.verdict import Outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="folders of incidents, or single files")
    parser.add_argument("--show", action="store_true", help="what was wrong, incident by incident")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        incidents = tuple(one for path in options.paths or [incident.FOLDER] for one in read(path))
    except IncidentError as error:
        print(error, file=sys.stderr)
        return 2
    outcomes = [asyncio.run(play.play(one)) for one in incidents]
    report(outcomes)
    if options.show:
        for one, (ours, _) in zip(incidents, outcomes, strict=True):
            for problem in ours.problems:
                print(f"{one.name}: {problem}")
    return 0


def read(path: Path) -> tuple[Incident, ...]:
    """IncidentError: names the file."""
    return incident.every(path) if path.is_dir() else (incident.load(path),)


def report(outcomes: list[tuple[Outcome, Outcome]]) -> None:
    ours, naive = ([one[side] for one in outcomes] for side in (0, 1))
    counted = {"incidents": len(outcomes), **_counted(ours), "naive": _counted(naive)}
    if os.environ.get("JSON") == "1":
        print(json.dumps({"benchmark": "judgement", **counted}))
        return
    both = (("mailfleet", ours), ("naive checker", naive))
    rows = [(name, len(side), *_counted(side).values()) for name, side in both]
    columns = ("who judges", "incidents", "right", "wrong_pauses")
    measure.report("judgement", columns=columns, rows=rows, ratios={})


def _counted(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {
        "right": sum(one.is_right for one in outcomes),
        "wrong_pauses": sum(one.wrong_pauses for one in outcomes),
    }


if __name__ == "__main__":
    sys.exit(main())
