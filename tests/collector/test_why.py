"""`why`: also why not, of which brake, with its numbers and its end; by an event's number, too."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.core import policy_values
from collector.core.model import Automation, Brake, Kind
from collector.core.policy import Policy
from collector.operate import brakes, overview, testimony, why
from collector.ports import Refused
from tests import collector_bed, statement_plans
from tests.collector_bed import Bed

SEEN = {
    "pool": "default",
    "pool_in_rotation": 7,
    "pool_baseline": 10,
    "pool_floor": 6,
    "removed_in_this_pass": 1,
    "removed_lately": 2,
    "admitted_lately": 3,
    "fleet_nodes": 10,
    "fleet_addresses": 10,
    "zone_newly_listed": 5,
    "zone_brake_above": 3,
    "detector_why": "the clock jumped by +9.0 s",
}


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with collector_bed.running(tmp_path) as running:
        await running.automation(Automation.ACT)
        await running.join("mta-1", "mta-2", "mta-3", "mta-4", "mta-5")
        yield running


async def test_it_goes_through_no_table_that_grows(bed: Bed) -> None:
    await bed.list("mta-1", "127.0.0.2")
    (newest, *_) = await bed.parts.store.decisions("mta-1", limit=1)
    (last,) = await bed.parts.store.journal(after=-1, limit=1, node_id=None)
    with statement_plans.listening() as heard:
        for subject in ("mta-1", bed.nodes["mta-1"].address, newest["id"], last["seq"]):
            await why.read(bed.parts.desk, str(subject))
    assert statement_plans.scanned(bed.parts.config.state, heard) <= {"pools"}


async def test_a_nodes_alert_is_shown_however_many_others_stand(bed: Bed) -> None:
    first, other = bed.nodes["mta-1"].id, bed.nodes["mta-2"].id
    rows = [(f"skew:{number}", other, number) for number in range(1, 1_200)]
    journal = bed.parts.config.state / "journal.db"
    with closing(sqlite3.connect(journal, timeout=5)) as file, file:
        file.executemany(
            "INSERT INTO alerts (key, node_id, severity, text, opened_at)"
            " VALUES (?, ?, 'medium', 'its clock is off', ?)",
            [("skew:mine", first, 0), *rows],
        )
    for found in (
        await overview.nodes(bed.parts.desk),
        [await overview.one(bed.parts.desk, first)],
    ):
        (mine,) = [row for row in found if row["id"] == first]
        assert [alert["key"] for alert in overview.rows_of(mine, "alerts")] == ["skew:mine"]
        assert mine["health_status"] == "degraded"


async def chapters(bed: Bed, subject: str) -> dict[str, str]:
    answer: Any = await why.read(bed.parts.desk, subject)
    return {one["title"]: "\n".join(one["lines"]) for one in answer["chapters"]}


def withheld(brake: Brake, **seen: object) -> dict[str, object]:
    return {
        "fate": "withheld",
        "brake": brake.value,
        "kind": "remove",
        "node": "mta-1",
        "aggregates": {**SEEN, **seen},
        "thresholds": policy_values.of(Policy()),
    }


@pytest.mark.parametrize(
    ("brake", "said"),
    [
        (Brake.ZONE, ["5 nodes are newly listed", "no more than 3", "30m at most"]),
        (Brake.FLOOR, ["6 of pool default would go below 6", "60% of its median of 24 h, 10"]),
        (Brake.VELOCITY, ["3 of pool default left within 5m, at most 1 may"]),
        (Brake.READMISSION, ["3 of pool default came back within 5m, at most 1 may"]),
        (Brake.EMPTY, ["none of 10 nodes is heard"]),
        (Brake.DETECTOR, ["the clock jumped", "healthy for 10m"]),
        (Brake.STARTUP, ["120 s after the start"]),
        (Brake.STOPPED, ["mailfleet stop automation --lift"]),
    ],
)
def test_a_brake_says_its_numbers_and_its_end(brake: Brake, said: list[str]) -> None:
    text = "\n".join(brakes.lines(withheld(brake)))
    assert [part for part in said if part not in text] == []
    assert ("mailfleet node pause mta-1" in text) == (brake is not Brake.STOPPED)


@pytest.mark.parametrize("brake", Brake)
def test_what_an_older_version_did_not_keep_is_not_missed(brake: Brake) -> None:
    bare = {**withheld(brake), "aggregates": {}, "thresholds": None}
    assert list(brakes.lines(bare))


def test_what_only_observed_says_how_to_act() -> None:
    would = {**withheld(Brake.ZONE), "fate": "would", "brake": None}
    assert "mailfleet pool act default" in "\n".join(brakes.lines(would))
    assert not list(brakes.lines({**would, "fate": "made"}))


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words(kind: Kind) -> None:
    made = {"kind": kind.value, "address": None, "receiver": "gmail.com", "reason": "BLOCKED"}
    assert "at gmail.com for BLOCKED" in testimony.act(made)


async def test_why_not(bed: Bed) -> None:
    for name in bed.nodes:
        await bed.list(name, "127.0.0.4")
    rows: Any = await bed.parts.store.decisions("mta-5", limit=9)
    held = next(one for one in rows if one["fate"] == "withheld")
    told = await chapters(bed, str(held["id"]))
    assert "newly listed on the zone" in told["why not"]
    assert "it lets go when no more than" in told["why not"]
    assert told["undo"]


async def test_an_event_is_explained_by_its_number(bed: Bed) -> None:
    await bed.list("mta-1", "127.0.0.2")
    rows: Any = await bed.parts.store.journal(after=-200, limit=200, node_id=None)
    decided = (row for row in rows if row["kind"] == "decision")
    paused = next(row for row in decided if row["details"]["kind"] == "pause")
    assert (await chapters(bed, str(paused["seq"])))["decision"].startswith("PAUSE of 192.0.2.1")
    listing = next(row for row in rows if row["kind"] == "listing")
    answer = await why.read(bed.parts.desk, str(listing["seq"]))
    assert answer["subject"] == "mta-1"
    for seq in ("99999999", "9" * 400):
        with pytest.raises(Refused, match="no event has the number"):
            await why.read(bed.parts.desk, seq)
    term = next(row for row in rows if row["node_id"] is None)
    with pytest.raises(Refused, match="about no node"):
        await why.read(bed.parts.desk, str(term["seq"]))


def test_facts_without_a_sentence_are_told_as_they_are() -> None:
    evidence = {"disk_ratio": 0.97, "receiver": "gmail.com", "day": {"sent": 3, "bounced": 1}}
    said = {"evidence": evidence, "rule": "r", "policy_revision": 1, "aggregates": {}}
    row = {**said, "effects": [], "fate": "made", "kind": "pause", "address": None, "id": "d"}
    found = dict(testimony.chapters({**row, "reason": "DISK_FULL", "at": "2026-11-22T10:00:00Z"}))
    assert found["evidence"] == [
        "day: sent 3, bounced 1",
        "disk ratio: 0.97",
        "receiver: gmail.com",
    ]
    rate = {"count": 12, "of": 100, "over": "a day", "ratio": 0.12}
    row |= {"evidence": rate, "reason": "BOUNCE_RATE", "at": "2026-11-22T10:00:00Z"}
    assert dict(testimony.chapters(row))["evidence"] == ["12 of 100 in a day: 12.00%"]
