"""The disk of a node's state is full: it stops counting, says so to whom it concerns, and goes on
without loss when there is room again."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from demo import grammar
from demo.fleet import Node
from demo.grammar import Attempt, Message, Voice
from tests import fleet_bed, fleet_truth
from tests.fleet_bed import FleetBed, until

pytestmark = [
    pytest.mark.needs("root"),
    pytest.mark.xdist_group("fleet"),
    pytest.mark.timeout(300),
]

DISK = "size=3m"
# More recipients deferred at once than the room that was taken beforehand can remember.
DEFERRED = 150_000
A_WRITE = 5_000
# The collector asks every minute whose agent has a problem.
ALERTED_WITHIN_SECONDS = 100.0


@asynccontextmanager
async def small_disk(bed: FleetBed, name: str) -> AsyncIterator[Path]:
    """The node's state, as it was, on a disk of its own."""
    await bed.kill_agent(name)
    folder = bed.nodes[name].folder / "state"
    kept = folder.with_name("state before")
    folder.rename(kept)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "none", str(folder)], check=True)
    try:
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        await bed.fleet.start_agent(bed.nodes[name])
        yield folder
        await bed.kill_agent(name)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    assert os.statvfs(disk).f_bavail == 0
    return path


async def defer(node: Node) -> None:
    """Lines of a day when a receiver wants nothing, written as fast as they come."""
    voice, at = Voice(hostname=node.name), datetime.now(UTC)
    for first in range(0, DEFERRED, A_WRITE):
        lines = []
        for number in range(first, first + A_WRITE):
            at += timedelta(microseconds=10)
            queue_id = grammar.queue_id(at, number)
            message = Message(queue_id=queue_id, sender="s@shop.example", message_id=queue_id)
            attempt = Attempt(
                recipient=f"u{number}@slow.example",
                relay="mx.slow.example[203.0.113.7]:25",
                status="deferred",
            )
            lines.append(grammar.delivery(voice, at, message=message, attempt=attempt))
        with node.log.open("ab") as file:
            file.write(b"".join(lines))
        await anyio.lowlevel.checkpoint()


async def test_counting_stops_with_an_alert_and_resumes_without_loss(tmp_path: Path) -> None:
    async with fleet_bed.running(tmp_path, nodes=1) as bed:
        (name,) = bed.nodes
        node = bed.nodes[name]
        key = f"counting:{fleet_truth.node_id(node)}"
        async with small_disk(bed, name) as disk:
            await until(lambda: bed.connected(name), seconds=60)
            filler = fill(disk)
            await defer(node)
            await stopped(bed, name)
            await until(lambda: bed.has_alert(key), seconds=ALERTED_WITHIN_SECONDS)
            await shown(bed, name)
            await again_while_full(bed, name, disk)
            filler.unlink()
            await bed.until_counted(name)

            async def problems() -> object:  # without one, the alert goes at the next look
                return (await bed.node(name))["latest"]["agent"]["problems"]

            await until(problems, [], seconds=60)


async def stopped(bed: FleetBed, name: str) -> None:
    """By what the agent says on its node, of what it does not count."""

    async def said() -> bool:
        problems = fleet_truth.status(bed.nodes[name])["problems"]
        return any("counting the log" in problem for problem in problems)

    await until(said, seconds=60)
    counted = sum(fleet_truth.totals(bed.fleet, name)[1].values())
    assert counted < DEFERRED


async def again_while_full(bed: FleetBed, name: str, disk: Path) -> None:
    """Stopped in order or killed: it comes up without a free block, says what it lacks, and counts
    nothing it could not keep."""
    node, counted = bed.nodes[name], fleet_truth.totals(bed.fleet, name)[1]
    for is_killed in (False, True):
        before = fleet_truth.status(node)["acknowledged"]
        if is_killed:
            await bed.kill_agent(name)
        else:
            await bed.fleet.agents[name].stop()
        fill(disk)
        await bed.fleet.start_agent(bed.nodes[name])

        async def told(before: int = before) -> bool:
            problems = (await bed.node(name))["latest"]["agent"]["problems"]
            is_heard = fleet_truth.status(node)["acknowledged"] > before + 1
            return is_heard and any("No space left" in one for one in problems)

        await until(told, seconds=60)
    assert fleet_truth.totals(bed.fleet, name)[1] == counted


async def shown(bed: FleetBed, name: str) -> None:
    """To the operator."""
    node = await bed.node(name)
    (alert,) = (one for one in node["alerts"] if one["key"].startswith("counting:"))
    assert f"{name} cannot count its mail: state: " in alert["text"]
    assert "No space left" in alert["text"]
