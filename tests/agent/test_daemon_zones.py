"""The daemon and its zones: those handed out are looked at and remembered; no key is shown."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from agent.wire_zones import STATES
from deliverability import zones_rows
from deliverability.catalogue import CATALOGUE, SHIPPED
from deliverability.zones import ZEN
from demo.dns import DnsServer
from protos import fleet_pb2 as pb
from tests.agent.node import Node
from tests.agent.stand_in import Issuer, Peer, eventually, serving

KEY = "k3yk3yk3yk3yk3yk3yk3"
ADDRESS = "198.51.100.7"
SPAMCOP = CATALOGUE["bl.spamcop.net"]
SECONDS = 20


def handed(*names: str, revision: int) -> pb.Catalogue:
    asked = [CATALOGUE[name] for name in names]
    paces = dict.fromkeys(names, timedelta(seconds=1))
    return pb.Catalogue(revision=revision, rows=zones_rows.hand_out(SHIPPED, asked, paces=paces))


@dataclass
class Collector:
    """Hands out zones to whoever holds others; keeps every byte it is told."""

    catalogue: pb.Catalogue
    hellos: list[pb.Hello] = field(default_factory=list)
    beats: list[pb.Heartbeat] = field(default_factory=list)

    async def stream(self, peer: Peer) -> None:
        self.hellos.append(await peer.welcome(sweep_critical_ms=1_000))
        if self.hellos[-1].catalogue_revision != self.catalogue.revision:
            await peer.send(catalogue=self.catalogue)
        while (message := await peer.read()) is not None:
            beat = message.heartbeat
            self.beats.append(beat)
            upto = max((event.id for event in beat.events), default=0)
            ack = pb.Ack(epoch=beat.epoch, sequence=beat.sequence, events_upto=upto)
            await peer.send(ack=ack)

    @property
    def said(self) -> dict[str, int]:
        """By zone, what was last said of the address."""
        found: dict[str, int] = {}
        for beat in self.beats:
            found |= {one.zone: one.verdict for one in beat.zones}
            found |= {zone: pb.VERDICT_CLEAR for one in beat.zones_clear for zone in one.zones}
        return found


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node(tmp_path, Issuer())
    try:
        yield made
    finally:
        made.close()


@contextlib.asynccontextmanager
async def reporting(node: Node, collector: Collector, dns: DnsServer) -> AsyncIterator[None]:
    async with serving(node.issuer, collector.stream) as stand_in:
        text = f'nameservers = ["{dns.address}"]'
        node.start(stand_in, dns=text, MAILFLEET_DQS_KEY=KEY)
        yield


async def test_zones_handed_out_are_looked_at_and_remembered(node: Node) -> None:
    collector = Collector(handed(ZEN.name, SPAMCOP.name, revision=7))
    async with DnsServer([ZEN, SPAMCOP]) as dns:
        dns.list(ADDRESS, "127.0.0.2", zone=SPAMCOP)
        async with reporting(node, collector, dns):
            wanted = {ZEN.name: pb.VERDICT_CLEAR, SPAMCOP.name: pb.VERDICT_LISTED}
            await eventually(lambda: wanted.items() <= collector.said.items(), seconds=SECONDS)
            assert node.stop() == 0
        collector.beats.clear()
        async with reporting(node, collector, dns):
            await eventually(lambda: len(collector.beats) >= 3, seconds=SECONDS)
            node.stop()
    assert [hello.catalogue_revision for hello in collector.hellos] == [0, 7]
    counts = collector.beats[-1].zone_counts
    assert (counts.listed, counts.clear, counts.unknown, counts.quarantined) == (1, 1, 0, 0)


async def test_what_cannot_be_read_is_told_and_changes_nothing(node: Node) -> None:
    collector = Collector(pb.Catalogue(revision=9, rows="name\nzen.spamhaus.org"))
    async with DnsServer(CATALOGUE.enabled()) as dns, reporting(node, collector, dns):
        await eventually(lambda: ZEN.name in collector.said, seconds=SECONDS)
        problems = collector.beats[-1].agent.problems
        assert any(text.startswith("catalogue: ") for text in problems), problems


@pytest.mark.parametrize("mood", ["normal", "refuse", "servfail"])
async def test_a_key_is_shown_nowhere(node: Node, mood: str) -> None:
    """Wherever the daemon leaves a trace, on a good day and on bad ones."""
    collector = Collector(handed(ZEN.name, revision=7))
    async with DnsServer() as dns:
        dns.list(ADDRESS)
        dns.say(f"see https://check.example/{KEY.upper()}")
        getattr(dns, mood)()
        async with reporting(node, collector, dns):
            await eventually(lambda: ZEN.name in collector.said, seconds=SECONDS)
            await eventually(lambda: collector.beats[-1].nameservers, seconds=SECONDS)
            assert node.process is not None
            command = Path(f"/proc/{node.process.pid}/cmdline").read_bytes()
            node.stop()
        assert dns.questions > 0
    traces = [beat.SerializeToString() for beat in collector.beats]
    traces += [hello.SerializeToString() for hello in collector.hellos]
    traces += [path.read_bytes() for path in node.folder.rglob("*") if path.is_file()]
    assert len(traces) > 5
    assert not any(KEY.encode() in trace.lower() for trace in (*traces, command))
    if mood == "normal":
        assert any(b"see https://check.example/<key>" in trace for trace in traces)
        state = collector.beats[-1].nameservers[0].state
        assert state == STATES[next(one for one in STATES if one.value == "good")]
