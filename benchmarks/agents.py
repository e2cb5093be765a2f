"""N nodes on mutual TLS streams against one collector with its store; the same load on bare TLS.

    python -m benchmarks.agents [--counts 1000,4000,10000] [--seconds 60] [--herds 2]

For each count: everybody comes at once, four slow rounds of heartbeats so that the nodes are known
and steady, and a wait until the server has judged them all. Then heartbeats every 30 s for the
time asked, which are measured; then everybody leaves and comes back. CPU is of the server's
process alone, from /proc; memory is its PSS before and after, by stream.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import enrolled, measure, processes
from benchmarks.echo import EchoProcess
from benchmarks.enrolled import CollectorProcess, Fleet

INTERVAL = 30.0
# Slower than half an interval: closer ones do not count as two in a row.
STEADYING = {"do": "beat", "rounds": 4, "interval": 16.0}
# Judged and told: the server is quiet for so long, or never.
QUIET_CORES, QUIET_SECONDS, QUIET_SECONDS_MAX = 0.1, 3.0, 120.0
AT_ONCE = 256
SETTLE_SECONDS = 3.0
IDLE_SECONDS = 10.0
KIB = 1024
COLUMNS = (
    *("nodes", "what", "µs a heartbeat", "cores at 30 s", "idle", "KB a stream"),
    *("ack p50 ms", "p99 ms", "back s", "back CPU s", "lost"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One server under one herd. CPU in seconds, latencies in milliseconds."""

    nodes: int
    what: str
    heartbeats: int
    cpu: float
    seconds: float
    # Cores with every stream open and nobody speaking.
    idle: float
    bytes_a_stream: float
    p50: float
    p99: float
    back_seconds: float
    back_cpu: float
    lost: int

    @property
    def microseconds(self) -> float:
        return self.cpu / self.heartbeats * 1e6

    def row(self) -> tuple[object, ...]:
        return (
            self.nodes,
            self.what,
            round(self.microseconds),
            round(self.cpu / self.seconds, 3),
            round(self.idle, 3),
            round(self.bytes_a_stream / KIB),
            round(self.p50, 1),
            round(self.p99, 1),
            round(self.back_seconds, 1),
            round(self.back_cpu, 1),
            self.lost,
        )


class HerdProcess:
    """One client process, and what it is told."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.herd"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ask(spec)

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


class Herds:
    """All client processes, told the same at the same time."""

    def __init__(self, kind: str, fleet: Fleet, *, port: int, count: int) -> None:
        numbers = range(len(fleet.certificates))
        with ThreadPoolExecutor(count) as threads:
            self._herds = list(
                threads.map(
                    lambda share: HerdProcess(_spec(kind, fleet, port=port, numbers=share)),
                    [numbers[first::count] for first in range(count)],
                )
            )

    def ask(self, **order: Any) -> list[dict[str, Any]]:
        with ThreadPoolExecutor(len(self._herds)) as threads:
            return list(threads.map(lambda herd: herd.ask(dict(order)), self._herds))

    def stop(self) -> None:
        for herd in self._herds:
            herd.stop()


def _spec(kind: str, fleet: Fleet, *, port: int, numbers: Sequence[int]) -> dict[str, Any]:
    return {
        "kind": kind,
        "port": port,
        "key_pem": fleet.key_pem,
        "ca_pem": fleet.ca_pem,
        "certificates": {number: fleet.certificates[number] for number in numbers},
    }


def cpu_seconds(pid: int) -> float:
    """Of the whole process, threads that ended too."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def wait_until_quiet(pid: int) -> None:
    """TimeoutError when the server never has nothing to do."""
    began = time.monotonic()
    while True:
        cpu = cpu_seconds(pid)
        time.sleep(QUIET_SECONDS)
        if (cpu_seconds(pid) - cpu) / QUIET_SECONDS < QUIET_CORES:
            return
        if time.monotonic() - began > QUIET_SECONDS_MAX:
            raise TimeoutError(f"busy for {QUIET_SECONDS_MAX:.0f} s with nobody speaking")


def put_under_load(
    what: str, server: CollectorProcess | EchoProcess, *, herds: Herds, nodes: int, seconds: float
) -> Load:
    """The whole story of one server."""
    bare = processes.pss_bytes(server.pid)
    lost = _lost(herds.ask(do="connect", at_once=AT_ONCE))
    lost += _lost(herds.ask(**STEADYING))
    wait_until_quiet(server.pid)
    memory = processes.pss_bytes(server.pid) - bare
    cpu = cpu_seconds(server.pid)
    time.sleep(IDLE_SECONDS)
    idle = (cpu_seconds(server.pid) - cpu) / IDLE_SECONDS
    cpu, began = cpu_seconds(server.pid), time.perf_counter()
    answers = herds.ask(do="beat", rounds=math.ceil(seconds / INTERVAL), interval=INTERVAL)
    cpu, spent = cpu_seconds(server.pid) - cpu, time.perf_counter() - began
    latencies = sorted(one * 1000 for answer in answers for one in answer["latencies"])
    herds.ask(do="leave")
    time.sleep(SETTLE_SECONDS)
    back_cpu = cpu_seconds(server.pid)
    back = herds.ask(do="connect", at_once=AT_ONCE)
    return Load(
        nodes=nodes,
        what=what,
        heartbeats=sum(answer["beats"] for answer in answers),
        cpu=cpu,
        seconds=spent,
        idle=idle,
        bytes_a_stream=memory / nodes,
        p50=statistics.median(latencies),
        p99=latencies[int(len(latencies) * 0.99)],
        back_seconds=max(answer["seconds"] for answer in back),
        back_cpu=cpu_seconds(server.pid) - back_cpu,
        lost=lost + _lost(answers) + _lost(back),
    )


def _lost(answers: Sequence[dict[str, Any]]) -> int:
    return sum(int(answer["lost"]) for answer in answers)


@contextmanager
def under_load(
    kind: str, server: CollectorProcess | EchoProcess, *, fleet: Fleet, herds: int
) -> Iterator[Herds]:
    """Stops clients and server, whatever happens."""
    clients = Herds(kind, fleet, port=server.port, count=herds)
    try:
        yield clients
    finally:
        clients.stop()
        server.stop()


def compare(folder: Path, *, nodes: int, seconds: float, herds: int) -> tuple[Load, Load]:
    """Ours, then the peer with the same certificates."""
    fleet = enrolled.found(folder, nodes=nodes)
    collector = CollectorProcess(folder)
    (folder / "ca.pem").write_text(fleet.ca_pem)
    (folder / "listener.pem").symlink_to(folder / "state/ca/listener.pem")
    with under_load("grpc", collector, fleet=fleet, herds=herds) as clients:
        ours = put_under_load("collector", collector, herds=clients, nodes=nodes, seconds=seconds)
    echo = EchoProcess(folder)
    with under_load("raw", echo, fleet=fleet, herds=herds) as clients:
        peer = put_under_load("raw echo", echo, herds=clients, nodes=nodes, seconds=seconds)
    return ours, peer


def ratios(pairs: Sequence[tuple[Load, Load]]) -> dict[str, float]:
    found = {}
    for ours, peer in pairs:
        at = f"over raw uvloop mTLS echo, {ours.nodes} nodes"
        found[f"CPU a heartbeat {at}"] = ours.microseconds / peer.microseconds
        found[f"memory a stream {at}"] = ours.bytes_a_stream / peer.bytes_a_stream
        found[f"CPU of coming back {at}"] = ours.back_cpu / peer.back_cpu
    first, last = pairs[0][0], pairs[-1][0]
    if last.nodes > first.nodes:
        growth = last.microseconds / first.microseconds
        found[f"CPU a heartbeat, {last.nodes} nodes over {first.nodes}"] = growth
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="1000,4000,10000", help="nodes, by commas")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--herds", type=int, default=2, help="client processes")
    options = parser.parse_args()
    enrolled.raise_open_files()
    pairs = []
    for count in map(int, options.counts.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            pair = compare(place, nodes=count, seconds=options.seconds, herds=options.herds)
        pairs.append(pair)
        print(f"{count} nodes done", file=sys.stderr)
    measure.report(
        "agents",
        columns=COLUMNS,
        rows=[load.row() for pair in pairs for load in pair],
        ratios=ratios(pairs),
        notes=("the echo keeps no store: it acknowledges what it has not understood",),
    )


if __name__ == "__main__":
    main()
