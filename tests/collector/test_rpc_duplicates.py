"""Two agents, one identity: who keeps the node, who is told what, and the alert."""

from datetime import timedelta
from pathlib import Path

import grpc
from grpc import aio

from tests.rpc_bed import Bed, bed
from tests.rpc_node import hello

DENIED = grpc.StatusCode.PERMISSION_DENIED


async def open_alerts(collector: Bed) -> list[str]:
    return [str(row["key"]) for row in await collector.store.alerts(open_only=True, limit=10)]


def says_duplicate(error: aio.AioRpcError) -> bool:
    return error.code() is DENIED and str(error.details()).startswith("DUPLICATE_IDENTITY: ")


async def test_the_same_machine_s_newer_stream_wins(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        older, newer = collector.connect(identity), collector.connect(identity)
        await older.greet()
        await older.beat(1)
        await newer.greet(run_id="run-2", sequence=1)
        error = await older.refusal()
        assert error.code() is grpc.StatusCode.ABORTED
        assert str(error.details()).startswith("REPLACED: ")
        assert (await newer.hear()).HasField("new_epoch")
        await newer.beat(1, epoch="epoch-2")
        assert await open_alerts(collector) == []


async def test_another_machine_does_not_get_the_node(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        healthy = collector.connect(await collector.enrol(machine_id="healthy"))
        await healthy.greet(machine_id="healthy")
        older, clone = collector.connect(identity), collector.connect(identity)
        await older.greet()
        await clone.say(hello(machine_id="machine-2", run_id="run-2"))
        error = await clone.refusal()
        assert says_duplicate(error)
        assert "enrol" in str(error.details())
        await older.beat(1)
        await healthy.beat(1)
        assert await open_alerts(collector) == [f"duplicate:{identity.node_id}"]
        (alert,) = await collector.store.alerts(open_only=True, limit=10)
        assert (alert["severity"], alert["node_id"]) == ("high", identity.node_id)
        assert any("DUPLICATE_IDENTITY" in str(row) for row in await collector.audit())
        # The machine that keeps the node may lose its stream; then the other one is let in.
        await older.channel.close()
        again = collector.connect(identity)
        await again.greet(machine_id="machine-2", run_id="run-2", sequence=1)


async def test_two_that_take_turns_are_both_out(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        calls = [collector.connect(identity) for _ in range(5)]
        for number, call in enumerate(calls[:4]):
            await call.greet(run_id=f"run-{number % 2}")
        await calls[4].say(hello(run_id="run-0"))
        assert says_duplicate(await calls[4].refusal())
        assert says_duplicate(await calls[3].refusal())
        assert await open_alerts(collector) == [f"duplicate:{identity.node_id}"]
        late = collector.connect(identity)
        await late.say(hello(run_id="run-1"))
        assert says_duplicate(await late.refusal())
        # After five minutes one of them is let in again; alone for long, the alert is over.
        collector.clock.off = timedelta(minutes=5)
        survivor = collector.connect(identity)
        await survivor.greet(run_id="run-1")
        await collector.intake.resolve_nuisances()
        assert await open_alerts(collector) == [f"duplicate:{identity.node_id}"]
        collector.clock.off = timedelta(minutes=16)
        await collector.intake.resolve_nuisances()
        assert await open_alerts(collector) == []


async def test_a_process_may_take_its_own_node_back_as_often_as_it_likes(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        for _ in range(8):
            await collector.connect(identity).greet()
        assert await open_alerts(collector) == []
        assert len(collector.streams) == 1


async def test_who_is_enrolled_anew_is_let_in_at_once(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        for number in range(5):
            await collector.connect(identity).say(hello(run_id=f"run-{number % 2}"))
        clone = collector.connect(identity)
        await clone.say(hello(run_id="run-9"))
        await clone.refusal()
        anew = await collector.enrol(token=await collector.token(identity.node_id))
        call = collector.connect(anew)
        await call.greet()
        await call.beat(1)


async def test_an_alert_of_before_a_restart_is_resolved_after_it(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        older, clone = collector.connect(identity), collector.connect(identity)
        await older.greet()
        await clone.say(hello(machine_id="machine-2", run_id="run-2"))
        await clone.refusal()
    async with bed(tmp_path) as collector:
        assert await open_alerts(collector) == [f"duplicate:{identity.node_id}"]
        call = collector.connect(identity)
        await call.greet()
        await collector.intake.resolve_nuisances()
        assert await open_alerts(collector) == [f"duplicate:{identity.node_id}"]
        collector.clock.off = timedelta(minutes=11)
        await collector.intake.resolve_nuisances()
        assert await open_alerts(collector) == []
