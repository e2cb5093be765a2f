"""Which term the collector takes, and when the control pass is woken."""

from datetime import timedelta
from pathlib import Path

import anyio

from collector.core.judgement import Judgement
from collector.core.model import Order
from protos import fleet_pb2 as pb
from tests.rpc_bed import Bed, bed
from tests.rpc_node import milliseconds

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


# --- the term -----------------------------------------------------------------------------------


async def test_each_start_takes_a_new_term(tmp_path: Path) -> None:
    terms = []
    for _ in range(3):
        async with bed(tmp_path) as collector:
            terms.append(collector.reign.term)
    assert terms == [1, 2, 3]


async def test_a_node_that_saw_a_higher_term_makes_us_take_a_higher_one(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        one, two = await collector.enrol(), await collector.enrol(machine_id="machine-2")
        assert (await collector.connect(one).greet(term_highest=0)).term == 1
        # What we told it ourselves is no other reign's.
        assert (await collector.connect(one).greet(term_highest=1)).term == 1
        # From one we never told, the same number was given by somebody else.
        assert (await collector.connect(two).greet(term_highest=1)).term == 2
        assert (await collector.connect(one).greet(term_highest=7)).term == 8
        assert (await collector.connect(two).greet(term_highest=2)).term == 8
    async with bed(tmp_path) as collector:
        assert collector.reign.term == 9


async def test_many_at_once_take_one_new_term(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        seen: list[int] = []

        async def see(node_id: str) -> None:
            seen.append(await collector.reign.see(node_id, 41))

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(see, f"node-{number}")
        assert seen == [42] * 20


# --- the doorbell -------------------------------------------------------------------------------


async def test_a_steady_node_rings_for_its_first_two_heartbeats_alone(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        await told(collector, identity.node_id, order(collector.reign.term, 1))
        call = collector.connect(identity)
        await call.greet(applied=on_the_wire(order(collector.reign.term, 1)))
        assert (await call.hear()).directive.revision == 1
        assert await collector.bell_for() == set()
        rung = []
        for sequence in range(1, 6):
            collector.clock.off += timedelta(seconds=30)
            await call.beat(sequence, sent_at_ms=milliseconds(collector.clock.now()))
            rung.append(await collector.bell_for())
        assert rung == [{identity.node_id}] * 2 + [set()] * 3
        # It was late, and comes back.
        collector.clock.off += timedelta(seconds=100)
        await call.beat(6, sent_at_ms=milliseconds(collector.clock.now()))
        assert await collector.bell_for() == {identity.node_id}


async def test_a_hello_rings_when_the_node_has_no_order_or_another_one(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        await collector.connect(identity).greet()
        assert await collector.bell_for() == {identity.node_id}
        await told(collector, identity.node_id, order(collector.reign.term, 2))
        stale = on_the_wire(order(collector.reign.term, 1))
        await collector.connect(identity).greet(applied=stale)
        assert await collector.bell_for() == {identity.node_id}
