"""Faults of the collector: killed in the middle of everything, and put back from a backup.

One fleet for both: each test begins with every node in the rotation, and leaves it so.
"""

import asyncio
import os
import pwd
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import anyio
import pytest
import pytest_asyncio

from demo import processes
from tests import fleet_bed, fleet_truth
from tests.fleet_bed import FleetBed, until

NODES = 4
CUTS = 4

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("fleet"),
    pytest.mark.timeout(300),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FleetBed]:
    async with fleet_bed.lent(tmp_path_factory.mktemp("collector"), nodes=NODES) as bed:
        yield bed


@pytest_asyncio.fixture(loop_scope="module")
async def bed(lent: FleetBed) -> FleetBed:
    await until(lent.all_in_rotation, NODES, seconds=60)
    return lent


async def power_cuts(bed: FleetBed) -> None:
    """At moments nobody chose; the last start may be quicker than the nodes come back."""
    for _ in range(CUTS):
        await anyio.sleep(random.uniform(0.0, 2.0))
        await bed.kill_collector()
        await anyio.sleep(random.uniform(0.0, 0.5))
        await bed.fleet.start_collector()
    await anyio.sleep(fleet_bed.GRACE_SECONDS)


async def test_killed_in_the_middle_of_everything(bed: FleetBed) -> None:
    """One node is dead, one paused, one listed and delisted meanwhile; the others send on."""
    dead, paused, listed, _ = sorted(bed.nodes)
    decided = len(fleet_truth.decisions(bed.fleet))
    await bed.kill_agent(dead)
    await until(lambda: bed.in_rotation(dead), False, seconds=60)
    await bed.pause(paused)
    await until(lambda: bed.is_silent(paused), seconds=30)
    before = fleet_truth.memberships(bed.fleet)
    rotations, pauses = fleet_truth.rotations(bed.fleet), fleet_truth.pauses(bed.fleet)

    cuts = asyncio.ensure_future(power_cuts(bed))
    await listed_and_delisted(bed, listed, paused=paused)
    await cuts
    await until(lambda: bed.in_rotation(listed), seconds=60)

    after = fleet_truth.memberships(bed.fleet)
    moved = {ip for ip in after if after[ip] != before[ip]}
    assert moved == {bed.nodes[listed].address}, "the cuts brought nobody in and put nobody out"
    assert fleet_truth.rotations(bed.fleet) == [*rotations, 1, 2]
    assert fleet_truth.pauses(bed.fleet) == pauses, "the very pause that was opened"
    assert await bed.is_silent(paused)

    await bed.fleet.start_agent(bed.nodes[dead])
    await bed.resume(paused)
    await until(bed.all_in_rotation, NODES, seconds=60)
    await bed.until_counted()
    # A slow machine makes the collector doubt its ears for a while before it believes the silence.
    doubted = (dead, "remove", "SILENCE withheld")
    made = [one for one in fleet_truth.decisions(bed.fleet)[decided:] if one != doubted]
    assert sorted(made) == [
        (dead, "admit", "SILENCE"),
        (dead, "remove", "SILENCE"),
        (paused, "admit", "OPERATOR"),
        (paused, "pause", "OPERATOR"),
        (paused, "resume", "OPERATOR"),
        (listed, "admit", "LISTED"),
        (listed, "pause", "LISTED"),
        (listed, "resume", "LISTED"),
        (listed, "step_back", "LISTED"),
    ]
    await until(lambda: undone(bed), [], seconds=30)
    for node in bed.nodes.values():
        told = fleet_truth.events_acknowledged(node)
        assert told <= fleet_truth.events_held(bed.fleet, node.name)


async def listed_and_delisted(bed: FleetBed, listed: str, *, paused: str) -> None:
    """A paused node's agent loses its memory of the collector's word meanwhile: it stays shut."""
    bed.world.dns.list(bed.nodes[listed].address)
    reloads = fleet_truth.reloads(bed.nodes[paused])
    await bed.restart_agent(paused)
    await until(lambda: bed.pauses(listed), ["LISTED"], seconds=60)
    await until(lambda: bed.is_silent(listed), seconds=60)
    bed.world.dns.delist(bed.nodes[listed].address)
    await until(lambda: bed.pauses(listed), [], seconds=60)
    assert fleet_truth.reloads(bed.nodes[paused]) == reloads, "nobody touched its Postfix"


async def undone(bed: FleetBed) -> list[tuple[object, ...]]:
    return fleet_truth.effects_not_done_once(bed.fleet)


async def test_restored_from_yesterday(bed: FleetBed, tmp_path: Path) -> None:
    """Nothing resumes by itself, and nothing counts twice."""
    listed, held, *free = sorted(bed.nodes)
    archive = tmp_path / "yesterday.tar"
    await mailfleet(bed, "backup", "create", str(archive))
    closed = len(lifted(bed))
    told = await live_on(bed)
    last_term = term(bed)

    await bed.kill_collector()
    await mailfleet(bed, "backup", "restore", "--force", str(archive))
    await bed.fleet.start_collector()
    await until(lambda: bed.pauses(held), ["RESTORED"], seconds=60)
    await until(lambda: bed.pauses(listed), ["LISTED", "RESTORED"], seconds=60)
    assert term(bed) > last_term
    await until(lambda: bed.of_all(bed.connected, free), seconds=60)
    # Events the later self had acknowledged are told once more.
    await until(lambda: missing(bed, told), {}, seconds=30)

    silent_since = [bed.sent(name) for name in (listed, held)]
    bed.world.dns.delist(bed.nodes[listed].address)
    await until(lambda: bed.pauses(listed), ["RESTORED"], seconds=60)
    await until(lambda: bed.of_all(bed.is_silent, (listed, held)), seconds=30)
    assert [bed.sent(name) for name in (listed, held)] == silent_since, "not one message left"
    assert [await bed.in_rotation(name) for name in sorted(bed.nodes)] == [False, False, True, True]
    assert [await bed.pauses(name) for name in free] == [[], []]

    said = await mailfleet(bed, "node", "resume", listed, "--reason", "looked at it")
    assert "RESTORED lifted" in said
    await until(lambda: bed.in_rotation(listed), seconds=60)
    assert await bed.pauses(held) == ["RESTORED"], "each is lifted for itself"
    await bed.until_sends(listed)
    me = pwd.getpwuid(os.getuid()).pw_name
    assert lifted(bed)[closed:] == [(listed, "LISTED", "automation"), (listed, "RESTORED", me)]

    await bed.resume(held)
    await bed.until_counted()


async def live_on(bed: FleetBed) -> dict[str, set[int]]:
    """What the backup does not know; the events the nodes were told are kept.

    The last node was paused and resumed since: its directive is ahead too, and silences nothing.
    """
    listed, held, *_, freed = sorted(bed.nodes)
    bed.world.dns.list(bed.nodes[listed].address)
    await bed.pause(held)
    await bed.pause(freed)
    await until(lambda: bed.of_all(bed.is_silent, (listed, held, freed)), seconds=60)
    await bed.resume(freed)
    await until(lambda: bed.in_rotation(freed), seconds=30)
    await bed.restart_collector()
    await until(lambda: bed.of_all(bed.connected, bed.nodes), seconds=60)
    await until(lambda: bed.of_all(bed.is_silent, (listed, held)), seconds=60)
    return {name: fleet_truth.events_acknowledged(node) for name, node in bed.nodes.items()}


async def mailfleet(bed: FleetBed, *words: str) -> str:
    """The command line, as a person types it on the collector."""
    environ = {**bed.fleet.environ, "MAILFLEET_CONTEXT": str(bed.fleet.context_file)}
    return (await processes.run(processes.python("collector.cli", *words), environ)).decode()


def term(bed: FleetBed) -> int:
    ((value,),) = fleet_truth.journal(bed.fleet, "SELECT value FROM meta WHERE key = 'term'")
    return int(value)


async def missing(bed: FleetBed, told: Mapping[str, set[int]]) -> dict[str, set[int]]:
    held = {name: fleet_truth.events_held(bed.fleet, name) for name in told}
    return {name: ids - held[name] for name, ids in told.items() if ids - held[name]}


def lifted(bed: FleetBed) -> list[tuple[str, str, str]]:
    """Every pause that was ever closed, and who closed it."""
    return [
        (name, reason, by)
        for name, reason, by in fleet_truth.journal(
            bed.fleet,
            "SELECT name, reason, closed_by FROM pauses JOIN nodes ON nodes.id = node_id"
            " WHERE closed_at IS NOT NULL ORDER BY closed_at",
        )
    ]
