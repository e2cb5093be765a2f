"""A node that hears no collector and is listed silences itself, stays so, and is freed by name."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent import wire
from agent.model import Directive, SelfSilence, StandingOrders, ZoneReading
from agent.standing_orders import StandingWatch, is_lifted
from agent.state import State
from agent.wire import WireError
from deliverability.catalogue import CATALOGUE
from deliverability.zones import Sentinels, Verdict
from protos import fleet_pb2 as pb
from tests.agent.node import Node
from tests.agent.stand_in import Issuer, Peer, eventually, serving
from tests.agent.test_daemon import Collector
from tests.rbldnsd_bed import Rbldnsd

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
ZEN, IP = "zen.spamhaus.org", "198.51.100.7"
ORDERS = StandingOrders(unheard_for=timedelta(minutes=15), sweeps=2)
GRAVE = ZoneReading(
    address=IP,
    zone=ZEN,
    verdict=Verdict.LISTED,
    answers=("127.0.0.2",),
    sentinels=Sentinels.RIGHT,
    round=1,
    checked_at=NOON,
)


class Ear:
    """A watch, and a clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.known = {zone.name: zone for zone in CATALOGUE.enabled()}
        self.watch = StandingWatch(
            lambda name: self.known.get(name), monotonic=lambda: self.seconds
        )

    def hears_nothing_for(self, minutes: float) -> "Ear":
        self.seconds += minutes * 60
        return self

    def sees(self, *readings: ZoneReading) -> "Ear":
        for reading in readings:
            self.watch.saw([reading])
        return self


def test_two_grave_sweeps_and_a_quarter_of_an_hour_of_silence() -> None:
    ear = Ear().sees(GRAVE, GRAVE).hears_nothing_for(15)
    why = ear.watch.reason(ORDERS)
    assert why == (f"{ZEN} lists {IP} (127.0.0.2) in 2 sweeps, no collector for 15 minutes")


@pytest.mark.parametrize(
    "readings",
    [
        [],
        [GRAVE],
        [GRAVE, replace(GRAVE, verdict=Verdict.UNKNOWN), GRAVE],
        [GRAVE, replace(GRAVE, verdict=Verdict.CLEAR, answers=()), GRAVE],
        [replace(GRAVE, sentinels=Sentinels.WRONG)] * 3,
        [replace(GRAVE, sentinels=Sentinels.UNASKED)] * 3,
        [replace(GRAVE, answers=("127.0.0.10",))] * 3,
        [replace(GRAVE, zone="bl.spamcop.net")] * 3,
        [replace(GRAVE, zone="nobody.test")] * 3,
        [GRAVE, replace(GRAVE, address="198.51.100.8")],
    ],
    ids=[
        "nothing seen",
        "one sweep",
        "unknown between",
        "clear between",
        "sentinels wrong",
        "sentinels unasked",
        "a policy listing",
        "a major zone",
        "a stranger",
        "two addresses once",
    ],
)
def test_what_is_no_reason(readings: list[ZoneReading]) -> None:
    assert Ear().sees(*readings).hears_nothing_for(60).watch.reason(ORDERS) == ""


def test_a_zone_looked_at_no_more_is_no_reason_nor_one_long_not_looked_at() -> None:
    ear = Ear().sees(GRAVE, GRAVE).hears_nothing_for(60)
    assert ear.watch.reason(ORDERS)
    assert not ear.hears_nothing_for(16).watch.reason(ORDERS)
    ear.sees(GRAVE)
    assert ear.watch.reason(ORDERS)
    ear.known = {}
    assert not ear.watch.reason(ORDERS)


def test_who_is_heard_commands_and_without_orders_nobody_silences_itself() -> None:
    ear = Ear().sees(GRAVE, GRAVE).hears_nothing_for(14.9)
    assert not ear.watch.reason(ORDERS)
    ear.watch.heard()
    assert not ear.hears_nothing_for(14.9).watch.reason(ORDERS)
    assert not ear.hears_nothing_for(40).watch.reason(None)
    assert "2 sweeps" in ear.watch.reason(ORDERS)


def test_a_silence_is_lifted_by_its_name() -> None:
    assert is_lifted(NOON, NOON)
    assert not is_lifted(NOON, NOON - timedelta(milliseconds=1))
    assert not is_lifted(NOON, None)


def test_it_is_kept_across_restarts(tmp_path: Path) -> None:
    silence = SelfSilence(since=NOON, why="listed")
    state = State.open(tmp_path / "state.db", now=NOON)
    state.note_self_silence(silence)
    state.close()
    again = State.open(tmp_path / "state.db", now=NOON)
    kept = again.self_silence
    again.note_self_silence(None)
    assert (kept, again.self_silence) == (silence, None)
    again.close()


def test_orders_and_their_end_travel_with_the_directive() -> None:
    message = pb.Directive(
        term=2,
        revision=3,
        standing=pb.StandingOrders(unheard_ms=900_000, sweeps=2),
        standing_lifted_ms=1_000,
    )
    read = wire.decode(pb.CollectorMessage(directive=message).SerializeToString())
    assert isinstance(read, Directive)
    assert read.standing == ORDERS
    assert read.standing_lifted == datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc)
    bare = wire.decode(
        pb.CollectorMessage(directive=pb.Directive(term=2, revision=3)).SerializeToString()
    )
    assert isinstance(bare, Directive)
    assert (bare.standing, bare.standing_lifted) == (None, None)


@pytest.mark.parametrize(("unheard", "sweeps"), [(0, 2), (900_000, 0)])
def test_orders_that_ask_for_nothing_are_refused(unheard: int, sweeps: int) -> None:
    orders = pb.StandingOrders(unheard_ms=unheard, sweeps=sweeps)
    message = pb.Directive(term=2, revision=3, standing=orders)
    with pytest.raises(WireError):
        wire.decode(pb.CollectorMessage(directive=message).SerializeToString())


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[Rbldnsd]:
    with Rbldnsd(tmp_path) as running:
        yield running


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


QUICK = pb.StandingOrders(unheard_ms=1_500, sweeps=2)
FREE = pb.Directive(term=1, revision=5, standing=QUICK)


class Quick(Collector):
    """Looks at zones twice a second."""

    port = 0

    async def stream(self, peer: Peer) -> None:
        pace = {
            "collector_time_ms": int(time.time() * 1000),
            "heartbeat_interval_ms": 300,
            "sweep_critical_ms": 500,
        }
        self.hellos.append(await peer.welcome(**pace))
        for body in self.sends:
            await peer.send(**body)
        while (message := await peer.read()) is not None:
            beat = message.heartbeat
            self.beats.append(beat)
            upto = max((event.id for event in beat.events), default=0)
            await peer.send(ack=pb.Ack(epoch=beat.epoch, sequence=beat.sequence, events_upto=upto))


def is_paused(node: Node) -> bool:
    return node.postfix.is_paused


@contextlib.asynccontextmanager
async def collecting(node: Node, *sends: pb.Directive, port: int = 0) -> AsyncIterator[Quick]:
    collector = Quick(sends=[{"directive": one} for one in sends])
    async with serving(node.issuer, collector.stream, port=port) as stand_in:
        collector.port = stand_in.place.fleet_port
        yield collector


@pytest.mark.needs("rbldnsd")
async def test_a_listed_node_without_a_collector_silences_itself_until_it_is_freed(
    node: Node, zone: Rbldnsd
) -> None:
    dns = f'zones = ["{ZEN}"]\nnameservers = ["{zone.address}"]'
    async with collecting(node, FREE) as collector:
        port = collector.port
        node.start(port, dns=dns)
        await eventually(lambda: collector.is_verified(FREE), seconds=20)
        zone.list(IP)
        listed = lambda: any(  # noqa: E731
            one.verdict == pb.VERDICT_LISTED for beat in collector.beats for one in beat.zones
        )
        await eventually(listed, seconds=20)
        # While somebody commands, a node leaves the decision to him.
        assert not is_paused(node)
    await eventually(lambda: is_paused(node), seconds=20)
    await eventually(lambda: node.status().get("is_silent"), seconds=20)
    assert ZEN in str(node.status()["silenced_itself"])
    assert node.stop() == 0
    # Neither a restart, nor the collector's old word, nor a clear zone opens it.
    zone.delist(IP)
    async with collecting(node, FREE, port=port) as collector:
        node.start(port, dns=dns)
        await eventually(lambda: collector.postfix.standing_since_ms, seconds=20)
        await eventually(lambda: collector.postfix.is_silent, seconds=20)
        since, why = collector.postfix.standing_since_ms, collector.postfix.standing_why
        assert ZEN in why
        assert is_paused(node)
        assert node.stop() == 0
    lifted = pb.Directive(term=1, revision=6, standing=QUICK, standing_lifted_ms=since)
    async with collecting(node, lifted, port=port) as collector:
        node.start(port, dns=dns)
        await eventually(lambda: not is_paused(node), seconds=20)
        await eventually(lambda: collector.is_verified(lifted), seconds=20)
        assert collector.postfix.standing_since_ms == 0
    assert node.postfix.done == ["pause", "resume"]
