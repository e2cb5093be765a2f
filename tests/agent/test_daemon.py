"""The whole daemon as a process: it obeys, remembers, waits for nobody, and ends in time."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from agent import identity
from protos import fleet_pb2 as pb
from tests.agent.enrolment import Desk, enrolling
from tests.agent.node import Node
from tests.agent.stand_in import Issuer, Peer, StandIn, eventually, serving

PAUSE = pb.Directive(term=1, revision=5, node_pauses=["LISTED"])
FREE = pb.Directive(term=1, revision=6)
SECONDS = 20


@dataclass
class Collector:
    """Welcomes, acknowledges all, remembers all, and sends what it is told to on each stream."""

    sends: list[dict[str, object]] = field(default_factory=list)
    hellos: list[pb.Hello] = field(default_factory=list)
    beats: list[pb.Heartbeat] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)

    async def stream(self, peer: Peer) -> None:
        pace = {"collector_time_ms": int(time.time() * 1000), "heartbeat_interval_ms": 400}
        self.hellos.append(await peer.welcome(**pace))
        self.peers.append(peer)
        for body in self.sends:
            await peer.send(**body)
        while (message := await peer.read()) is not None:
            beat = message.heartbeat
            self.beats.append(beat)
            upto = max((event.id for event in beat.events), default=0)
            ack = pb.Ack(epoch=beat.epoch, sequence=beat.sequence, events_upto=upto)
            await peer.send(ack=ack)

    @property
    def postfix(self) -> pb.PostfixReading:
        return self.beats[-1].postfix if self.beats else pb.PostfixReading()

    def is_verified(self, directive: pb.Directive) -> bool:
        order = (self.postfix.directive_term, self.postfix.directive_revision)
        return order == (directive.term, directive.revision) and (
            self.postfix.convergence == pb.CONVERGENCE_VERIFIED
        )


@pytest.fixture
async def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def node(tmp_path: Path, issuer: Issuer) -> AsyncIterator[Node]:
    made = Node(tmp_path, issuer)
    try:
        yield made
    finally:
        made.close()


@contextlib.asynccontextmanager
async def reporting(node: Node, collector: Collector) -> AsyncIterator[StandIn]:
    """A started agent with a stream to this collector."""
    async with serving(node.issuer, collector.stream) as stand_in:
        node.start(stand_in)
        await eventually(lambda: collector.beats, seconds=SECONDS)
        yield stand_in


async def test_it_reports_and_ends_in_time(node: Node) -> None:
    collector = Collector()
    async with reporting(node, collector):
        node.until_ready()
        await eventually(lambda: len(collector.beats) >= 3)
        assert node.stop() == 0
    (hello,) = collector.hellos
    assert (hello.agent_version, list(hello.addresses)) == ("0.1.0", ["198.51.100.7"])
    assert not hello.HasField("applied")
    sequences = [beat.sequence for beat in collector.beats]
    assert sequences == list(range(1, len(sequences) + 1))
    beat = collector.beats[-1]
    assert beat.host.memory_bytes_total > 0
    assert beat.agent.memory_bytes > 0
    assert list(beat.postfix.outbound) == ["relay", "smtp"]
    assert beat.services[0].state == pb.SERVICE_STATE_RUNNING
    assert node.postfix.done == []


async def test_a_pause_is_applied_verified_and_reported_silent(node: Node) -> None:
    collector = Collector(sends=[{"directive": PAUSE}])
    began = time.monotonic()
    async with reporting(node, collector):
        await eventually(lambda: collector.is_verified(PAUSE), seconds=SECONDS)
        assert time.monotonic() - began < SECONDS
        assert collector.postfix.is_silent
        assert collector.postfix.reload_at_ms > 0
        node.postfix.deliver(delays="5/0/30/30")
        await eventually(lambda: collector.postfix.deliveries_in_flight == 1)
        await collector.peers[-1].send(directive=FREE)
        await eventually(lambda: collector.is_verified(FREE))
        await eventually(lambda: not collector.postfix.is_silent)
    assert node.postfix.done == ["pause", "resume"]
    kinds = [event.kind for beat in collector.beats for event in beat.events]
    assert pb.EVENT_KIND_CONVERGED in kinds


async def test_an_older_directive_changes_nothing(node: Node) -> None:
    collector = Collector(sends=[{"directive": PAUSE}])
    async with reporting(node, collector):
        await eventually(lambda: collector.is_verified(PAUSE), seconds=SECONDS)
        older = pb.Directive(term=1, revision=4)
        await collector.peers[-1].send(directive=older)
        count = len(collector.beats)
        await eventually(lambda: len(collector.beats) > count + 2)
        assert collector.is_verified(PAUSE)
    assert node.postfix.done == ["pause"]


async def test_a_stored_pause_is_kept_without_the_collector(node: Node, free_port: int) -> None:
    collector = Collector(sends=[{"directive": PAUSE}])
    async with reporting(node, collector):
        await eventually(lambda: collector.is_verified(PAUSE), seconds=SECONDS)
        node.kill()
    node.postfix.set_by_hand(paused=False)
    node.start(free_port)
    await eventually(lambda: node.postfix.done == ["pause", "pause"], seconds=SECONDS)
    await eventually(lambda: node.status().get("is_silent"))
    assert node.stop() == 0


async def test_a_resume_waits_for_the_collectors_word_in_this_run(
    node: Node, free_port: int
) -> None:
    collector = Collector(sends=[{"directive": FREE}])
    async with reporting(node, collector):
        await eventually(lambda: collector.is_verified(FREE), seconds=SECONDS)
        node.kill()
    node.postfix.set_by_hand(paused=True)
    node.start(free_port)
    waits = "resume waits"
    await eventually(lambda: waits in str(node.status().get("postfix_problem")), seconds=SECONDS)
    assert node.stop() == 0
    assert node.postfix.done == []
    async with reporting(node, collector):
        await eventually(lambda: node.postfix.done == ["resume"], seconds=SECONDS)
        await eventually(lambda: collector.is_verified(FREE))
    assert collector.hellos[-1].applied.revision == 6


async def test_a_failing_pause_is_reported_and_tried_again(node: Node) -> None:
    node.postfix.problem = "main.cf: read-only file system"
    collector = Collector(sends=[{"directive": PAUSE}])
    async with reporting(node, collector):
        failed = pb.CONVERGENCE_FAILED
        await eventually(lambda: collector.postfix.convergence == failed, seconds=SECONDS)
        assert "read-only" in collector.postfix.problem
        assert not collector.postfix.is_silent
        node.postfix.problem = ""
        await eventually(lambda: collector.is_verified(PAUSE), seconds=SECONDS)


async def test_losing_the_collector_changes_nothing(node: Node) -> None:
    collector = Collector(sends=[{"directive": PAUSE}])
    async with reporting(node, collector) as stand_in:
        await eventually(lambda: collector.is_verified(PAUSE), seconds=SECONDS)
        port = stand_in.place.fleet_port
    await eventually(lambda: node.status().get("is_connected") is False, seconds=SECONDS)
    node.postfix.deliver(delays="5/0/30/30")
    assert node.postfix.is_paused
    async with serving(node.issuer, collector.stream, port=port):
        count = len(collector.beats)
        await eventually(lambda: len(collector.beats) > count, seconds=SECONDS)
        await eventually(lambda: collector.postfix.deliveries_in_flight == 1)
    assert len({hello.run_id for hello in collector.hellos}) == 1
    assert [beat.sequence for beat in collector.beats] == sorted(
        {beat.sequence for beat in collector.beats}
    )


async def test_after_a_kill_numbers_and_totals_go_on(node: Node) -> None:
    collector = Collector()
    async with reporting(node, collector) as stand_in:
        await eventually(lambda: len(collector.beats) >= 2)
        for _ in range(3):
            node.postfix.deliver()
        await eventually(lambda: any(beat.cells for beat in collector.beats))
        node.kill()
        node.postfix.deliver()
        node.start(stand_in)
        await eventually(lambda: len(collector.hellos) == 2, seconds=SECONDS)
        await eventually(lambda: _sent(collector) == 4, seconds=SECONDS)
    sequences = [beat.sequence for beat in collector.beats]
    assert sequences == sorted(set(sequences))
    assert len({beat.epoch for beat in collector.beats}) == 1
    assert collector.hellos[0].run_id != collector.hellos[1].run_id


def _sent(collector: Collector) -> int:
    cells = [cell for beat in collector.beats for cell in beat.cells]
    counts = [count for cell in cells[-1:] for count in cell.outcomes]
    return sum(count.attempts for count in counts if count.outcome == pb.OUTCOME_SENT)


def _cells(collector: Collector, *, but: str) -> list[pb.Cell]:
    return [cell for beat in collector.beats if beat.epoch != but for cell in beat.cells]


async def test_a_new_epoch_begins_where_it_is_told(node: Node) -> None:
    collector = Collector()
    async with reporting(node, collector):
        for _ in range(2):
            node.postfix.deliver()
        await eventually(lambda: _sent(collector) == 2)
        told = collector.beats[-1]
        epoch = pb.NewEpoch(log_position=told.log_position, counted_to_ms=told.counted_to_ms)
        await collector.peers[-1].send(new_epoch=epoch)
        await eventually(lambda: collector.beats[-1].epoch != told.epoch)
        node.postfix.deliver()
        await eventually(lambda: _sent(collector) == 1)
        fresh = [beat for beat in collector.beats if beat.epoch != told.epoch]
    assert {cell.outcomes[0].attempts for cell in _cells(collector, but=told.epoch)} == {1}
    assert fresh[0].sequence == 1
    assert fresh[0].full_state
    assert pb.EVENT_KIND_EPOCH_BEGUN in [event.kind for beat in fresh for event in beat.events]


async def test_a_refusal_is_shown_by_status(node: Node) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.read()
        await peer.context.abort(grpc.StatusCode.PERMISSION_DENIED, "DUPLICATE_IDENTITY: cloned")

    async with serving(node.issuer, refuse) as stand_in:
        node.start(stand_in)
        await eventually(
            lambda: "DUPLICATE_IDENTITY" in str(node.status().get("uplink_problem")),
            seconds=SECONDS + 20,
        )
    shown = subprocess.run(
        [sys.executable, "-m", "agent", "status"],
        env={"MAILFLEET_CONFIG": str(node.folder / "agent.toml"), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert shown.returncode == 0
    assert "enrol --again" in shown.stdout


async def test_the_watchdog_is_fed_and_the_end_announced(node: Node, free_port: int) -> None:
    node.start(free_port, WATCHDOG_USEC="600000")
    node.until_ready()
    fed = 0
    while fed < 4:
        fed += b"WATCHDOG=1" in node.notified.recv(4_096)
    assert node.process is not None
    node.process.terminate()
    while b"STOPPING=1" not in node.notified.recv(4_096):
        pass
    assert node.process.wait(5) == 0
    node.process = None


async def test_the_certificate_is_renewed_and_the_stream_handed_over(
    node: Node, issuer: Issuer, tmp_path: Path
) -> None:
    (tmp_path / "web").mkdir()
    issuer.made_at -= timedelta(days=25)
    identity.swap(node.folder, issuer.identity("node-1"))
    issuer.made_at += timedelta(days=25)
    collector, connected = Collector(), threading.Event()
    with enrolling(Desk(issuer=issuer, may_renew=connected), tmp_path / "web") as desk:
        async with serving(issuer, collector.stream) as stand_in:
            node.start(stand_in, enrolment_port=desk.place.enrolment_port)
            await eventually(lambda: len(collector.hellos) == 1, seconds=SECONDS)
            connected.set()
            await eventually(lambda: desk.proofs == 1, seconds=SECONDS)
            await eventually(lambda: len(collector.hellos) == 2, seconds=SECONDS)
            count = len(collector.beats)
            await eventually(lambda: len(collector.beats) > count + 1)
            assert node.stop() == 0
    held = identity.load(node.folder)
    assert held is not None
    assert held.not_after > issuer.made_at + timedelta(days=29)
    assert len({hello.run_id for hello in collector.hellos}) == 1
    assert not [said for said in node.said() if said["level"] == "error"]
