"""What the journal makes of a machine by the policy in force."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from collector.adapters.store import SqlStore
from collector.core.policy import Policy
from tests.store_bed import HandClock, beat, enrol, entry, host, node_id, opened, pool_of


async def busy_since(journal: SqlStore) -> datetime | None:
    (node,) = (await journal.load([node_id(1)])).nodes
    assert node.host is not None
    return node.host.cpu_busy_since


async def test_how_busy_is_busy_is_the_policys(tmp_path: Path) -> None:
    clock = HandClock()
    busy = replace(host(), cpu_ratio=0.6)
    async with opened(tmp_path, clock) as journal:
        await enrol(journal, (1,), await pool_of(journal))

        async def tell(sequence: int) -> datetime:
            at: datetime = clock.move(30)
            await journal.record(replace(beat(1, sequence), host=busy, received_at=at))
            return at

        await tell(1)
        assert await busy_since(journal) is None
        await journal.set_policy(Policy(revision=2, cpu_alert=0.5), entry("policy.set"))
        begun = await tell(2)
        assert await busy_since(journal) == begun
