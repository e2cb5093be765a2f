"""Whose memory is older, the node's or ours, and what follows from it."""

from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from collector.core.heartbeat import Account
from collector.core.judgement import Judgement
from collector.core.model import Order, Reason
from protos import fleet_pb2 as pb
from tests.rpc_bed import Bed, bed
from tests.rpc_node import hello

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
        await collector.counted(identity, 3)
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
