"""What is asked for often is found by an index: the plans of its statements, not their time."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from tests import statement_plans
from tests.store_bed import START, beat, enrol, node_id, opened, pool_of

Asked = Callable[[SqlStore], Awaitable[object]]
WEEK_AGO = START - timedelta(days=7)


@pytest.mark.parametrize(
    "asked",
    [
        lambda journal: journal.effects(limit=500),
        lambda journal: journal.alerts(open_only=True, limit=100),
        lambda journal: journal.alerts(open_only=True, limit=9, node_id=node_id(1)),
        lambda journal: journal.standing_alerts(("channel",)),
        lambda journal: journal.ailing(limit=100),
        lambda journal: journal.node_ids(after="", limit=100),
        lambda journal: journal.pasts([node_id(1)], since=WEEK_AGO),
        lambda journal: journal.paused([node_id(1)], since=WEEK_AGO),
        lambda journal: journal.places([node_id(1)]),
        lambda journal: journal.decisions("mx1", limit=20),
        lambda journal: journal.nodes(node="mx1"),
    ],
)
async def test_no_table_that_grows_is_gone_through(tmp_path: Path, asked: Asked) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, [1], await pool_of(journal))
        with statement_plans.listening() as heard:
            await asked(journal)
        assert statement_plans.scanned(tmp_path, heard) == set()


async def test_effects_are_not_sorted(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        with statement_plans.listening() as heard:
            await journal.effects(limit=500)
        assert not [one for one in statement_plans.steps(tmp_path, heard) if "TEMP B-TREE" in one]


async def test_who_has_trouble_is_known_by_its_last_word(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, [1, 2], await pool_of(journal))
        for number, problems in ((1, ("the log cannot be read",)), (2, ())):
            said = beat(number, 1)
            await journal.record(replace(said, agent=replace(said.agent, problems=problems)))
        (row,) = await journal.ailing(limit=9)
        assert (row["id"], row["problems"]) == (node_id(1), ("the log cannot be read",))
        await journal.record(beat(1, 2))
        assert await journal.ailing(limit=9) == []
