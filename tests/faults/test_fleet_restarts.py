"""The collector is killed and started again in the middle of everything, and nothing changes by it.

A node gets listed, paused, delisted and admitted meanwhile, and mail goes on.
"""

import random
from pathlib import Path

import anyio
import pytest

from tests import fleet_bed, fleet_truth
from tests.fleet_bed import FleetBed, until

ROUNDS = 2
LISTED = "node-02"

pytestmark = [pytest.mark.xdist_group("fleet"), pytest.mark.timeout(240)]


async def power_cuts(bed: FleetBed) -> None:
    """At moments nobody chose; the last start may be quicker than the nodes come back."""
    for _ in range(ROUNDS):
        await anyio.sleep(random.uniform(0.0, 3.0))
        await bed.restart_collector()


async def test_killed_in_the_middle_of_everything(tmp_path: Path) -> None:
    async with fleet_bed.running(tmp_path, nodes=3) as bed:
        fleet, address = bed.fleet, bed.nodes[LISTED].address
        before = fleet_truth.memberships(fleet)

        bed.world.dns.list(address)
        await power_cuts(bed)
        await until(lambda: bed.is_silent(LISTED), seconds=60)
        (pause,) = fleet_truth.journal(fleet, "SELECT id FROM pauses WHERE closed_at IS NULL")

        await power_cuts(bed)
        await until(lambda: bed.is_silent(LISTED), seconds=60)
        standing = fleet_truth.journal(fleet, "SELECT id FROM pauses WHERE closed_at IS NULL")
        assert standing == [pause], "the very pause that was opened survives"

        bed.world.dns.delist(address)
        await power_cuts(bed)
        await until(lambda: bed.in_rotation(LISTED), seconds=90)
        await anyio.sleep(fleet_bed.GRACE_SECONDS)
        bed.world.per_second = 0.0
        await until(bed.in_step, {}, seconds=40)

        after = fleet_truth.memberships(fleet)
        assert after.pop(address)[0] == 1
        assert after == {ip: stood for ip, stood in before.items() if ip != address}
        assert fleet_truth.rotations(fleet)[-3:] == [3, 2, 3], "out once, in once"
        assert decided(bed) == [
            *((name, "admit", "SILENCE") for name in sorted(bed.nodes)),
            (LISTED, "pause", "LISTED"),
            (LISTED, "resume", "LISTED"),
            (LISTED, "admit", "LISTED"),
        ]
        assert fleet_truth.effects_not_done_once(fleet) == []
        for node in bed.nodes.values():
            told = fleet_truth.events_acknowledged(node)
            assert told <= fleet_truth.events_held(fleet, node.name)


def decided(bed: FleetBed) -> list[tuple[str, str, str]]:
    """Every decision there is, the first admissions by name."""
    found = fleet_truth.decisions(bed.fleet)
    first = len(bed.nodes)
    return sorted(found[:first]) + found[first:]
