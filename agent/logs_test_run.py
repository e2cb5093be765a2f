"""`mailfleet-agent logs-test`: reads the files named, and shows what was found."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from agent import logs_test, logs_test_input
from agent.logs_test import Judge, Totals
from agent.logs_test_events import event_of
from agent.logs_test_input import InputError
from agent.maillog.times import LineClock

Seen = Callable[[int], object]
ROWS_MAX = 32
_TABLES = (
    ("by_status", "status"),
    ("by_class", "class"),
    ("by_receiver", "receiver"),
    ("by_daemon", "daemon"),
    ("by_host", "host"),
    ("messages", "messages"),
    ("trouble", "complaints"),
    ("unknown_by_daemon", "not understood, by daemon"),
)


class Reading(NamedTuple):
    """`seen` is told bytes read; `problems` is given what could not be read, or not to its end."""

    names: Sequence[str]
    seen: Seen
    problems: list[str]

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        for name in self.names:
            try:
                yield from logs_test_input.blocks(name, seen=self.seen)
            except InputError as error:
                self.problems.append(str(error))


def totals(reading: Reading) -> dict[str, object]:
    """Of all files together."""
    found, judge, began = Totals(), Judge(), time.perf_counter()
    for block, overlong in reading.blocks():
        logs_test.add(found, block, overlong=overlong, judge=judge)
    seconds = time.perf_counter() - began
    told = logs_test.as_json(found, names=reading.names, seconds=seconds)
    return told | {"problems": reading.problems}


def events(reading: Reading, *, now: datetime) -> Iterator[dict[str, object]]:
    """Every delivery line, in order."""
    judge, clock = Judge(), LineClock(now)
    for block, _ in reading.blocks():
        for line in block.split(b"\n"):
            told = event_of(line, judge=judge, clock=clock)
            if told is not None:
                yield told


def table(found: Mapping[str, object]) -> Iterator[str]:
    """The totals for people, a line each."""
    yield f"{found['lines']} lines in {found['seconds']} s: {found['lines_per_second']} a second"
    yield f"{found['deliveries']} deliveries, {found['counted']} of them count at a receiver"
    share = found["unparsed_share"]
    assert isinstance(share, float)
    yield f"{found['unparsed']} lines of Postfix not understood ({share:.3%})"
    yield f"{found['other_programs']} lines of other programs, {found['overlong']} too long"
    for key, title in _TABLES:
        counts = found[key]
        assert isinstance(counts, dict)
        if counts:
            yield f"\n{title}"
            yield from (f"{count:10}  {name}" for name, count in _top(counts))
    newest = found["newest_unknown"]
    assert isinstance(newest, list)
    if newest:
        yield "\nthe newest that were not understood"
        yield from (f"  {line}" for line in newest)


def _top(counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    rows = list(counts.items())
    yield from rows[:ROWS_MAX]
    if len(rows) > ROWS_MAX:
        yield f"{len(rows) - ROWS_MAX} more", sum(count for _, count in rows[ROWS_MAX:])
