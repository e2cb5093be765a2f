"""Every line is counted once: real Postfix under load, its log rotated in every way, the agent and
the collector killed. What the collector holds is what the logs say, and what the receiver counted.
"""

import gzip
import os
import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from demo import pace
from demo.fleet import Fleet, Node
from tests import fleet_truth, postfix_bed
from tests.fleet_bed import FleetBed, until
from tests.postfix_bed import PostfixBed

ADDRESS = "198.51.100.7"
# Of the kept ones, how many at once; the others are refused for good, or again and again.
BATCH = 20
Shock = Callable[[FleetBed, PostfixBed], Awaitable[None]]


@asynccontextmanager
async def mailing(postfix: PostfixBed, sent: Counter[str]) -> AsyncIterator[None]:
    async def send() -> None:
        while True:
            for domain, count in (("kept.test", BATCH), ("busy.test", 2), ("blocked.test", 5)):
                await anyio.to_thread.run_sync(
                    lambda count, to: postfix.send(count, to=to), count, f"u@{domain}"
                )
                sent[domain] += count
            await anyio.sleep(0.3)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        yield
        tasks.cancel_scope.cancel()


# --- what happens meanwhile ---------------------------------------------------------------------


async def kill_agent(bed: FleetBed, _: PostfixBed) -> None:
    await bed.restart_agent("mx1")


async def kill_collector(bed: FleetBed, _: PostfixBed) -> None:
    await bed.restart_collector()


async def rename(_: FleetBed, postfix: PostfixBed) -> None:
    """As logrotate does: the writer goes on in the renamed file until it is told."""
    postfix.log.rename(_free_name(postfix.log, ".{}"))
    await anyio.sleep(random.uniform(0.0, 0.5))
    await anyio.to_thread.run_sync(postfix.reload)


async def logrotate(_: FleetBed, postfix: PostfixBed) -> None:
    """With a date, and compressed at once."""
    command = ["postfix", "-c", str(postfix.config), "logrotate"]
    await anyio.to_thread.run_sync(lambda: subprocess.run(command, check=True, timeout=30))
    # The name holds a second.
    await anyio.sleep(1.1)


async def copytruncate(_: FleetBed, postfix: PostfixBed) -> None:
    """Nobody writes meanwhile: what is written between the two is lost to everybody."""
    writers = [one for one in psutil.process_iter(["name"]) if _has_open(one, postfix.log)]
    assert writers, "somebody writes the log"
    for writer in writers:
        writer.send_signal(signal.SIGSTOP)
    try:
        shutil.copy2(postfix.log, _free_name(postfix.log, ".{}"))
        os.truncate(postfix.log, 0)
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGCONT)


async def killed_over_a_rotation(bed: FleetBed, postfix: PostfixBed) -> None:
    await bed.kill_agent("mx1")
    await copytruncate(bed, postfix)
    await rename(bed, postfix)
    await anyio.sleep(0.5)
    await logrotate(bed, postfix)
    await bed.fleet.start_agent(bed.nodes["mx1"])


SHOCKS: tuple[Shock, ...] = (
    *(rename, kill_agent, copytruncate, kill_collector, logrotate),
    *(kill_agent, killed_over_a_rotation, kill_collector, rename, copytruncate),
)


def _has_open(process: psutil.Process, path: Path) -> bool:
    try:
        return process.info["name"] == "postlogd" and any(
            one.path == str(path) for one in process.open_files()
        )
    except psutil.Error:
        return False


def _free_name(log: Path, form: str) -> Path:
    """Older ones move on, as logrotate moves them."""
    numbered = sorted(
        (path for path in log.parent.iterdir() if path.suffix[1:].isdigit() and path != log),
        key=lambda path: -int(path.suffix[1:]),
    )
    for path in (one for one in numbered if len(one.suffix) < 4):
        path.rename(path.with_suffix(f".{int(path.suffix[1:]) + 1}"))
    return log.with_name(log.name + form.format(1))


# --- what is true -------------------------------------------------------------------------------


def recount(folder: Path) -> Counter[str]:
    """Attempts by outcome over all files of the log, each line once."""
    counted: Counter[str] = Counter()
    for line in every_line(folder):
        if found := fleet_truth.DELIVERY.search(line):
            counted[found[2].decode()] += 1
    return counted


def every_line(folder: Path) -> Iterator[bytes]:
    for path in folder.iterdir():
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield from data.splitlines()


def logged_as_kept(folder: Path) -> int:
    return sum(b"@kept.test>" in line and b"status=sent" in line for line in every_line(folder))


async def held(bed: FleetBed) -> Counter[str]:
    """What the collector holds."""
    node: Any = await bed.node("mx1")
    counted: Counter[str] = Counter()
    for cell in node["totals"]:
        counted.update({name: count for name, count in cell["attempts"].items() if count})
    return counted


@pytest.mark.needs("root", "postfix")
@pytest.mark.timeout(180)
async def test_totals_are_the_logs_and_the_receivers_own(tmp_path: Path) -> None:
    sent: Counter[str] = Counter()
    with postfix_bed.running() as postfix:
        fleet = Fleet(tmp_path / "fleet", nameserver="127.0.0.1:9", policy=pace.DEMO)
        helper = fleet.sockets / "helper.sock"
        node = Node(
            name="mx1",
            address=ADDRESS,
            folder=tmp_path / "mx1",
            log=postfix.log,
            queue=postfix.queue,
            helper=helper,
        )
        bed = FleetBed(fleet=fleet, world=None, nodes={"mx1": node})  # type: ignore[arg-type]
        with postfix_bed.helper(postfix.config, helper):
            try:
                await fleet.found()
                await fleet.start_collector()
                await fleet.enrol(node)
                await fleet.start_agent(node)
                await until(lambda: bed.connected("mx1"))
                before = recount(postfix.log.parent)
                async with mailing(postfix, sent):
                    for shock in SHOCKS:
                        await anyio.sleep(random.uniform(0.2, 1.0))
                        await shock(bed, postfix)
                await all_is_counted(bed, postfix, sent=sent, before=before)
            finally:
                await fleet.stop()
    assert fleet_truth.gaps(fleet, "mx1") == []


def _at_rest(postfix: PostfixBed, sent: Counter[str]) -> bool:
    bounced = recount(postfix.log.parent)["bounced"]
    return postfix.kept() == sent["kept.test"] and bounced >= sent["blocked.test"]


async def all_is_counted(
    bed: FleetBed, postfix: PostfixBed, *, sent: Counter[str], before: Counter[str]
) -> None:
    # Refused mail is accepted first: neither the receiver's count nor `send` waits for its bounce.
    postfix.wait_for(lambda: _at_rest(postfix, sent), 30.0)
    # What is put off is tried for ever: the last line is written when nobody writes any more.
    await anyio.to_thread.run_sync(postfix.stop)
    truth = recount(postfix.log.parent) - before
    assert logged_as_kept(postfix.log.parent) == sent["kept.test"] > 100
    assert truth["bounced"] == sent["blocked.test"]
    assert truth["deferred"] >= sent["busy.test"]
    await until(lambda: held(bed), truth, seconds=40)
