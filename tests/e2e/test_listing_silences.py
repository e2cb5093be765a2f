"""Real Postfix, real rbldnsd, real mTLS: a listed address falls silent, and comes back."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from demo import pace
from demo.fleet import Fleet, Node
from tests import fleet_bed, postfix_bed
from tests.fleet_bed import until
from tests.postfix_bed import PostfixBed
from tests.rbldnsd_bed import Rbldnsd

ADDRESS = "198.51.100.7"
DOMAINS = ("sink.test", "google.test", "relay.test")
OUTBOUND = re.compile(r"^(\w+ +\d+ [\d:]{8}) \S+ [\w./-]*/(?:smtp|lmtp)\[\d+\]: .*delays=([\d./]+)")
RELOAD = re.compile(r"^(\w+ +\d+ [\d:]{8}) \S+ postfix/master\[\d+\]: reload -- version")


@asynccontextmanager
async def mailing(bed: PostfixBed) -> AsyncIterator[None]:
    """Mail for several transports, injected all the while, as a platform does."""

    async def send() -> None:
        while True:
            for domain in DOMAINS:
                await anyio.to_thread.run_sync(lambda to: bed.send(2, to=to), f"u@{domain}")
            await anyio.sleep(0.2)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        yield
        tasks.cancel_scope.cancel()


def moment(text: str) -> datetime:
    return datetime.strptime(f"2026 {text}", "%Y %b %d %H:%M:%S")  # noqa: DTZ007


def begun_after_reload(lines: list[str]) -> list[str]:
    """Deliveries that began more than the doubtful second after the last reload line."""
    reloads = [moment(found[1]) for line in lines if (found := RELOAD.match(line))]
    assert reloads, "Postfix was told to reload"
    late = []
    for line in lines:
        if found := OUTBOUND.match(line):
            *_, connecting, transmitting = map(float, found[2].split("/"))
            began = moment(found[1]) - timedelta(seconds=connecting + transmitting)
            if began > reloads[-1] + timedelta(seconds=1):
                late.append(line)
    return late


@pytest.mark.needs("root", "postfix", "rbldnsd")
@pytest.mark.timeout(120)
async def test_a_listed_address_falls_silent_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "dns").mkdir()
    with Rbldnsd(tmp_path / "dns") as zone, postfix_bed.running() as postfix:
        fleet = Fleet(tmp_path / "fleet", nameserver=zone.address, policy=pace.DEMO)
        helper = fleet.sockets / "helper.sock"
        node = Node(
            name="mx1",
            address=ADDRESS,
            folder=tmp_path / "mx1",
            log=postfix.log,
            queue=postfix.queue,
            helper=helper,
        )
        bed = fleet_bed.FleetBed(fleet=fleet, world=None, nodes={"mx1": node})  # type: ignore[arg-type]
        with postfix_bed.helper(postfix.config, helper):
            try:
                await fleet.found()
                await fleet.start_collector()
                await bed.act()
                await fleet.enrol(node)
                await fleet.start_agent(node)
                await until(lambda: bed.in_rotation("mx1"))
                await listed_and_delisted(bed, postfix, zone)
            finally:
                await fleet.stop()


async def listed_and_delisted(bed: fleet_bed.FleetBed, postfix: PostfixBed, zone: Rbldnsd) -> None:
    async with mailing(postfix):
        await until(lambda: delivering(postfix, more_than=20))
        zone.list(ADDRESS, "127.0.0.2")
        await until(lambda: bed.is_silent("mx1"), seconds=40)
        # Mail goes on coming in; none of it may leave.
        await anyio.sleep(4)
        assert begun_after_reload(postfix.lines()) == []
        assert postfix.messages("deferred") > 0
        assert await bed.status("mx1") == "paused"
        assert not await bed.in_rotation("mx1")
        await explains_itself(bed)
        await counts_agree(bed, postfix)

        before = len(postfix.delivered())
        zone.delist(ADDRESS)
        await until(lambda: bed.status("mx1"), "active", seconds=40)
        await until(lambda: bed.in_rotation("mx1"))
        await until(lambda: delivering(postfix, more_than=before + 20))


async def delivering(postfix: PostfixBed, *, more_than: int) -> bool:
    return len(postfix.delivered()) > more_than


async def explains_itself(bed: fleet_bed.FleetBed) -> None:
    """Zone, code and meaning, sentinels, second look, decision."""
    why = str(await bed.fleet.get("/why/mx1"))
    for part in ("zen.spamhaus.org", "127.0.0.2", "SBL", "sentinels", "LISTED", "resolver"):
        assert part in why, why


async def counts_agree(bed: fleet_bed.FleetBed, postfix: PostfixBed) -> None:
    """What the collector holds is what the log says; our own deferrals are ours."""

    async def sent() -> int:
        node: Any = await bed.node("mx1")
        return sum(cell["attempts"].get("sent", 0) for cell in node["totals"])

    await until(sent, len(postfix.delivered()), seconds=15)
    node: Any = await bed.node("mx1")
    assert sum(cell["attempts"].get("deferred", 0) for cell in node["totals"]) == 0
    assert sum(cell["attempts"].get("ours", 0) for cell in node["totals"]) > 0
