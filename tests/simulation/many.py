"""Many fleets, one after another or on several processes, and what is told of each."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context

import structlog

from tests.simulation import plan, run
from tests.simulation.summary import Fleet, Summary

Done = Callable[[Fleet, Summary], None]


def quietly() -> None:
    """What the collector and the agents log is not read here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def simulate(
    seeds: Iterable[int],
    *,
    workers: int,
    years: float | None = None,
    summary: Summary | None = None,
    done: Done = lambda *_: None,
) -> Summary:
    """Every seed in turn, or until so many years have passed; `done` is told of each fleet."""
    summary = summary or Summary()
    with closing(_played(seeds, workers=workers)) as fleets:
        for fleet in fleets:
            summary.add(fleet)
            done(fleet, summary)
            if years is not None and summary.years >= years:
                break
    return summary


def of_seed(seed: int) -> Fleet:
    played = run.play(plan.draw(seed))
    return Fleet(
        seed=seed,
        violation=played.violation,
        seconds=played.at,
        steps=played.steps,
        decisions=played.decisions,
        happened=played.happened,
        brakes=played.brakes,
    )


def _played(seeds: Iterable[int], *, workers: int) -> Generator[Fleet, None, None]:
    if workers == 1:
        yield from map(of_seed, seeds)
        return
    # Not forked: whoever calls may have threads, and a lock that one of them holds would stay
    # locked in the fork for ever.
    anew = get_context("spawn")
    with ProcessPoolExecutor(workers, anew, initializer=quietly) as pool:
        try:
            yield from pool.map(of_seed, seeds, chunksize=1)
        finally:
            pool.shutdown(cancel_futures=True)
