"""Whole fleets on a virtual clock, each from one number.

    python -m tests.simulation --seeds N [--first S] [--years Y] [--workers W] [--keep FILE]
    python -m tests.simulation --plan 'JSON'

Prints a summary: fleets, simulated years, decisions, violations, how often each mishap happened and
each brake held something, and what never did. A violation prints its number and the least plan
found that still shows it, which --plan plays again; the exit status is 1 then. With --years it
stops when so much time was simulated. With --keep what was played is written to a file, and a later
run of the same program goes on from there.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.simulation import plan, run, shrink, spec
from tests.simulation.many import quietly, simulate
from tests.simulation.run import Played
from tests.simulation.spec import SpecError
from tests.simulation.summary import Fleet, Keep, KeepError, Summary

SHRUNK_MAX = 3
PROGRESS_SECONDS = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=100, help="how many fleets")
    parser.add_argument("--first", type=int, default=1, help="the first number")
    parser.add_argument("--years", type=float, help="stop when so much time was simulated")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="write here what was played, and go on from it")
    parser.add_argument("--plan", help="play this plan (JSON) instead")
    options = parser.parse_args()
    quietly()
    try:
        if options.plan is not None:
            return _replay(options.plan)
        summary = _long(options)
    except (SpecError, KeepError) as error:
        print(error, file=sys.stderr)
        return 2
    if os.environ.get("JSON") == "1":
        print(json.dumps({"simulation": summary.shown()}))
    else:
        print("\n".join(summary.lines()))
    for fleet in summary.violations[:SHRUNK_MAX]:
        print("\n".join(told(run.play(plan.draw(fleet.seed)))))
    for fleet in summary.violations[SHRUNK_MAX:]:
        print(f"seed {fleet.seed}: {fleet.violation}")
    return 1 if summary.violations else 0


def _replay(text: str) -> int:
    played = run.play(spec.from_text(text))
    print(f"{played.violation or 'no goal was missed'} after {played.at:.0f} s")
    return 1 if played.violation else 0


def _long(options: argparse.Namespace) -> Summary:
    seeds = range(options.first, options.first + options.seeds)
    summary, keep = Summary(), Keep(options.keep) if options.keep else None
    for fleet in keep.fleets() if keep else ():
        if fleet.seed in seeds:
            summary.add(fleet)
    known = summary.fleets
    before = {fleet.seed for fleet in keep.fleets()} if keep else set()
    progress = Progress(whole=len(seeds), known=known)

    def done(fleet: Fleet, sofar: Summary) -> None:
        if keep is not None:
            keep.add(fleet)
        progress.tell(sofar)

    return simulate(
        [seed for seed in seeds if seed not in before],
        workers=options.workers,
        years=options.years,
        summary=summary,
        done=done,
    )


class Progress:
    """A line now and then, to the people who wait."""

    def __init__(self, *, whole: int, known: int) -> None:
        self._whole, self._known = whole, known
        self._began = self._told = time.monotonic()

    def tell(self, summary: Summary) -> None:
        now = time.monotonic()
        if now - self._told < PROGRESS_SECONDS:
            return
        self._told = now
        played = summary.fleets - self._known
        left = (now - self._began) / played * (self._whole - summary.fleets) / 60
        text = (
            f"{summary.fleets} of {self._whole} fleets, {summary.years:.2f} years,"
            f" {len(summary.violations)} violations, {left:.0f} min left"
        )
        print(text, file=sys.stderr, flush=True)


def told(played: Played) -> Iterator[str]:
    """The number, what was missed, and the least that must happen for it."""
    least = shrink.shrink(played)
    yield f"seed {played.plan.seed}: {played.violation} after {played.at:.0f} s"
    yield f"  least: {least.violation} after {least.at:.0f} s"
    for pool in least.plan.pools:
        yield f"    pool {pool.name}: {pool.nodes} nodes, {pool.addresses} addresses each"
    for mishap in least.plan.mishaps:
        names = " ".join(mishap.nodes)
        words = f"{mishap.kind} {names} {mishap.word} lasts {mishap.lasts:.0f} ({mishap.number})"
        yield f"    {mishap.at:.0f}: {' '.join(words.split())}"
    yield f"  all of it: python -m tests.simulation --first {played.plan.seed} --seeds 1"
    yield f"  the least: python -m tests.simulation --plan '{spec.to_text(least.plan)}'"


if __name__ == "__main__":
    sys.exit(main())
