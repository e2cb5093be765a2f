"""`mailfleet replay`: what a running collector decided comes out the same from its journal."""

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from collector.core.model import Automation
from collector.operate import change, replay
from collector.operate.desk import Wish
from collector.ports import Refused
from tests import collector_bed
from tests.collector_bed import OPERATOR, Bed

FREELY = Wish(actor=OPERATOR, reason="a test", affected_max=100)


@pytest.fixture
async def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)
    async with collector_bed.running(tmp_path) as running:
        await running.automation(Automation.ACT)
        await running.join("mta-1", "mta-2", "mta-3", "mta-4", "mta-5")
        yield running


async def decided(bed: Bed) -> list[str]:
    """Ids of all decisions, oldest first."""
    rows: list[Any] = list(await bed.parts.store.journal(after=-1000, limit=1000, node_id=None))
    return [row["details"]["decision_id"] for row in rows if row["kind"] == "decision"]


async def alter(bed: Bed, statement: str, *values: object) -> None:
    """Into the closed drawer: what another version, or a fault, would have left there."""
    with sqlite3.connect(bed.parts.config.state / "journal.db", timeout=5) as journal:
        assert journal.execute(statement, values).rowcount


async def test_a_story_replays_to_the_last_decision(bed: Bed) -> None:
    """One truly listed, one zone gone mad, one delisted, all under another policy meanwhile."""
    await bed.list("mta-1", "127.0.0.2")
    await bed.delist("mta-1")
    for name in bed.nodes:
        await bed.list(name, "127.0.0.4")
    said = set()
    for id_ in await decided(bed):
        answer: Any = await replay.read(bed.parts.desk, id_)
        assert answer["outcome"] == "identical", answer
        said.add((answer["decision"]["kind"], answer["decision"]["fate"]))
    assert said >= {("admit", "made"), ("pause", "made"), ("resume", "made"), ("pause", "withheld")}


async def test_the_command_shows_it(bed: Bed) -> None:
    (id_, *_) = await decided(bed)
    code, out, err = await bed.mailfleet("replay", id_)
    assert (code, err) == (0, "")
    assert "identical" in out
    assert "admit 192.0.2." in out
    code, out, _ = await bed.mailfleet("replay", id_, "-o", "json")
    assert (code, json.loads(out)["decision"]["id"]) == (0, id_)


async def test_other_rules_show_what_they_would_do(bed: Bed) -> None:
    (id_, *_) = await decided(bed)
    await alter(bed, "UPDATE decisions SET rule = 'an older rule' WHERE id = ?", id_)
    code, out, _ = await bed.mailfleet("replay", id_)
    assert code == 11
    assert "an older rule" in out
    await alter(bed, "UPDATE decisions SET core_version = '0' WHERE id = ?", id_)
    code, out, _ = await bed.mailfleet("replay", id_)
    assert code == 10
    assert "version 0, judged by" in out


async def test_what_cannot_be_read_is_said(bed: Bed) -> None:
    (id_, *_) = await decided(bed)
    await alter(bed, "UPDATE decisions SET inputs = '{\"version\": 7}' WHERE id = ?", id_)
    code, out, _ = await bed.mailfleet("replay", id_)
    assert code == 10
    assert "unsure" in out
    await alter(bed, "UPDATE decisions SET policy_revision = 99 WHERE id = ?", id_)
    code, _, err = await bed.mailfleet("replay", id_)
    assert (code, "revision 99" in err) == (4, True)


async def test_a_persons_word_and_a_stranger_are_refused(bed: Bed) -> None:
    await change.pause(bed.parts.desk, "mta-1", address=None, wish=FREELY)
    newest = (await decided(bed))[-1]
    with pytest.raises(Refused, match="a person decided it") as refused:
        await replay.read(bed.parts.desk, newest)
    assert refused.value.code == "NOT_JUDGED"
    code, _, err = await bed.mailfleet("replay", "nothing")
    assert (code, "no decision has the id nothing" in err) == (3, True)
