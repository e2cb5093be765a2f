"""The stream against a real mTLS listener: acks, loss, refusals, hand-over, an end in time."""

import asyncio
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import grpc
import pytest

from agent.model import (
    Ack,
    Directive,
    FromCollector,
    NewEpoch,
    Welcome,
)
from agent.stream import Stream, StreamEnded
from protos import fleet_pb2 as pb
from tests.agent.samples import HEARTBEAT
from tests.agent.stand_in import Issuer, Peer, eventually, serving, welcome
from tests.agent.uplink_bed import Node, beat, idle, running


async def test_hello_is_welcomed_and_each_heartbeat_is_acknowledged() -> None:
    issuer = Issuer()
    heard: list[pb.AgentMessage] = []

    async def collector(peer: Peer) -> None:
        await peer.welcome()
        while (message := await peer.read()) is not None:
            heard.append(message)
            beat = message.heartbeat
            await peer.send(ack=pb.Ack(epoch=beat.epoch, sequence=beat.sequence, events_upto=7))

    node = Node(issuer.identity("node-1"))
    async with serving(issuer, collector) as stand_in, running(node, stand_in.place) as uplink:
        for sequence in (1, 2, 3):
            await beat(uplink, sequence)
        await eventually(lambda: node.kinds().count(Ack) == 3)
    assert [message.heartbeat.sequence for message in heard] == [1, 2, 3]
    assert isinstance(node.came[0], Welcome)
    assert node.came[1] == Ack(epoch=HEARTBEAT.epoch, sequence=1, events_upto=7)


async def test_every_kind_of_message_is_handed_on_in_order() -> None:
    issuer = Issuer()

    async def collector(peer: Peer) -> None:
        await peer.welcome(full_state=True)
        await peer.send(directive=pb.Directive(term=1, revision=2, node_pauses=["LISTED"]))
        await peer.send(new_epoch=pb.NewEpoch(log_position=b"there"))
        await idle(peer)

    node = Node(issuer.identity("node-1"))
    async with serving(issuer, collector) as stand_in, running(node, stand_in.place):
        await eventually(lambda: len(node.came) == 3)
    assert node.came[1] == Directive(term=1, revision=2, node_pauses=("LISTED",))
    assert node.came[2] == NewEpoch(log_position=b"there")


async def test_a_killed_listener_is_found_again() -> None:
    issuer = Issuer()

    async def collector(peer: Peer) -> None:
        await peer.welcome()
        await idle(peer)

    node = Node(issuer.identity("node-1"))
    async with serving(issuer, collector) as first, running(node, first.place) as uplink:
        await eventually(lambda: uplink.is_connected)
        await first.stop()
        await eventually(lambda: not uplink.is_connected)
        assert uplink.problem
        assert node.losses >= 1
        async with serving(issuer, collector, port=first.place.fleet_port):
            await eventually(lambda: uplink.is_connected)
            assert uplink.problem == ""
    assert node.kinds().count(Welcome) == 2


async def test_a_heartbeat_at_the_moment_of_the_loss_is_only_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each time so many turns of the loop after the stream ended, before anyone is told."""
    issuer = Issuer()
    turns = 8
    beats: list[asyncio.Task[None]] = []
    read = Stream.read

    async def beat_after(turn: int) -> None:
        for _ in range(turn):
            await asyncio.sleep(0)
        if uplink.is_ready:
            uplink.send(HEARTBEAT)

    async def ending(stream: Stream) -> FromCollector:
        try:
            return await read(stream)
        except StreamEnded:
            beats.append(asyncio.create_task(beat_after(len(beats) % turns)))
            raise

    async def collector(peer: Peer) -> None:
        await peer.welcome()
        await asyncio.sleep(0.05)

    monkeypatch.setattr(Stream, "read", ending)
    node = Node(issuer.identity("node-1"), reconnect_spread=timedelta(milliseconds=1))
    async with serving(issuer, collector) as stand_in, running(node, stand_in.place) as uplink:
        await eventually(lambda: len(beats) >= turns)
    await asyncio.gather(*beats)


async def test_the_collector_may_ask_to_reconnect_later() -> None:
    issuer = Issuer()
    opened: list[float] = []

    async def collector(peer: Peer) -> None:
        await peer.welcome()
        opened.append(time.monotonic())
        if len(opened) == 1:
            await peer.send(reconnect_after=pb.ReconnectAfter(delay_ms=600))
        await idle(peer)

    node = Node(issuer.identity("node-1"))
    async with serving(issuer, collector) as stand_in, running(node, stand_in.place):
        await eventually(lambda: len(opened) == 2)
    assert opened[1] - opened[0] >= 0.6


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "REVOKED: certificate revoked", "REVOKED"),
        (grpc.StatusCode.UNAUTHENTICATED, "DUPLICATE_IDENTITY: two machines", "enrol --again"),
        (grpc.StatusCode.PERMISSION_DENIED, "something new", "something new"),
    ],
)
async def test_a_refusal_is_explained_and_not_hammered(
    code: grpc.StatusCode, text: str, said: str
) -> None:
    issuer = Issuer()

    async def collector(peer: Peer) -> None:
        await peer.read()
        await peer.context.abort(code, text)

    node = Node(issuer.identity("node-1"))
    async with serving(issuer, collector) as stand_in, running(node, stand_in.place) as uplink:
        await eventually(lambda: said in uplink.problem)
        await asyncio.sleep(0.5)
        assert len(stand_in.streams) == 1
        uplink.identity_changed()
        await eventually(lambda: len(stand_in.streams) == 2)
    assert node.came == []


async def test_another_ca_is_explained() -> None:
    issuer = Issuer()
    stranger = Issuer(name="another CA")
    node = Node(replace(stranger.identity("node-1"), ca=stranger.pem))
    async with serving(issuer, idle) as stand_in, running(node, stand_in.place) as uplink:
        await eventually(lambda: "CA this node enrolled with" in uplink.problem)
        assert stand_in.streams == []


async def test_a_clock_before_the_certificate_is_explained() -> None:
    issuer = Issuer()
    node = Node(replace(issuer.identity("x"), not_before=datetime(2100, 1, 1, tzinfo=timezone.utc)))

    async def collector(peer: Peer) -> None:
        await peer.context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async with serving(issuer, collector) as stand_in, running(node, stand_in.place) as uplink:
        await eventually(lambda: "set the clock" in uplink.problem)


@pytest.mark.parametrize(
    "body",
    [
        {"directive": pb.Directive(term=0, revision=1)},
        {"ack": pb.Ack(epoch="", sequence=1)},
        {"ack": pb.Ack(epoch="e" * 300_000, sequence=1)},
        {},
    ],
    ids=["term zero", "no epoch", "oversized", "empty"],
)
async def test_what_the_wire_does_not_allow_ends_the_stream_only(body: dict[str, object]) -> None:
    issuer = Issuer()

    async def collector(peer: Peer) -> None:
        await peer.welcome()
        if len(stand_in.streams) == 1:
            await peer.send(**body)
        await idle(peer)

    node = Node(issuer.identity("node-1"))
    async with serving(issuer, collector) as stand_in, running(node, stand_in.place) as uplink:
        await eventually(lambda: len(stand_in.streams) == 2)
        await eventually(lambda: uplink.is_connected)
    assert node.kinds() == [Welcome, Welcome]


async def test_a_directive_before_the_welcome_is_not_obeyed() -> None:
    issuer = Issuer()

    async def collector(peer: Peer) -> None:
        await peer.read()
        await peer.send(directive=pb.Directive(term=1, revision=1))
        await idle(peer)

    node = Node(issuer.identity("node-1"))
    async with serving(issuer, collector) as stand_in, running(node, stand_in.place) as uplink:
        await eventually(lambda: "before Welcome" in uplink.problem)
    assert node.came == []


async def test_a_renewed_identity_is_welcomed_before_the_old_stream_ends() -> None:
    issuer = Issuer()
    serials: list[str] = []
    ended: list[int] = []

    async def collector(peer: Peer) -> None:
        number = len(stand_in.streams)
        serials.append(str(list(peer.context.auth_context()["x509_pem_cert"])))
        await peer.welcome()
        try:
            await idle(peer)
        finally:
            ended.append(number)

    node = Node(issuer.identity("node-1"))
    async with serving(issuer, collector) as stand_in, running(node, stand_in.place) as uplink:
        await eventually(lambda: uplink.is_connected)
        node.identity = issuer.identity("node-1")
        uplink.identity_changed()
        await eventually(lambda: len(node.came) == 2)
        await eventually(lambda: ended == [1])
        await eventually(lambda: uplink.is_ready)
        assert uplink.problem == ""
    assert len(set(serials)) == 2


async def test_a_collector_that_drops_the_old_stream_first_does_not_disturb_the_hand_over() -> None:
    issuer = Issuer()

    async def collector(peer: Peer) -> None:
        hello = await peer.read()
        assert hello is not None
        if len(stand_in.streams) == 2:
            await stand_in.streams[0].send(reconnect_after=pb.ReconnectAfter(delay_ms=60_000))
            await asyncio.sleep(0.3)
        await peer.send(welcome=welcome())
        await idle(peer)

    node = Node(issuer.identity("node-1"))
    async with serving(issuer, collector) as stand_in, running(node, stand_in.place) as uplink:
        await eventually(lambda: uplink.is_connected)
        node.identity = issuer.identity("node-1")
        uplink.identity_changed()
        await eventually(lambda: len(node.came) == 2)
        await eventually(lambda: uplink.is_ready)


async def test_without_an_identity_it_waits_and_says_so() -> None:
    issuer = Issuer()
    node = Node(None)

    async def collector(peer: Peer) -> None:
        await peer.welcome()
        await idle(peer)

    async with serving(issuer, collector) as stand_in, running(node, stand_in.place) as uplink:
        await eventually(lambda: "not enrolled" in uplink.problem)
        node.identity = issuer.identity("node-1")
        uplink.identity_changed()
        await eventually(lambda: uplink.is_connected)
