"""One node, one stream: what the collector answers, and in which order."""

import asyncio
from datetime import timedelta
from pathlib import Path

import anyio
import grpc
import pytest
from grpc import aio

from collector.core.model import Order
from collector.rpc import fleet, streams
from protos import fleet_pb2 as pb
from tests.rpc_bed import Bed, bed, entry
from tests.rpc_node import Call, Identity, heartbeat, hello, key_pem, milliseconds, new_key, request

NOBODY = "00000000-0000-0000-0000-000000000000"


async def test_a_node_says_hello_and_gets_an_ack_for_each_heartbeat(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        welcome = await call.greet()
        assert welcome.node_id == identity.node_id
        assert welcome.term == collector.reign.term
        assert (welcome.heartbeat_interval_ms, welcome.heartbeat_jitter_ms) == (30_000, 3_000)
        assert (welcome.sweep_critical_ms, welcome.reconnect_spread_ms) == (300_000, 10_000)
        assert (welcome.full_state, welcome.replay_events) == (False, False)
        for sequence in (1, 2, 3):
            ack = await call.beat(sequence)
            assert ack.epoch == "epoch-1"
        account = await collector.store.account(identity.node_id)
        assert account is not None
        assert (account.sequence, account.log_position) == (3, b"position-3")


async def test_an_ack_says_up_to_which_event_all_is_committed(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        call = collector.connect(await collector.enrol())
        await call.greet()
        at = milliseconds(collector.clock.now())
        events = [
            pb.Event(id=n, kind=pb.EVENT_KIND_CONVERGED, at_ms=at, text="") for n in (4, 9, 7)
        ]
        assert (await call.beat(1, events=events)).events_upto == 9
        assert (await call.beat(2)).events_upto == 0


async def test_a_heartbeat_told_twice_is_acknowledged_twice_and_counted_once(
    tmp_path: Path,
) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        await call.greet()
        for _ in range(2):
            await call.beat(1)
        again = collector.connect(identity)
        await again.greet(sequence=1, run_id="run-1")
        await again.beat(1)
        account = await collector.store.account(identity.node_id)
        assert account is not None
        assert account.sequence == 1


def ordered(collector: Bed, *, revision: int) -> Order:
    return Order(
        term=collector.reign.term,
        revision=revision,
        node_pauses=("OPERATOR",),
        addresses=(("198.51.100.7", ("LISTED",)),),
    )


async def test_a_directive_reaches_the_live_stream(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        order = ordered(collector, revision=1)
        assert not collector.streams.send(identity.node_id, order)
        call = collector.connect(identity)
        await call.greet()
        assert collector.streams.connected() == {identity.node_id}
        assert collector.streams.send(identity.node_id, order)
        directive = (await call.hear()).directive
        assert (directive.term, directive.revision) == (collector.reign.term, 1)
        assert list(directive.node_pauses) == ["OPERATOR"]
        assert [(one.address, list(one.pauses)) for one in directive.addresses] == [
            ("198.51.100.7", ["LISTED"])
        ]
        assert not collector.streams.send(NOBODY, order)


async def test_only_the_newest_directive_waits(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        await call.greet()
        for revision in (1, 3, 2):
            order = ordered(collector, revision=revision)
            assert collector.streams.send(identity.node_id, order)
        await call.say(heartbeat(1))
        heard = [await call.hear(), await call.hear()]
        assert [m.directive.revision for m in heard if m.HasField("directive")] == [3]
        assert [m.ack.sequence for m in heard if m.HasField("ack")] == [1]


async def test_a_stream_that_ends_is_forgotten(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        for how in ("half-closed", "cancelled", "disconnected"):
            call = collector.connect(identity)
            await call.greet()
            assert collector.streams.connected() == {identity.node_id}
            if how == "half-closed":
                await call.call.done_writing()
            elif how == "cancelled":
                call.call.cancel()
            else:
                await call.channel.close()
            with anyio.fail_after(5):
                while collector.streams.connected():
                    await anyio.sleep(0.01)


async def test_a_node_that_says_nothing_is_sent_away(tmp_path: Path) -> None:
    async with bed(tmp_path, hello_seconds=0.3) as collector:
        identity = await collector.enrol()
        silent = collector.connect(identity)
        error = await silent.refusal()
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert str(error.details()).startswith("HELLO_MISSING: ")
        call = collector.connect(identity)
        await call.greet()
        await anyio.sleep(0.6)
        await call.beat(1)


@pytest.mark.parametrize("hours, works", [(-25, False), (-1, True), (1, True), (25, False)])
async def test_a_clock_a_day_off_is_refused_an_hour_is_skew(
    tmp_path: Path, hours: int, works: bool
) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        sent = milliseconds(collector.clock.now() + timedelta(hours=hours))
        await call.say(hello(sent_at_ms=sent))
        if not works:
            error = await call.refusal()
            assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
            assert str(error.details()).startswith("CLOCK: your clock is 25 hours")
            return
        assert (await call.hear()).welcome.node_id == identity.node_id
        await call.beat(1, sent_at_ms=sent)
        (node,) = await collector.store.nodes()
        skew = float(str(node["clock_skew_seconds"]))
        assert abs(skew - hours * 3600) < 60


async def test_a_certificate_the_journal_does_not_hold_opens_nothing(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        key = new_key()
        pem, _ = collector.authority.issue(request(key), node_id=NOBODY, now=collector.clock.now())
        forgotten = Identity(NOBODY, key_pem(key), pem, collector.authority.ca_pem())
        error = await collector.connect(forgotten).refusal()
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert str(error.details()).startswith("UNKNOWN_NODE: ")


async def test_farewell_asks_everybody_back_at_different_times(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        calls: list[Call] = []
        for number in range(4):
            call = collector.connect(await collector.enrol(machine_id=f"machine-{number}"))
            await call.greet(machine_id=f"machine-{number}")
            calls.append(call)
        begun = asyncio.get_running_loop().time()
        await collector.streams.farewell(timedelta(seconds=20))
        delays = [(await call.hear()).reconnect_after.delay_ms for call in calls]
        assert delays == [5_000, 10_000, 15_000, 20_000]
        await collector.stop()
        assert asyncio.get_running_loop().time() - begun < 3


async def test_a_stream_stays_open_while_its_node_is_silent(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        await call.greet()
        reading = asyncio.create_task(call.call.read())
        await anyio.sleep(0.5)
        assert not reading.done()
        collector.streams.close(identity.node_id, code="REVOKED", text="by the test")
        with pytest.raises(aio.AioRpcError, match="REVOKED: by the test"):
            await reading


async def test_a_revoked_node_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        calls = []
        for number in range(3):
            identity = await collector.enrol(machine_id=f"machine-{number}")
            call = collector.connect(identity)
            await call.greet(machine_id=f"machine-{number}")
            calls.append((identity, call))
        gone, call = calls[0]
        revoking = entry("revoke", gone.node_id, now=collector.clock.now())
        await collector.register.revoke(gone.node_id, revoking)
        await call.refusal()
        for _, other in calls[1:]:
            await other.beat(1)


async def test_a_node_that_reads_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "WRITE_SECONDS_MAX", 0.5)
    monkeypatch.setattr(fleet, "ABORT_SECONDS_MAX", 0.5)
    addresses = tuple((f"10.0.0.{n}", ("R" * 30,) * 32) for n in range(64))
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        other = collector.connect(await collector.enrol(machine_id="healthy"))
        await other.greet(machine_id="healthy")
        call = collector.connect(identity)
        await call.greet()
        with anyio.fail_after(20):
            revision = 0
            while identity.node_id in collector.streams.connected():
                revision += 1
                order = Order(term=1, revision=revision, addresses=addresses)
                collector.streams.send(identity.node_id, order)
                await anyio.sleep(0.01)
        await other.beat(1)
        await anyio.sleep(1)
        # Once it reads, it learns why.
        error = await call.refusal()
        assert error.code() is grpc.StatusCode.ABORTED
        assert str(error.details()).startswith("TOO_SLOW: ")
        assert any("TOO_SLOW" in str(row) for row in await collector.audit())
