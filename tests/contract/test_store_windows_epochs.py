"""Windows know no epochs: what grew in one that ended before anybody looked is in them too."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from collector.core.heartbeat import Heartbeat, SenderCount
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS
from tests.store_bed import EPOCH, HandClock, beat, cell, enrol, ip, node_id, opened, pool_of

NODE = 2
SENT = (
    "SELECT sum(sent) FROM windows WHERE node_number = ? AND span = ? GROUP BY slot ORDER BY slot"
)
OF_DOMAIN = "SELECT sum(first_sent) FROM sender_windows WHERE span = ? GROUP BY slot ORDER BY slot"


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path, clock) as found:
        await enrol(found, (1, NODE, 3), await pool_of(found))
        yield found


class Told:
    def __init__(self, journal: SqlStore, clock: HandClock) -> None:
        self.journal, self.clock = journal, clock

    async def tell(self, sequence: int, *, sent: int, epoch: str = EPOCH) -> None:
        told = beat(NODE, sequence, epoch=epoch, cells=[cell(ip(NODE), "gmail", sent=sent)])
        domain = SenderCount("news.example", first_sent=sent)
        await self.record(replace(told, senders=(domain,)))

    async def record(self, told: Heartbeat) -> None:
        await self.journal.record(replace(told, received_at=self.clock.now()))

    async def looked(self, quarter: int) -> None:
        """A minute after that quarter began."""
        self.clock.seconds = quarter * QUARTER_SECONDS + 60
        for _ in range(4):
            await self.journal.prune()


async def test_what_grew_in_an_epoch_that_ended_is_in_the_windows_too(
    journal: SqlStore, tmp_path: Path, clock: HandClock
) -> None:
    node = Told(journal, clock)
    clock.seconds = 60
    await node.record(beat(NODE, 1))
    await node.tell(2, sent=5)
    await node.looked(1)
    await node.tell(3, sent=12)
    await journal.begin_epoch(node_id(NODE), epoch="epoch-2")
    await journal.begin_epoch(node_id(NODE), epoch="epoch-2")
    await node.tell(1, sent=30, epoch="epoch-2")
    await node.looked(2)
    await node.tell(2, sent=31, epoch="epoch-2")
    await node.looked(3)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as file:
        spans = (QUARTER_SECONDS, HOUR_SECONDS, DAY_SECONDS)
        sums = [[n for (n,) in file.execute(SENT, (NODE, span))] for span in spans]
        domain = [[n for (n,) in file.execute(OF_DOMAIN, (span,))] for span in spans[1:]]
    assert sums == [[5, 7 + 30, 1], [12 + 31], [12 + 31]]
    assert domain == [[12 + 31], [12 + 31]]
