"""Faults of single nodes: each case has a node of its own, so that all can happen at once.

Every case leaves its node as it found it: sending, in the rotation.
"""

import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio

from tests import fleet_truth
from tests.fleet_bed import FleetBed, until

DUPLICATE = "DUPLICATE_IDENTITY"
ZONE = "zen.spamhaus.org"
Case = Callable[[FleetBed], Awaitable[None]]


async def a_snapshot_put_back_while_paused(bed: FleetBed) -> None:
    """Totals over both epochs are the log's, and the old directive opens nothing."""
    name, node = "node-01", bed.nodes["node-01"]
    fleet_truth.copy_state(node, node.folder / "an hour ago")
    await bed.until_sends(name)
    await bed.pause(name)
    await until(lambda: bed.is_silent(name), seconds=60)

    await bed.kill_agent(name)
    reloads = fleet_truth.reloads(node)
    fleet_truth.put_state_back(node, node.folder / "an hour ago")
    await bed.fleet.start_agent(node)
    await until(lambda: bed.epochs(name), 2, seconds=60)
    await until(lambda: bed.is_silent(name), seconds=60)
    sent = bed.sent(name)
    await anyio.sleep(3)
    assert fleet_truth.reloads(node) == reloads, "nobody touched Postfix"
    assert bed.sent(name) == sent

    await bed.resume(name)
    await bed.until_sends(name)
    await bed.until_counted(name)


async def a_snapshot_whose_log_is_gone(bed: FleetBed) -> None:
    """What nobody can count any more is said to be missing, with its time; the rest is right."""
    name, node = "node-02", bed.nodes["node-02"]
    fleet_truth.copy_state(node, node.folder / "an hour ago")
    await bed.until_sends(name)
    await bed.until_counted(name)

    await bed.kill_agent(name)
    lost_from = datetime.now(UTC)
    await bed.until_sends(name)
    _, counted = fleet_truth.totals(bed.fleet, name)
    lost_to = datetime.now(UTC) - timedelta(seconds=1)  # the log's own times are a little behind
    node.log.unlink()
    await until(lambda: anyio.Path(node.log).exists(), seconds=30)
    fleet_truth.put_state_back(node, node.folder / "an hour ago")
    await bed.fleet.start_agent(node)
    await until(lambda: bed.epochs(name), 2, seconds=60)
    await bed.until_sends(name)
    sent = bed.sent(name)

    async def counts_the_new_log() -> bool:
        offset, sums = fleet_truth.totals(bed.fleet, name)
        after = fleet_truth.recount(node.log, offset)
        if sums == counted:
            return False
        assert sums == Counter(counted) + Counter(after)
        return after.get("sent", 0) >= sent

    await until(counts_the_new_log, seconds=60)
    gaps = fleet_truth.gaps(bed.fleet, name)
    assert any(begin <= lost_from and lost_to <= end for begin, end in gaps), gaps


async def two_processes_of_one_machine(bed: FleetBed) -> None:
    """The newer wins; when they take turns both are out, and a person must look."""
    name, node = "node-03", bed.nodes["node-03"]
    bed.fleet.agents[name].signal(signal.SIGSTOP)
    twin = await bed.clone(name, same_machine=True)
    await bed.fleet.start_agent(twin)
    await until(lambda: hostname(bed, name), twin.name, seconds=60)

    bed.fleet.agents[name].signal(signal.SIGCONT)
    await until(lambda: bed.is_refused(node, DUPLICATE), seconds=60)
    await until(lambda: bed.is_refused(twin, DUPLICATE), seconds=60)
    assert fleet_truth.alerts(bed.fleet)[f"duplicate:{fleet_truth.node_id(node)}"] == "high"
    await bed.kill_agent(twin.name)
    await bed.kill_agent(name)

    # A person stopped the one and enrols the other anew: it is the same node.
    await bed.enrol_again(name)
    await bed.fleet.start_agent(node)
    await until(lambda: bed.in_rotation(name), seconds=60)
    await bed.until_counted(name)


async def a_disk_cloned_to_another_machine(bed: FleetBed) -> None:
    """The older keeps the node and does not even notice; the newer is told what helps."""
    name = "node-04"
    twin = await bed.clone(name, same_machine=False)
    await bed.fleet.start_agent(twin)
    await until(lambda: bed.is_refused(twin, DUPLICATE), seconds=60)
    assert "enrol" in fleet_truth.status(twin)["uplink_problem"]
    assert fleet_truth.alerts(bed.fleet)[f"duplicate:{fleet_truth.node_id(twin)}"] == "high"
    await bed.kill_agent(twin.name)
    assert await hostname(bed, name) == name
    assert len(fleet_truth.said(bed.fleet, name, "connected")) == 1


async def an_agent_killed_while_paused(bed: FleetBed) -> None:
    """Again and again: Postfix stays closed, and is not even touched."""
    name, node = "node-05", bed.nodes["node-05"]
    await bed.pause(name)
    await until(lambda: bed.is_silent(name), seconds=60)
    await anyio.sleep(2)  # what was in flight has ended
    sent, reloads = bed.sent(name), fleet_truth.reloads(node)
    for _ in range(3):
        await bed.restart_agent(name)
    await until(lambda: bed.connected(name), seconds=60)
    await until(lambda: bed.is_silent(name), seconds=60)
    assert (bed.sent(name), fleet_truth.reloads(node)) == (sent, reloads)
    await bed.resume(name)
    await bed.until_sends(name)
    await bed.until_counted(name)


async def a_zone_that_cannot_be_believed(bed: FleetBed) -> None:
    """Unknown neither lists nor clears, a zone gone mad lists nobody, and a delisting ends the
    listing's pause, never a person's. While automation is stopped, a listing is only noted."""
    name, node = "node-06", bed.nodes["node-06"]
    await bed.switch("automation", stop=True)
    bed.world.dns.list(node.address)
    await until(lambda: bed.decided(name), ["pause LISTED withheld"], seconds=60)
    assert await bed.pauses(name) == []
    await bed.switch("automation", stop=False)
    await until(lambda: bed.pauses(name), ["LISTED"], seconds=60)
    await bed.pause(name)
    for mood, why in ((bed.world.dns.refuse, "refused"), (bed.world.dns.mad, "127.0.0.1 listed")):
        mood()
        await until(partial(bed.is_unknown, name, why), seconds=60)
        assert await bed.pauses(name) == ["LISTED", "OPERATOR"]
    assert (await bed.zone(name))["rounds"] >= 2
    assert f"quarantine:{ZONE}:{fleet_truth.node_id(node)}" in fleet_truth.alerts(bed.fleet)

    bed.world.dns.delist(node.address)
    bed.world.dns.normal()
    await until(lambda: bed.pauses(name), ["OPERATOR"], seconds=60)
    await until(lambda: bed.is_silent(name), seconds=60)
    assert not await bed.in_rotation(name)
    await bed.resume(name)
    await until(lambda: bed.in_rotation(name), seconds=60)


async def hostname(bed: FleetBed, name: str) -> object:
    """As the node's last Hello gave it: who of two speaks."""
    return (await bed.node(name))["hostname"]


ALL: tuple[Case, ...] = (
    a_snapshot_put_back_while_paused,
    a_snapshot_whose_log_is_gone,
    two_processes_of_one_machine,
    a_disk_cloned_to_another_machine,
    an_agent_killed_while_paused,
    a_zone_that_cannot_be_believed,
)
