"""How soon a listed node falls silent, while a fleet reports: from the collector's receipt of the
node's event to Postfix's reload line.

    python -m benchmarks.silence [--nodes 1000] [--rounds 20]

One real Postfix with agent and helper is listed and delisted again and again; so many other nodes
hold mutual TLS streams to the same collector and send a heartbeat every 30 s. Only the sweep is
quicker than by default (5 s), so that a round does not take ten minutes. Beside it in the same
run: the floor below which nothing can be, a bare `postfix reload` until its line is in the log.
Needs root and Postfix.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benchmarks import enrolled, measure
from benchmarks.agents import AT_ONCE, INTERVAL, STEADYING, Herds, wait_until_quiet
from collector.core.policy import Policy
from demo.dns import DnsServer
from demo.fleet import Fleet, Node
from tests import postfix_bed
from tests.fleet_bed import FleetBed, until
from tests.postfix_bed import PostfixBed

ADDRESS = "198.51.100.7"
POLICY = replace(
    Policy(),
    sweep_critical=timedelta(seconds=5),
    second_sweep_after=timedelta(seconds=5),
    look_again_after=timedelta(seconds=5),
)
TARGET_SECONDS = 5.0
HERDS = 2
POLL_SECONDS = 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    enrolled.raise_open_files()
    found = anyio.run(partial(run, options.nodes, rounds=options.rounds))
    ours, bare = sorted(found["ours"]), sorted(found["bare"])
    rows = [(name, len(one), *_spread(one)) for name, one in (("event", ours), ("bare", bare))]
    measure.report(
        "silence",
        columns=("from", "rounds", "p50 s", "p99 s", "max s"),
        rows=rows,
        ratios={
            "p50 over a bare postfix reload": statistics.median(ours) / statistics.median(bare),
            "p99 over the 5 s allowed": _p99(ours) / TARGET_SECONDS,
        },
        notes=(f"{options.nodes} other nodes reporting every {INTERVAL:g} s",),
    )


def _spread(seconds: list[float]) -> tuple[float, float, float]:
    return statistics.median(seconds), _p99(seconds), seconds[-1]


def _p99(seconds: list[float]) -> float:
    return seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))]


async def run(nodes: int, *, rounds: int) -> Mapping[str, list[float]]:
    """Seconds of every round, ours and bare."""
    scratch = tempfile.TemporaryDirectory(prefix="mailfleet-bench-")
    with postfix_bed.running() as postfix, scratch as name:
        async with DnsServer() as dns:
            fleet = Fleet(Path(name) / "fleet", nameserver=dns.address, policy=POLICY)
            helper = fleet.sockets / "helper.sock"
            node = Node(
                name="mx1",
                address=ADDRESS,
                folder=Path(name) / "mx1",
                log=postfix.log,
                queue=postfix.queue,
                helper=helper,
            )
            bed = FleetBed(fleet=fleet, world=None, nodes={"mx1": node})  # type: ignore[arg-type]
            try:
                with postfix_bed.helper(postfix.config, helper):
                    return await _under_load(bed, dns, postfix=postfix, size=(nodes, rounds))
            finally:
                await fleet.stop()


async def _under_load(
    bed: FleetBed, dns: DnsServer, *, postfix: PostfixBed, size: tuple[int, int]
) -> Mapping[str, list[float]]:
    nodes, rounds = size
    fleet = bed.fleet
    await fleet.found()
    others = await enrolled.populate(fleet.config(), nodes=nodes)
    await fleet.start_collector()
    await bed.act()
    await fleet.enrol(bed.nodes["mx1"])
    await fleet.start_agent(bed.nodes["mx1"])
    await until(lambda: bed.in_rotation("mx1"), seconds=120)
    herds = Herds("grpc", others, port=fleet.ports[2], count=HERDS)
    try:
        await anyio.to_thread.run_sync(lambda: herds.ask(do="connect", at_once=AT_ONCE))
        await anyio.to_thread.run_sync(lambda: herds.ask(**STEADYING))
        collector = fleet.collector.pid
        assert collector is not None
        await anyio.to_thread.run_sync(lambda: wait_until_quiet(collector))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_report, herds)
            bare = [await _bare(postfix) for _ in range(measure.PAIRS_MIN)]
            ours = [await _round(bed, dns, postfix) for _ in range(rounds)]
            tasks.cancel_scope.cancel()
        return {"ours": ours, "bare": bare}
    finally:
        herds.stop()


async def _report(herds: Herds) -> None:
    """The others' heartbeats, for as long as the rounds take."""
    while True:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(
                lambda: herds.ask(do="beat", rounds=1, interval=INTERVAL)
            )
        await anyio.lowlevel.checkpoint()


async def _round(bed: FleetBed, dns: DnsServer, postfix: PostfixBed) -> float:
    """One listing, until silent and back again; seconds from receipt to the reload line."""
    seen = _reloads(postfix)
    dns.list(ADDRESS, "127.0.0.2")
    reloaded_at = await _next_reload(postfix, seen)
    await until(lambda: bed.is_silent("mx1"), seconds=60)
    node: Any = await bed.node("mx1")
    (zone,) = node["zones"]
    received_at = datetime.fromisoformat(str(zone["since"])).timestamp()
    dns.delist(ADDRESS)
    await until(lambda: bed.pauses("mx1"), [], seconds=120)
    # The resume reloads too; the next round begins after it.
    await until(lambda: _is_open(bed), seconds=60)
    return reloaded_at - received_at


async def _is_open(bed: FleetBed) -> bool:
    said: Any = (await bed.node("mx1"))["obedience"]
    return bool(said["convergence"] == "verified" and not said["is_silent"])


async def _bare(postfix: PostfixBed) -> float:
    seen, began = _reloads(postfix), time.time()
    command = ["postfix", "-c", str(postfix.config), "reload"]
    await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, check=True, capture_output=True, timeout=30)
    )
    return await _next_reload(postfix, seen) - began


async def _next_reload(postfix: PostfixBed, seen: int) -> float:
    with anyio.fail_after(120):
        while _reloads(postfix) == seen:  # noqa: ASYNC110  # another process writes the log
            await anyio.sleep(POLL_SECONDS)
    return time.time()


def _reloads(postfix: PostfixBed) -> int:
    return postfix.log.read_bytes().count(b": reload -- version")


if __name__ == "__main__":
    main()
