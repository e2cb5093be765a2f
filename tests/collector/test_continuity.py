"""Two processes of one node, from copies of one state, in every order of what can happen to them
and to the collector: no line of the log is counted twice, and none is left out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from itertools import pairwise
from typing import NamedTuple

import pytest

from collector import continuity
from collector.continuity import Asked
from collector.core.heartbeat import Account, Hello

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
NODE = "node"
LINES_MAX = 3


class Stream(NamedTuple):
    """In which epoch heartbeats count; or which one is over, and where the next is to begin.
    `is_dead`: another took the node, and its process does not know yet."""

    is_dead: bool = False
    counts: str = ""
    over: str = ""
    asked: int | None = None


class Process(NamedTuple):
    """An agent: it has read so many lines of the log, and its epoch counts those after `begun`."""

    name: str
    run: int = 0
    epochs: int = 0
    epoch: str = "copied"
    sequence: int = 1
    begun: int = 0
    read: int = 1
    stream: Stream | None = None

    def hello(self) -> Hello:
        return Hello(
            node_id=NODE,
            agent_version="1",
            machine_id="machine",
            boot_id="boot",
            run_id=f"{self.name}-{self.run}",
            epoch=self.epoch,
            sequence=self.sequence,
            counted_from=NOON,
            applied=None,
            term_highest=0,
            capabilities=(),
            sent_at=NOON,
            received_at=NOON,
            hostname="node",
            addresses=(),
        )

    def begins(self, at: int) -> "Process":
        return self._replace(
            epoch=f"{self.name}-{self.epochs}",
            epochs=self.epochs + 1,
            sequence=0,
            begun=at,
            read=at,
        )


class World(NamedTuple):
    """`lines`: of the log. `counted`: in each epoch, from which line to which."""

    account: Account
    processes: tuple[Process, Process]
    counted: tuple[tuple[str, int, int], ...] = (("copied", 0, 1),)
    asked: Asked | None = None
    lines: int = 1

    def put(self, process: Process) -> "World":
        kept = (process if one.name == process.name else one for one in self.processes)
        first, second = kept
        return self._replace(processes=(first, second))

    def other(self, process: Process) -> Process:
        (other,) = (one for one in self.processes if one.name != process.name)
        return other


def beginning() -> World:
    account = Account(
        node_id=NODE,
        machine_id="machine",
        epoch="copied",
        sequence=1,
        counted_to=NOON,
        log_position=bytes([1]),
        order=None,
        lifecycle="active",
        addresses=(),
    )
    return World(account, (Process("one"), Process("two")))


# --- what happens -------------------------------------------------------------------------------


def a_line(world: World, _: Process) -> World:
    return world._replace(lines=min(world.lines + 1, LINES_MAX))


def and_the_collector_restart(world: World, _: Process) -> World:
    for process in world.processes:
        world = world.put(process._replace(stream=None))
    return world._replace(asked=None)


def and_the_journal_is_put_back(world: World, _: Process) -> World:
    """As it was in the beginning; the collector is not running meanwhile."""
    before = beginning()
    world = world._replace(account=before.account, counted=before.counted)
    return and_the_collector_restart(world, _)


def greets(world: World, process: Process) -> World:
    """The other's stream ends, if it had one."""
    other, hello, account = world.other(process), process.hello(), world.account
    is_other = other.stream is not None and not other.stream.is_dead
    if is_other:
        world = world.put(other._replace(stream=Stream(is_dead=True)))
    goes_on = continuity.may_count(account, hello, asked=world.asked, is_other=is_other)
    if goes_on and (begun := _begin(world, process)):
        world, stream = begun._replace(asked=None), Stream(counts=process.epoch)
    else:
        world = world._replace(asked=Asked(run_id=hello.run_id, epoch=hello.epoch))
        stream = Stream(over=process.epoch, asked=account.log_position[0])
    return world.put(process._replace(stream=stream))


def hears(world: World, process: Process) -> World:
    """That a new epoch is asked for, and begins it."""
    assert process.stream is not None
    assert process.stream.asked is not None
    begun = process.begins(process.stream.asked)
    return world.put(begun._replace(stream=process.stream._replace(asked=None)))


def reads(world: World, process: Process) -> World:
    return world.put(process._replace(read=world.lines))


def beats(world: World, process: Process) -> World:
    """What it read arrives, and is committed before anybody else is greeted."""
    process, stream = process._replace(sequence=process.sequence + 1), process.stream
    assert stream is not None
    world = world.put(process)
    if process.epoch == stream.over:
        return world
    if process.epoch != stream.counts:
        begun = _begin(world, process)
        if begun is None:
            return world.put(process._replace(stream=None))
        process = process._replace(stream=stream._replace(counts=process.epoch))
        world = begun.put(process)
    return _committed(world, process)


def reads_and_beats(world: World, process: Process) -> World:
    return beats(world, process._replace(read=world.lines))


def beats_in_vain(world: World, process: Process) -> World:
    """Its stream is gone, or breaks meanwhile."""
    return world.put(process._replace(sequence=process.sequence + 1, stream=None))


def beats_unheard(world: World, process: Process) -> World:
    """It does not know yet that another took the node."""
    return beats_in_vain(world, process)


def breaks(world: World, process: Process) -> World:
    """Its stream."""
    return world.put(process._replace(stream=None))


def restarts(world: World, process: Process) -> World:
    return world.put(process._replace(run=process.run + 1, stream=None))


def loses_its_state(world: World, process: Process) -> World:
    """It begins anew at the end of the log."""
    anew = process._replace(run=process.run + 1, stream=None)
    return world.put(anew.begins(world.lines))


def _begin(world: World, process: Process) -> World | None:
    """As the journal does; None: that epoch was begun before."""
    account = world.account
    if process.epoch == account.epoch:
        return world
    if any(process.epoch == name for name, _, _ in world.counted):
        return None
    return world._replace(
        account=replace(account, epoch=process.epoch, sequence=0),
        counted=(*world.counted, (process.epoch, process.begun, process.begun)),
    )


def _committed(world: World, process: Process) -> World:
    account = world.account
    if process.sequence <= account.sequence:
        return world
    return world._replace(
        account=replace(
            account,
            sequence=process.sequence,
            log_position=bytes([process.read]),
        ),
        counted=tuple(
            (name, begun, max(upto, process.read) if name == process.epoch else upto)
            for name, begun, upto in world.counted
        ),
    )


Happening = Callable[[World, Process], World]
COMMON = (greets, hears, a_line, reads_and_beats)


def may(process: Process, happening: Happening) -> bool:
    stream = process.stream
    if happening is hears:
        return stream is not None and stream.asked is not None
    if happening in (beats, reads_and_beats):
        return stream is not None and not stream.is_dead
    if happening is beats_unheard:
        return stream is not None and stream.is_dead
    return happening is not beats_in_vain or stream is not None


def next_ones(world: World, happenings: Sequence[Happening]) -> Iterator[tuple[str, World]]:
    for process in world.processes:
        for happening in happenings:
            if may(process, happening):
                yield f"{process.name} {happening.__name__}", happening(world, process)


# --- what must be so ----------------------------------------------------------------------------


def wrong(world: World) -> str:
    spans = sorted((begun, upto) for _, begun, upto in world.counted if upto > begun)
    for (_, before), (begun, _) in pairwise(spans):
        if begun < before:
            return f"lines counted twice: {world.counted}"
        if begun > before:
            return f"lines left out: {world.counted}"
    if spans[-1][1] > world.account.log_position[0]:
        return f"lines after the account's end would count twice: {world.counted}"
    return ""


@pytest.mark.parametrize(
    "happenings, steps",
    [
        ((*COMMON, breaks, loses_its_state, and_the_collector_restart), 8),
        ((*COMMON, beats_in_vain, loses_its_state, and_the_journal_is_put_back), 7),
        ((greets, hears, a_line, reads, beats, beats_unheard, restarts, breaks), 8),
    ],
)
def test_every_line_is_counted_once_in_every_order_of_what_happens(
    happenings: Sequence[Happening], steps: int
) -> None:
    edge: list[tuple[tuple[str, ...], World]] = [((), beginning())]
    seen = {edge[0][1]}
    for _ in range(steps):
        found = []
        for path, world in edge:
            for name, after in next_ones(world, happenings):
                if after not in seen:
                    seen.add(after)
                    found.append(((*path, name), after))
                    assert not wrong(after), "; ".join((*path, name, wrong(after)))
        edge = found
