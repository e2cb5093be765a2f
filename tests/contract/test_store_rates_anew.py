"""Whose counts begin anew when a rate's pause ends, and from when on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector.core.judge import judge
from collector.core.model import Reason
from collector.core.policy import Policy
from collector.core.rates import HOUR_SECONDS, QUARTER_SECONDS
from collector.ports import OperatorPause
from tests.contract.test_store_rates import Node, bounces
from tests.store_bed import (
    HandClock,
    beat,
    cell,
    enrol,
    entry,
    hello,
    ip,
    node_id,
    opened,
    pool_of,
)
from tests.store_judged import judgement


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        await enrol(journal, (1, 2), await pool_of(journal))
        found = Node(journal, clock)
        await found.tell()
        yield found


async def test_the_hour_in_which_a_pause_ended_is_counted(node: Node) -> None:
    """Nothing was sent in it before; only a pause that was opened in it too says otherwise."""
    await node.quarter(**bounces(100, 150))
    made = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    await node.journal.commit(made)
    await node.rest(24 * HOUR_SECONDS)
    over = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    assert node.clock.now().minute == 15
    await node.journal.commit(over)
    await node.quarter(**bounces(10, 90))
    mail = await node.mail()
    assert (mail.week.first_sent, mail.week.first_bounced) == (10, 90)
    again = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    assert [draft.reason for draft in again.pauses_open] == [Reason.BOUNCE_RATE]
    await node.journal.commit(again)
    wish = OperatorPause(
        node_id=node_id(1), address=None, pausing=False, note="we talked", override=True
    )
    await node.journal.operator_pause(wish, entry("resume", node_id(1), at=node.clock.now()))
    await node.quarter(**bounces(20, 0))
    assert (await node.address()).mail is None


async def test_the_end_of_one_addresses_pause_leaves_its_siblings_counts(node: Node) -> None:
    """What a node cannot tell apart begins anew with any of them."""
    other = "198.18.0.99"
    await node.journal.record_hello(hello(1, addresses=(ip(1), other)))
    cells = [cell(address, "gmail", **bounces(100, 150)) for address in (ip(1), other, "")]
    node.sequence += 1
    told = beat(1, node.sequence, cells=cells)
    node.clock.move(QUARTER_SECONDS - 60)
    at = node.clock.now()
    await node.journal.record(replace(told, received_at=at, sent_at=at))
    node.clock.move(60)
    for _ in range(4):
        await node.journal.prune()
    made = judge(await node.journal.load([node_id(1)]), Policy(), now=node.clock.now())
    await node.journal.commit(made)
    first = next(p for p in (await node.facts()).pauses if p.address == ip(1))
    await node.journal.commit(replace(judgement(pauses_close=(first.id,)), at=node.clock.now()))

    async def counted() -> dict[str, int]:
        facts = (await node.facts()).addresses
        return {one.ip: one.mail.week.first_bounced if one.mail else -1 for one in facts}

    assert await counted() == {ip(1): 0, other: 150}
    await node.rest(QUARTER_SECONDS)
    assert await counted() == {ip(1): -1, other: 150}
