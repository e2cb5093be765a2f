"""Faults in a running fleet: of single nodes all at once, of all nodes together, of strangers.

Nobody loses the rotation by a fault that is not the node's own.
"""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from demo.processes import ChildError
from tests import fleet_bed, fleet_truth
from tests.faults import fleet_cases
from tests.fleet_bed import FleetBed, until

NODES = len(fleet_cases.ALL)
POLICY = replace(fleet_bed.PATIENT, freeze_ends_after=timedelta(seconds=6))
BRAKE = f"zone-brake:{fleet_cases.ZONE}"
Cases = Mapping[str, asyncio.Task[None]]

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("fleet"),
    pytest.mark.timeout(300),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FleetBed]:
    folder = tmp_path_factory.mktemp("faults")
    async with fleet_bed.lent(folder, nodes=NODES, policy=POLICY) as bed:
        yield bed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cases(lent: FleetBed) -> AsyncIterator[Cases]:
    """Begun together: each waits most of its time."""
    tasks = {case.__name__: asyncio.ensure_future(case(lent)) for case in fleet_cases.ALL}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest_asyncio.fixture(loop_scope="module")
async def bed(lent: FleetBed, cases: Cases) -> FleetBed:
    """After the single nodes' faults, with every node in the rotation."""
    await asyncio.wait(cases.values())
    await until(lent.all_in_rotation, NODES, seconds=60)
    return lent


@pytest.mark.parametrize("case", [case.__name__ for case in fleet_cases.ALL])
async def test_side_by_side(cases: Cases, case: str) -> None:
    await cases[case]


async def test_silent_together_removes_nobody(bed: FleetBed) -> None:
    """Three of six at one moment: rather our ears than their mouths."""
    together = sorted(bed.nodes)[:3]
    before, seen = fleet_truth.rotations(bed.fleet), len(fleet_truth.decisions(bed.fleet))

    async def decided() -> list[tuple[str, str, str]]:
        return sorted(fleet_truth.decisions(bed.fleet)[seen:])

    withheld = [(name, "remove", "SILENCE withheld") for name in together]
    for name in together:
        bed.fleet.agents[name].signal(signal.SIGSTOP)
    try:
        await until(lambda: bed.has_alert("detector:silence"), seconds=30)
        await until(decided, withheld, seconds=30)
        assert await members(bed) == sorted(bed.nodes)
    finally:
        for name in together:
            bed.fleet.agents[name].signal(signal.SIGCONT)
    await until(lambda: bed.has_alert("detector:silence"), False, seconds=60)
    assert fleet_truth.rotations(bed.fleet) == before
    assert await decided() == withheld


async def test_a_zone_that_lists_everybody_is_held(bed: FleetBed) -> None:
    """The brake holds its pauses and puts back the first ones; with the listings it lets go."""
    for node in bed.nodes.values():
        bed.world.dns.list(node.address, "127.0.0.3")
    await until(lambda: bed.has_alert(BRAKE), seconds=60)
    await until(lambda: bed.of_all(bed.is_listed, bed.nodes), seconds=60)
    await until(lambda: members(bed), sorted(bed.nodes), seconds=60)
    assert [await bed.pauses(name) for name in bed.nodes] == [[]] * NODES

    for node in bed.nodes.values():
        bed.world.dns.delist(node.address)
    await until(lambda: bed.has_alert(BRAKE), False, seconds=60)
    await until(lambda: listed(bed), [], seconds=60)


async def test_lifting_stop_sending_restores_exactly(bed: FleetBed) -> None:
    """Who was paused before stays paused, everybody else sends again."""
    paused, others = "node-05", sorted(set(bed.nodes) - {"node-05"})
    await bed.pause(paused)
    await bed.switch("sending", stop=True)
    await until(lambda: bed.of_all(bed.is_silent, bed.nodes), seconds=60)
    await bed.switch("sending", stop=False)
    for name in others:
        await bed.until_sends(name)
    await until(lambda: bed.is_silent(paused), seconds=30)
    assert await members(bed) == others
    await bed.resume(paused)
    await bed.until_sends(paused)


async def listed(bed: FleetBed) -> list[str]:
    return [name for name in sorted(bed.nodes) if await bed.is_listed(name)]


async def members(bed: FleetBed) -> list[str]:
    """Who is in the rotation."""
    return [name for name in sorted(bed.nodes) if await bed.in_rotation(name)]


async def test_revocation_ends_the_stream_at_once(bed: FleetBed) -> None:
    """Within a second; the agent says why, and is refused from then on. Audited."""
    name, node = "node-06", bed.nodes["node-06"]
    connected = fleet_truth.said(bed.fleet, name, "connected")
    assert len(connected) == 1, "the faults of others did not disturb it"

    asked_at = datetime.now(UTC)
    body = {"reason": "a test", "max_affected": 1}
    await bed.fleet.post(f"/nodes/{name}/revoke", body)
    await until(lambda: bed.is_refused(node, "REVOKED"), seconds=30)
    (lost,) = fleet_truth.said(bed.fleet, name, "no stream to the collector")
    assert datetime.fromisoformat(lost["timestamp"]) - asked_at < timedelta(seconds=1)
    assert "REVOKED" in lost["problem"]

    await bed.restart_agent(name)
    await until(lambda: bed.is_refused(node, "REVOKED"), seconds=30)
    audited = fleet_truth.audited(bed.fleet, fleet_truth.node_id(node))
    assert {("revoke", ""), ("refused", "REVOKED")} <= audited
    await bed.enrol_again(name)
    await bed.restart_agent(name)
    # Whoever was revoked gets mail again on a person's word alone.
    assert await bed.pauses(name) == ["OPERATOR"]
    await bed.resume(name)
    await until(lambda: bed.in_rotation(name), seconds=60)


async def test_a_stranger_is_told_why_it_may_not_enrol(bed: FleetBed) -> None:
    """By the real process, with its exit status; audited, and nobody else notices."""
    folder = bed.fleet.folder / "stranger"
    stranger = replace(bed.nodes["node-01"], name="stranger", folder=folder, address="192.0.2.99")
    used, expired, elsewhere = [await bed.token() for _ in range(3)]
    await bed.enrol_with(stranger, used)
    fleet_truth.expire(bed.fleet, expired)
    elsewhere = f"{elsewhere.rpartition('.')[0]}.{'0' * 64}"
    refusals = {
        used: "exited 5.*TOKEN_USED",
        expired: "exited 5.*TOKEN_EXPIRED",
        elsewhere: "exited 6.*not the one this token was made for",
        "mft1.cut-off": "copy the whole line",
    }
    for token, said in refusals.items():
        with pytest.raises(ChildError, match=re.compile(said, re.DOTALL)):
            await bed.enrol_with(stranger, token, "--again")
    audited = fleet_truth.audited(bed.fleet, "127.0.0.1")
    assert {("refused", "TOKEN_USED"), ("refused", "TOKEN_EXPIRED")} <= audited
    assert await members(bed) == sorted(bed.nodes)
