"""Whole fleets on a virtual clock, each from one number.

    python -m tests.simulation --seeds N [--first S] [--years Y] [--workers W]

Prints a summary: fleets, simulated years, decisions, violations. A violation prints its number and
the smallest plan found that still shows it; the exit status is 1 then. With --years it stops when
so much time was simulated.
"""

import argparse
import json
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import structlog

from tests.simulation import plan, run
from tests.simulation.run import Played

YEAR_SECONDS = 365 * plan.DAY
SHRUNK_MAX = 3


@dataclass(slots=True)
class Summary:
    fleets: int = 0
    seconds: float = 0.0
    steps: int = 0
    decisions: int = 0
    violations: list[Played] = field(default_factory=list)

    @property
    def years(self) -> float:
        return self.seconds / YEAR_SECONDS

    def add(self, played: Played) -> None:
        self.fleets += 1
        self.seconds += played.at
        self.steps += played.steps
        self.decisions += played.decisions
        if played.violation:
            self.violations.append(played)

    def shown(self) -> dict[str, object]:
        return {
            "fleets": self.fleets,
            "years": round(self.years, 2),
            "steps": self.steps,
            "decisions": self.decisions,
            "violations": len(self.violations),
        }


def quietly() -> None:
    """What the collector and the agents log is not read here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def simulate(seeds: Iterable[int], *, workers: int, years: float | None = None) -> Summary:
    """Every seed in turn, or until so many years have passed."""
    summary = Summary()
    with closing(_played(seeds, workers=workers)) as fleets:
        for played in fleets:
            summary.add(played)
            if years is not None and summary.years >= years:
                break
    return summary


def of_seed(seed: int) -> Played:
    return run.play(plan.draw(seed))


def _played(seeds: Iterable[int], *, workers: int) -> Generator[Played, None, None]:
    if workers == 1:
        yield from map(of_seed, seeds)
        return
    with ProcessPoolExecutor(workers, initializer=quietly) as pool:
        try:
            yield from pool.map(of_seed, seeds, chunksize=1)
        finally:
            pool.shutdown(cancel_futures=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many fleets")
    parser.add_argument("--first", type=int, default=1, help="the first number")
    parser.add_argument("--years", type=float, help="stop when so much time was simulated")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    quietly()
    seeds = range(options.first, options.first + options.seeds)
    summary = simulate(seeds, workers=options.workers, years=options.years)
    if os.environ.get("JSON") == "1":
        print(json.dumps({"simulation": summary.shown()}))
    else:
        print(", ".join(f"{name} {value}" for name, value in summary.shown().items()))
    for played in summary.violations[:SHRUNK_MAX]:
        print("\n".join(told(played)))
    for played in summary.violations[SHRUNK_MAX:]:
        print(f"seed {played.plan.seed}: {played.violation}")
    return 1 if summary.violations else 0


def told(played: Played) -> Iterator[str]:
    """The number, what was missed, and the least that must happen for it."""
    least = run.shrink(played)
    yield f"seed {played.plan.seed}: {played.violation} after {played.at:.0f} s"
    yield f"  least: {least.violation} after {least.at:.0f} s"
    for pool in least.plan.pools:
        yield f"    pool {pool.name}: {pool.nodes} nodes, {pool.addresses} addresses each"
    for mishap in least.plan.mishaps:
        names = " ".join(mishap.nodes)
        words = f"{mishap.kind} {names} {mishap.word} lasts {mishap.lasts:.0f} ({mishap.number})"
        yield f"    {mishap.at:.0f}: {' '.join(words.split())}"
    yield f"  again: python -m tests.simulation --first {played.plan.seed} --seeds 1"


if __name__ == "__main__":
    sys.exit(main())
