"""Memory and CPU of agent and helper beside the three exporters they replace, in one run.

    python -m benchmarks.footprint [--seconds 300] [--rates 0,10]

Both sides see the same real Postfix (idle) and the same log, written at 0 and at 10 lines a second.
The agent reports to a real collector at the default pace; node_exporter, postfix_exporter and mtail
with Debian's postfix.mtail are scraped every 30 seconds. CPU is every thread's time on a CPU over
the measured seconds, memory PSS at their end. Needs root, Postfix, and the three Debian packages.

Profile of the agent (time on a CPU by thread, 60 s, a busy machine): 0.17 to 0.19 % of a core at 10
lines a second, of which 0.05 to 0.06 are gRPC's own threads (three of its event engine and its
timers, two to four wakes a second each, whatever is sent), 0.03 what there is without a log, and
0.1 the log: 100 bursts a minute, each waking us twice, to be told and to look. A look is 57
microseconds when it was just done, and 500 when not: what wakes rarely finds the caches cold, and
every function that is called costs ten times what it would. At no lines at all most wakes were
looks for news nobody had told of: five seconds apart instead of one brought the whole from 0.136 to
0.096 %.

What helped at 10 lines a second (in pairs beside the agent before it, of the CPU of a burst): a
poll of our own for the bell instead of a reader of the loop's, which is ten system calls (-8 to
-13 %); fewer values made at a look, what is told at a commit put together there (-20 %). Commits
with the heartbeats only, not every ten seconds: 1.3 ms each, four a minute. gRPC without its backup
polls: one timer thread less, and 690 wakes a minute instead of 770.

What did not help (all within what two runs differ by): gRPC without its event engine and callbacks
(GRPC_EXPERIMENTS), pings of HTTP/2 or an idle timeout: its timers look once a second whether there
are any or not, and every event begins some twenty looks of a thread that would rest. Looking 5 ms
after the bell where it was quiet before, so that the wake is warm: the look is as dear as after
130 ms, it is its own code that is cold. A burst read by the pattern for whole chunks instead of
line by line. Looking 150 ms after the bell instead of 130: nothing here, where bursts are further
apart, and 190 instead of 142 ms (p99) until a line is counted. Looking every 150 ms, without being
woken, as long as each look finds some: a twentieth less where lines come one by one
(benchmarks.latency: 0.47 to 0.44 %), nothing here; p99 from 134 to 150 ms.

Measured at 10 lines a second, agent and helper: 0.24 to 0.28 % of a core in four runs with nothing
else running, 0.165 % at a load of 9, which keeps the cores awake; 0.71 to 0.74 of what the three
others take beside it. By thread, quiet: our own 0.16, gRPC's 0.08.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import anyio

from benchmarks.processes import cpu_seconds, pss_bytes
from collector.core.policy import Policy
from demo import grammar
from demo.dns import DnsServer
from demo.fleet import Fleet, Node
from demo.processes import free_ports
from demo.traffic import Odds
from tests import postfix_bed
from tests.postfix_bed import PostfixBed

MTAIL_PROGRAM = Path("/usr/share/doc/mtail/examples/postfix.mtail")
SCRAPE_SECONDS = 30.0
START_SECONDS = 5.0
WARM_SECONDS = 25.0
TRIO = ("node_exporter", "postfix_exporter", "mtail")
OURS = ("agent", "helper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one process over the measured time."""

    name: str
    pss_mb: float
    cpu_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rates", default="0,10", help="log lines a second, by comma")
    options = parser.parse_args()
    rates = [float(rate) for rate in options.rates.split(",")]
    found = {rate: anyio.run(partial(measure, rate, seconds=options.seconds)) for rate in rates}
    ratios: dict[str, float] = {}
    for rate, costs in found.items():
        print(f"\n{rate:g} lines/s over {options.seconds:g} s", file=sys.stderr)
        for cost in costs:
            line = f"  {cost.name:17} {cost.pss_mb:7.1f} MB PSS {cost.cpu_seconds:8.3f} s CPU"
            print(line, file=sys.stderr)
        ratios |= _ratios(costs, rate=rate, seconds=options.seconds)
    for name, ratio in ratios.items():
        print(f"  {name:45} {ratio:.3f}", file=sys.stderr)
    if os.environ.get("JSON") == "1":
        rows = {str(rate): [vars_of(cost) for cost in costs] for rate, costs in found.items()}
        print(json.dumps({"benchmark": "footprint", "ratios": ratios, "costs": rows}))


def vars_of(cost: Cost) -> Mapping[str, object]:
    return {"name": cost.name, "pss_mb": cost.pss_mb, "cpu_seconds": cost.cpu_seconds}


def _ratios(costs: list[Cost], *, rate: float, seconds: float) -> dict[str, float]:
    ours = [cost for cost in costs if cost.name in OURS]
    trio = [cost for cost in costs if cost.name in TRIO]
    cpu, peers = sum(c.cpu_seconds for c in ours), sum(c.cpu_seconds for c in trio)
    return {
        f"pss / trio at {rate:g} lines/s": sum(c.pss_mb for c in ours)
        / sum(c.pss_mb for c in trio),
        f"cpu / trio at {rate:g} lines/s": cpu / peers,
        f"percent of a core at {rate:g} lines/s": 100 * cpu / seconds,
    }


async def measure(rate: float, *, seconds: float) -> list[Cost]:
    """One measurement with everything started anew."""
    with (
        postfix_bed.running() as bed,
        tempfile.TemporaryDirectory(prefix="mailfleet-bench-") as name,
    ):
        folder = Path(name)
        log = folder / "mail.log"
        log.touch()
        async with _ours(bed, folder, log=log) as ours:
            with _trio(bed, folder, log=log) as (trio, addresses):
                pids = ours | trio
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_write, log, rate)
                    tasks.start_soon(_scrape, addresses)
                    await anyio.sleep(WARM_SECONDS)
                    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
                    await anyio.sleep(seconds)
                    costs = [
                        Cost(
                            name=name,
                            pss_mb=pss_bytes(pid) / 1e6,
                            cpu_seconds=cpu_seconds(pid) - before[name],
                        )
                        for name, pid in pids.items()
                    ]
                    tasks.cancel_scope.cancel()
                return costs


@asynccontextmanager
async def _ours(bed: PostfixBed, folder: Path, *, log: Path) -> AsyncIterator[dict[str, int]]:
    """Agent and helper, reporting to a collector of their own at the default pace."""
    async with DnsServer() as dns:
        fleet = Fleet(folder / "fleet", nameserver=dns.address, policy=Policy())
        socket = fleet.sockets / "helper.sock"
        node = Node(
            name="mx1",
            address="198.51.100.7",
            folder=folder / "mx1",
            log=log,
            queue=bed.queue,
            helper=socket,
        )
        try:
            with postfix_bed.helper(bed.config, socket) as helper:
                await fleet.found()
                await fleet.start_collector()
                await fleet.enrol(node)
                agent = await fleet.start_agent(node)
                assert agent.pid is not None, "started"
                yield {"agent": agent.pid, "helper": helper}
        finally:
            await fleet.stop()


@contextmanager
def _trio(
    bed: PostfixBed, folder: Path, *, log: Path
) -> Iterator[tuple[dict[str, int], list[str]]]:
    """The peers, and the addresses to scrape them at."""
    ports = free_ports(3)
    programs = folder / "mtail"
    programs.mkdir()
    (programs / "postfix.mtail").write_bytes(MTAIL_PROGRAM.read_bytes())
    commands = {
        "node_exporter": ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{ports[0]}"],
        "postfix_exporter": [
            "prometheus-postfix-exporter",
            f"--web.listen-address=127.0.0.1:{ports[1]}",
            f"--postfix.logfile_path={log}",
            f"--postfix.showq_path={bed.queue}/public/showq",
        ],
        "mtail": [
            "mtail",
            *("-address", "127.0.0.1", "-port", str(ports[2])),
            *("-progs", str(programs), "-logs", str(log)),
        ],
    }
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, argv in commands.items():
            started[name] = subprocess.Popen(
                argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
            )
        addresses = [f"http://127.0.0.1:{port}/metrics" for port in ports]
        yield {name: process.pid for name, process in started.items()}, addresses
        ended = [name for name, process in started.items() if process.poll() is not None]
        assert not ended, f"a peer ended: {ended}"
    finally:
        for process in started.values():
            process.kill()
            process.wait()


async def _write(log: Path, rate: float) -> None:
    """Whole sessions of Postfix's grammar, at this many lines a second on average."""
    if rate == 0:
        return
    odds, voice, number = Odds(1), grammar.Voice(), 0
    while True:
        number += 1
        now = datetime.now(timezone.utc)
        lines = _session(odds, voice, now, number=number)
        with log.open("ab") as file:
            file.write(b"".join(lines))
        await anyio.sleep(len(lines) / rate)


def _session(odds: Odds, voice: grammar.Voice, now: datetime, *, number: int) -> list[bytes]:
    queue_id = grammar.queue_id(now, number)
    message = grammar.Message(
        queue_id=queue_id, sender="news@shop.example", message_id=f"{queue_id}@shop.example"
    )
    destination = odds.destination()
    attempt = odds.attempt(destination, odds.recipient(destination), waited=0.1)
    return [
        *grammar.received(voice, now, message=message),
        *grammar.attempted(voice, now, message=message, attempts=[attempt]),
    ]


async def _scrape(addresses: list[str]) -> None:
    """As Prometheus would, from when the peers listen."""
    await anyio.sleep(START_SECONDS)
    while True:
        for address in addresses:
            await anyio.to_thread.run_sync(_get, address)
        await anyio.sleep(SCRAPE_SECONDS)


def _get(address: str) -> None:
    with urllib.request.urlopen(address, timeout=10) as answer:  # loopback
        answer.read()


if __name__ == "__main__":
    main()
