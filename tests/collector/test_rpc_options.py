"""Each option of the gRPC servers by its effect: a wrong name fails nowhere but here."""

import asyncio
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path

import anyio
import grpc
import pytest
from google.protobuf.internal import api_implementation
from grpc import aio

from collector.rpc import options
from collector.rpc.enrolment import EnrolmentFace
from collector.rpc.fleet import FleetFace
from collector.rpc.options import NotUpb, Pace
from collector.rpc.servers import ListenError, Place, Setup, serve_enrolment, serve_fleet
from tests.rpc_bed import Bed, bed
from tests.rpc_node import Call, Identity, key_pem, new_key, request

STORM = 300


async def ask(channel: aio.Channel, method: str) -> grpc.StatusCode:
    call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    try:
        await call(b"", timeout=5)
    except aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_each_port_serves_its_own_service_alone(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        assert collector.fleet is not None
        assert collector.enrolment is not None
        identity = await collector.enrol()
        fleet = collector.channel(identity)
        for method in ("Enrol", "Renew", "Connect"):
            code = await ask(fleet, f"/mailfleet.v1.Enrolment/{method}")
            assert code is grpc.StatusCode.UNIMPLEMENTED, method
        enrolment = collector.channel(identity, port=collector.enrolment.port)
        error = await Call(enrolment).refusal()
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        for method in ("Enrol", "Renew"):
            code = await ask(enrolment, f"/mailfleet.v1.Enrolment/{method}")
            assert code is not grpc.StatusCode.UNIMPLEMENTED, method


async def test_a_second_collector_cannot_take_the_port(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        assert collector.fleet is not None
        assert collector.enrolment is not None
        setup = Setup(listeners=collector.listeners, fleet_size=1)
        taken = Place(address="127.0.0.1", port=collector.fleet.port)
        with pytest.raises(ListenError, match=str(collector.fleet.port)):
            await serve_fleet(FleetFace(collector.behind), taken, setup=setup)
        taken = Place(address="127.0.0.1", port=collector.enrolment.port)
        face = EnrolmentFace(collector.register, rejections=collector.rejections)
        with pytest.raises(ListenError):
            await serve_enrolment(face, taken, setup=setup)


def test_a_place_is_written_as_it_is_dialled() -> None:
    assert Place(address="192.0.2.1", port=7442).target == "192.0.2.1:7442"
    assert Place(address="::", port=7442).target == "[::]:7442"


PINGING = (
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.keepalive_timeout_ms", 1_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)


@pytest.mark.parametrize("interval_min, survives", [(0.8, True), (300.0, False)])
async def test_a_node_may_ask_whether_we_live_as_often_as_agents_do(
    tmp_path: Path, interval_min: float, survives: bool
) -> None:
    """Scaled by 30: a node that asks each second, a collector that allows it, and gRPC's own
    default, which would send the node away."""
    pace = Pace(ping_interval_min=timedelta(seconds=interval_min))
    async with bed(tmp_path, pace=pace) as collector:
        call = collector.connect(await collector.enrol(), *PINGING)
        await call.greet()
        reading = asyncio.create_task(call.call.read())
        done, _ = await asyncio.wait([reading], timeout=5.5)
        if survives:
            assert not done
            reading.cancel()
            await asyncio.wait([reading])
            return
        assert done
        with pytest.raises(aio.AioRpcError, match=r"(?i)too.many.pings"):
            await reading


async def test_a_node_that_vanished_is_noticed(tmp_path: Path) -> None:
    """A peer that answers no ping, as behind a broken path: the stream ends by itself."""
    pace = Pace(keepalive=timedelta(seconds=1), keepalive_timeout=timedelta(seconds=1))
    async with bed(tmp_path, pace=pace) as collector:
        assert collector.fleet is not None
        identity = await collector.enrol()
        async with Cable(collector.fleet.port) as cable:
            call = Call(collector.channel(identity, port=cable.port))
            await call.greet()
            assert collector.streams.connected()
            cable.cut = True
            with anyio.fail_after(8):
                while collector.streams.connected():
                    await anyio.sleep(0.05)
            call.call.cancel()


class Cable:
    """A TCP relay that can fall silent without closing."""

    def __init__(self, port: int) -> None:
        self.cut = False
        self.port = 0
        self._target = port
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Cable":
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if not self.cut:
                    writer.write(data)
        except ConnectionError:
            return


async def test_a_connection_carries_four_streams_at_most(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        channel = collector.channel(await collector.enrol())
        await channel.channel_ready()
        # They say nothing yet, so that none is closed in favour of another.
        silent = [Call(channel) for _ in range(4)]
        for call in silent:
            await call.call.wait_for_connection()
        fifth = Call(channel)
        waiting = asyncio.create_task(fifth.greet())
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        assert not done
        silent[-1].call.cancel()
        assert (await asyncio.wait_for(waiting, 5)).term


@pytest.mark.parametrize("pending, loses", [(options.PENDING_MIN, False), (1, True)])
async def test_a_storm_of_nodes_loses_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pending: int, loses: bool
) -> None:
    """And would, if the two limits on what waits were not raised."""
    monkeypatch.setattr(options, "PENDING_MIN", pending)
    monkeypatch.setattr(options, "PENDING_PER_NODE", 0)
    async with bed(tmp_path) as collector:
        identities = await many(collector, STORM if not loses else STORM // 3)
        lost: list[str] = []
        async with anyio.create_task_group() as tasks:
            for number, identity in enumerate(identities):
                tasks.start_soon(come, collector.connect(identity), number, lost)
        assert bool(lost) is loses
        assert len(collector.streams) == len(identities) - len(lost)


async def come(call: Call, number: int, lost: list[str]) -> None:
    try:
        with anyio.fail_after(40):
            await call.greet(machine_id=f"machine-{number}")
            await call.beat(1)
    except aio.AioRpcError as error:
        lost.append(f"{error.code()}: {error.details()}")


@pytest.mark.parametrize("seconds, waits", [(60, True), (1, False)])
async def test_a_call_may_wait_for_a_busy_collector(
    tmp_path: Path, seconds: int, waits: bool
) -> None:
    async with bed(tmp_path, pace=Pace(unrequested=timedelta(seconds=seconds))) as collector:
        assert collector.enrolment is not None
        port, trust = collector.enrolment.port, collector.authority.ca_pem()
        go = threading.Event()
        ready: list[int] = []
        asked = [
            asyncio.create_task(anyio.to_thread.run_sync(renew, port, trust, go, ready))
            for _ in range(4)
        ]
        while len(ready) < len(asked):
            await anyio.sleep(0.01)
        go.set()
        time.sleep(3)  # the collector's one loop is busy
        codes = await asyncio.gather(*asked)
        # One call is always taken in advance; the others wait.
        assert (codes == [grpc.StatusCode.OK] * 4) is waits, codes


def renew(port: int, trust: bytes, go: threading.Event, ready: list[int]) -> grpc.StatusCode:
    credentials = grpc.ssl_channel_credentials(trust)
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options=options) as channel:
        grpc.channel_ready_future(channel).result(timeout=20)
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        call = channel.unary_unary("/mailfleet.v1.Enrolment/Renew")
        ready.append(1)
        go.wait(20)
        try:
            call(b"", timeout=20)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK


async def many(collector: Bed, count: int) -> list[Identity]:
    """Nodes that have joined; one key for all of them, for speed."""
    key = new_key()
    identities = []
    for number in range(count):
        token = await collector.token()
        identity = await collector.enrol(
            token=token,
            csr_der=request(key),
            machine_id=f"machine-{number}",
            addresses=[f"10.0.{number // 250}.{number % 250}"],
        )
        identities.append(
            Identity(identity.node_id, key_pem(key), identity.certificate, identity.ca)
        )
    return identities


@pytest.mark.parametrize("size, pending", [(1, 20_000), (10_000, 20_000), (50_000, 100_000)])
def test_a_storm_of_the_whole_fleet_may_wait(size: int, pending: int) -> None:
    built = dict(options.build(fleet_size=size, pace=Pace()))
    assert built["grpc.server.max_pending_requests"] == pending
    assert built["grpc.server.max_pending_requests_hard_limit"] == pending
    assert built["grpc.server_max_unrequested_time_in_server"] == 60


def test_a_slow_protobuf_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    options.require_upb()
    monkeypatch.setattr(api_implementation, "Type", lambda: "python")
    with pytest.raises(NotUpb, match="'python'"):
        options.require_upb()


async def test_listening_on_both_families(tmp_path: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    async with bed(tmp_path) as collector:
        setup = Setup(listeners=collector.listeners, fleet_size=1)
        face = FleetFace(collector.behind)
        server = await serve_fleet(face, Place(address="::1", port=0), setup=setup)
        assert server.port > 0
        await server.stop()
