"""Whose memory is older, the node's or ours, and what follows from it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from collector.core.heartbeat import Account
from collector.core.judgement import Judgement
from collector.core.model import Order, Reason
from protos import fleet_pb2 as pb
from tests.rpc_bed import Bed, bed
from tests.rpc_node import Call, Identity, heartbeat, hello, milliseconds

ADDRESS = "198.51.100.7"


async def told(collector: Bed, node_id: str, order: Order) -> None:
    """The journal holds this order."""
    judgement = Judgement(at=collector.clock.now(), term=order.term, orders=((node_id, order),))
    await collector.store.commit(judgement)


def order(term: int, revision: int, *pauses: str, node: tuple[str, ...] = ()) -> Order:
    return Order(
        term=term, revision=revision, node_pauses=node, addresses=((ADDRESS, tuple(pauses)),)
    )


def on_the_wire(order: Order) -> pb.Directive:
    return pb.Directive(
        term=order.term,
        revision=order.revision,
        node_pauses=order.node_pauses,
        addresses=[pb.AddressOrder(address=a, pauses=pauses) for a, pauses in order.addresses],
    )


async def pauses(collector: Bed) -> list[tuple[str | None, Reason]]:
    (node,) = (await collector.store.load(None)).nodes
    return [(pause.address, pause.reason) for pause in node.pauses]


# --- the standing order -------------------------------------------------------------------------


async def test_a_node_gets_its_standing_order_with_its_hello(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        standing = order(collector.reign.term, 4, "LISTED")
        await told(collector, identity.node_id, standing)
        call = collector.connect(identity)
        await call.greet()
        assert (await call.hear()).directive == on_the_wire(standing)
        # Also who holds it already: a node resumes only on our word in its present run.
        again = collector.connect(identity)
        await again.greet(applied=on_the_wire(standing))
        assert (await again.hear()).directive == on_the_wire(standing)
        await again.beat(1)


async def test_an_older_order_in_force_is_replaced(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        await told(collector, identity.node_id, order(collector.reign.term, 4, "LISTED"))
        call = collector.connect(identity)
        await call.greet(applied=on_the_wire(order(collector.reign.term, 3)))
        assert (await call.hear()).directive.revision == 4


# --- a restored snapshot of the node ------------------------------------------------------------


async def counted(collector: Bed, identity: Identity, upto: int) -> Call:
    call = collector.connect(identity)
    await call.greet()
    for sequence in range(1, upto + 1):
        await call.beat(sequence)
    return call


async def test_a_restored_snapshot_begins_a_new_epoch_on_its_stream(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        first = await counted(collector, identity, 3)
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
        await counted(collector, identity, 3)
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
        await counted(collector, identity, 3)
        second = collector.connect(identity)
        begun = milliseconds(collector.clock.now() + timedelta(seconds=1))
        await second.greet(epoch="epoch-2", counted_from_ms=begun)
        await second.beat(1, epoch="epoch-2")
        snapshot = collector.connect(identity)
        await snapshot.greet(epoch="epoch-1", sequence=9)
        assert (await snapshot.hear()).new_epoch.log_position == b"position-1"
        await snapshot.beat(1, epoch="epoch-3")


async def test_who_takes_the_node_from_a_process_still_there_counts_anew(tmp_path: Path) -> None:
    """Both counted on from one state: heartbeat 4 of the one is not heartbeat 4 of the other."""
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        first = await counted(collector, identity, 3)
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
    """Between the asking and the beginning another process counted on, within one second."""
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        first = await counted(collector, identity, 3)
        other = collector.connect(identity)
        await other.greet(sequence=3, run_id="run-2")
        asked = (await other.hear()).new_epoch
        await first.refusal()
        again = collector.connect(identity)
        await again.greet(sequence=3)
        await again.hear()
        await again.beat(1, epoch="epoch-2", counted_to_ms=asked.counted_to_ms)
        late = collector.connect(identity)
        begun = {"sequence": 0, "counted_from_ms": asked.counted_to_ms}
        await late.greet(epoch="epoch-3", run_id="run-2", **begun)
        assert (await late.hear()).new_epoch.log_position == b"position-1"
        await late.say(heartbeat(1, epoch="epoch-3"))
        await late.beat(1, epoch="epoch-4")


async def test_who_comes_while_another_begins_an_epoch_is_not_refused(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        await counted(collector, identity, 3)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(collector.intake.new_epoch(identity.node_id, epoch="epoch-2"))
            tasks.create_task(collector.intake.settle(identity.node_id))
        account = await collector.store.account(identity.node_id)
        assert account is not None
        assert account.epoch == "epoch-2"


async def test_a_process_that_was_started_again_counts_on(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        first = await counted(collector, identity, 3)
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


# --- a restored collector -----------------------------------------------------------------------


async def test_an_order_ahead_of_the_journal_keeps_what_it_silenced_silent(
    tmp_path: Path,
) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        await told(collector, identity.node_id, order(collector.reign.term, 1))
        applied = order(collector.reign.term + 3, 7, "LISTED")
        call = collector.connect(identity)
        before = collector.reign.term
        welcome = await call.greet(applied=on_the_wire(applied), term_highest=before + 4)
        assert welcome.term == before + 5
        assert (welcome.full_state, welcome.replay_events) == (True, True)
        assert await pauses(collector) == [(ADDRESS, Reason.RESTORED)]
        # The node keeps what it has; the next order must stand above it.
        account = await collector.store.account(identity.node_id)
        assert account is not None
        assert account.order == applied
        assert (await call.hear()).directive == on_the_wire(applied)
        await call.beat(1)
        assert (await collector.bell_for()) == {identity.node_id}
        # Said again after a reconnect, it is known.
        again = collector.connect(identity)
        await again.greet(applied=on_the_wire(applied), term_highest=welcome.term, sequence=1)
        assert await pauses(collector) == [(ADDRESS, Reason.RESTORED)]


async def test_a_node_the_journal_never_told_anything_stays_as_it_was_told(
    tmp_path: Path,
) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        applied = order(1, 1, node=("OPERATOR",))
        await collector.connect(identity).greet(applied=on_the_wire(applied), term_highest=1)
        assert await pauses(collector) == [(None, Reason.RESTORED)]


async def test_an_order_ahead_that_lets_send_opens_no_pause(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        applied = order(9, 1)
        welcome = await collector.connect(identity).greet(
            applied=on_the_wire(applied), term_highest=9
        )
        assert welcome.term == 10
        assert await pauses(collector) == []


@pytest.mark.parametrize(
    "epoch, sequence, full_state, replay",
    [
        ("epoch-1", 3, False, False),
        # One heartbeat may have been under way when the stream broke.
        ("epoch-1", 4, True, False),
        ("epoch-1", 5, True, True),
        # An epoch nobody has heard of, and it has counted already: our memory is the older one.
        ("epoch-2", 9, True, True),
        ("epoch-2", 0, False, False),
    ],
)
async def test_what_we_do_not_hold_is_asked_for(
    tmp_path: Path, epoch: str, sequence: int, full_state: bool, replay: bool
) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        await counted(collector, identity, 3)
        welcome = await collector.connect(identity).greet(epoch=epoch, sequence=sequence)
        assert (welcome.full_state, welcome.replay_events) == (full_state, replay)


async def test_a_decommissioned_node_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No operator can decommission one yet: the account says so here."""
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()

        known = await collector.store.account(identity.node_id)
        assert known is not None

        async def gone(_: str) -> Account:
            return replace(known, lifecycle="decommissioned")

        monkeypatch.setattr(collector.store, "account", gone)
        call = collector.connect(identity)
        await call.say(hello())
        error = await call.refusal()
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert str(error.details()).startswith("DECOMMISSIONED: ")
