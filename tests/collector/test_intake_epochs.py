"""Whose memory of what was counted is older, the node's or ours: where an epoch begins."""

import asyncio
from pathlib import Path

import grpc

from tests.rpc_bed import bed
from tests.rpc_node import heartbeat


async def test_a_restored_snapshot_begins_a_new_epoch_on_its_stream(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        first = await collector.counted(identity, 3)
        call = collector.connect(identity)
        welcome = await call.greet(sequence=1)
        assert not welcome.full_state
        new_epoch = (await call.hear()).new_epoch
        assert new_epoch.log_position == b"position-3"
        assert new_epoch.counted_to_ms > 0
        # One of the old epoch was under way; it counts nothing and is not acknowledged.
        await call.say(heartbeat(2))
        ack = await call.beat(1, epoch="epoch-2")
        assert ack.epoch == "epoch-2"
        account = await collector.store.account(identity.node_id)
        assert account is not None
        assert (account.epoch, account.sequence) == ("epoch-2", 1)
        await first.refusal()


async def test_a_restored_snapshot_may_also_begin_with_a_hello(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        await collector.counted(identity, 3)
        call = collector.connect(identity)
        await call.greet(sequence=1)
        assert (await call.hear()).HasField("new_epoch")
        await call.greet(epoch="epoch-2", sequence=0)
        assert (await call.beat(1, epoch="epoch-2")).epoch == "epoch-2"
        again = collector.connect(identity)
        await again.greet(epoch="epoch-2", sequence=1)
        await again.beat(2, epoch="epoch-2")


async def test_a_snapshot_of_an_earlier_epoch_is_not_counted_again(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        await collector.counted(identity, 3)
        second = collector.connect(identity)
        await second.greet(sequence=1)
        await second.hear()
        await second.beat(1, epoch="epoch-2")
        snapshot = collector.connect(identity)
        await snapshot.greet(epoch="epoch-1", sequence=9)
        assert (await snapshot.hear()).new_epoch.log_position == b"position-1"
        await snapshot.beat(1, epoch="epoch-3")


async def test_who_takes_the_node_from_a_process_still_there_counts_anew(tmp_path: Path) -> None:
    """Both counted on from one state: heartbeat 4 of the one is not heartbeat 4 of the other."""
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        first = await collector.counted(identity, 3)
        other = collector.connect(identity)
        await other.greet(sequence=3, run_id="run-2")
        assert (await other.hear()).new_epoch.log_position == b"position-3"
        await other.beat(1, epoch="epoch-2")
        await first.refusal()
        # And the first, should it come back: its epoch is over.
        again = collector.connect(identity)
        await again.greet(sequence=4)
        assert (await again.hear()).new_epoch.log_position == b"position-1"


async def test_an_epoch_begun_too_late_is_asked_for_again(tmp_path: Path) -> None:
    """Between the asking and the beginning another process counted on."""
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        first = await collector.counted(identity, 3)
        other = collector.connect(identity)
        await other.greet(sequence=3, run_id="run-2")
        await other.hear()
        await first.refusal()
        again = collector.connect(identity)
        await again.greet(sequence=3)
        await again.hear()
        await again.beat(1, epoch="epoch-2")
        late = collector.connect(identity)
        await late.greet(epoch="epoch-3", run_id="run-2")
        assert (await late.hear()).new_epoch.log_position == b"position-1"
        await late.say(heartbeat(1, epoch="epoch-3"))
        await late.beat(1, epoch="epoch-4")


async def test_a_lost_state_begins_where_our_account_ends(tmp_path: Path) -> None:
    """Its agent began at the end of the log: what was logged before is counted all the same."""
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        first = await collector.counted(identity, 3)
        again = collector.connect(identity)
        await again.greet(epoch="of a new state")
        assert (await again.hear()).new_epoch.log_position == b"position-3"
        await again.beat(1, epoch="epoch-2")
        await first.refusal()


async def test_who_comes_while_another_begins_an_epoch_is_not_refused(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        await collector.counted(identity, 3)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(collector.intake.new_epoch(identity.node_id, epoch="epoch-2"))
            tasks.create_task(collector.intake.settle(identity.node_id))
        account = await collector.store.account(identity.node_id)
        assert account is not None
        assert account.epoch == "epoch-2"


async def test_a_process_that_was_started_again_counts_on(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        first = await collector.counted(identity, 3)
        await first.channel.close()
        async with asyncio.timeout(10):
            while collector.streams.connected():
                await asyncio.sleep(0.01)
        again = collector.connect(identity)
        await again.greet(sequence=3, run_id="run-2")
        assert (await again.beat(4)).epoch == "epoch-1"


async def test_a_node_does_not_begin_epochs_without_end(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        call = collector.connect(await collector.enrol())
        await call.greet()
        for number in range(8):
            await call.beat(1, epoch=f"next-{number}")
        await call.say(heartbeat(1, epoch="one-too-many"))
        assert (await call.refusal()).code() is grpc.StatusCode.INVALID_ARGUMENT
