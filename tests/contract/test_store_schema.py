"""Migrations, the owners' two views, what is kept how long, and a fleet of three thousand."""

import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine

from collector.adapters.store import (
    migrate,
    samples,
    schema,
    schema_acts,
    schema_views,
    schema_zones,
)
from collector.core.judgement import ListingDraft
from collector.core.model import Automation
from collector.ports import OperatorPause
from tests.store_bed import (
    ZONE,
    beat,
    cell,
    enrol,
    entry,
    fill,
    ip,
    node_id,
    opened,
    pool_of,
)
from tests.store_judged import judgement

# Names and order are the owners'.
SENDING_NODES = [
    *("id", "provider_id", "ip_address", "hostname", "region", "status"),
    *("reputation_score", "current_load", "created_at", "last_heartbeat"),
]
BLACKLIST_EVENTS = ["id", "node_id", "blacklist_provider", "listed_at", "delisted_at", "details"]


def rows(folder: Path, query: str, *, name: str = "journal.db") -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / name)) as file:
        file.row_factory = sqlite3.Row
        return [dict(row) for row in file.execute(query)]


@pytest.mark.parametrize(
    "name, metadata",
    [("journal", schema.metadata), ("samples", samples.metadata)],
)
async def test_the_migrations_make_the_tables_of_the_schema(
    tmp_path: Path, name: str, metadata: MetaData
) -> None:
    async with opened(tmp_path):
        pass
    engine = create_engine(f"sqlite:///{tmp_path / name}.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert schema_acts.decisions.name in schema.metadata.tables
        assert schema_zones.zone_overrides.name in schema.metadata.tables
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_opening_again_migrates_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, [1], await pool_of(journal))
        revision = await journal.schema_revision()
    before = rows(tmp_path, "SELECT * FROM sqlite_master ORDER BY name")
    async with opened(tmp_path) as journal:
        assert await journal.schema_revision() == revision
        assert await journal.node_ids(after="", limit=9) == [node_id(1)]
    assert rows(tmp_path, "SELECT * FROM sqlite_master ORDER BY name") == before


async def test_migrations_are_numbered_in_one_line(tmp_path: Path) -> None:
    for which in ("journal", "samples"):
        files = sorted((migrate.HERE / which).glob("r*.py"))
        texts = [file.read_text() for file in files]
        numbers = [file.name[1:5] for file in files]
        for number, before, text in zip(numbers, ["", *numbers], texts, strict=False):
            assert f'revision = "{number}"' in text
            assert f"down_revision = {before!r}".replace("'", '"') in text or not before


async def test_the_files_are_the_collectors_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await pool_of(journal)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert {"journal.db", "journal.db-wal", "samples.db", "journal.lock"} <= modes.keys()


async def test_the_owners_tables_are_views(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, [1, 2], await pool_of(journal))
        await journal.record(beat(1, 1))
        draft = ListingDraft(
            node_id=node_id(1),
            address=ip(1),
            zone=ZONE,
            operator="spamhaus",
            answers=("127.0.0.2",),
            consequence="pause",
            confirmed_by="collector",
            details="127.0.0.2 from zen",
        )
        await journal.commit(judgement(listings_open=(draft,)))
        wish = OperatorPause(node_id=node_id(2), address=ip(2), pausing=True, note="")
        await journal.operator_pause(wish, entry())
    one, two = rows(tmp_path, "SELECT * FROM sending_nodes ORDER BY id")
    assert list(one) == SENDING_NODES
    assert one["ip_address"] == ip(1)
    assert (one["status"], two["status"]) == ("active", "paused")
    assert (one["reputation_score"], one["current_load"]) == (100, 0)
    assert one["created_at"] == "2026-03-01 12:00:00.000"
    assert (one["last_heartbeat"], two["last_heartbeat"]) == ("2026-03-01 12:00:30.000", None)
    (listed,) = rows(tmp_path, "SELECT * FROM ip_blacklist_events")
    assert list(listed) == BLACKLIST_EVENTS
    assert (listed["node_id"], listed["blacklist_provider"]) == (node_id(1), ZONE)
    assert (listed["listed_at"], listed["delisted_at"]) == ("2026-03-01 12:00:00.000", None)
    made = rows(tmp_path, "SELECT name, sql FROM sqlite_master WHERE type = 'view'")
    assert {row["name"]: row["sql"] for row in made} == schema_views.VIEWS


@pytest.mark.parametrize(
    "lifecycle, pause, status",
    [
        ("decommissioned", "", "decommissioned"),
        ("failed", "", "failed"),
        ("requested", None, "provisioning"),
        ("provisioning", "", "provisioning"),
        ("active", "", "paused"),
        ("draining", "", "paused"),
        ("draining", None, "maintenance"),
        ("maintenance", None, "maintenance"),
        ("warming", None, "warming"),
        ("active", None, "active"),
        ("active", ip(1), "paused"),
        ("active", "192.0.2.99", "active"),
    ],
)
async def test_status_is_the_first_that_fits(
    tmp_path: Path, lifecycle: str, pause: str | None, status: str
) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, [1], await pool_of(journal))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as file, file:
        file.execute("UPDATE nodes SET lifecycle = ?", (lifecycle,))
        if pause is not None:
            file.execute(
                """INSERT INTO pauses (id, node_id, address, reason, owner, note, decision_id,
 opened_at) VALUES ('p', ?, ?, 'LISTED', '', '', '', 0)""",
                (node_id(1), pause),
            )
    assert [row["status"] for row in rows(tmp_path, "SELECT status FROM sending_nodes")] == [status]


async def test_samples_hold_rates_and_sums(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, [1], await pool_of(journal))
        await journal.record(beat(1, 1, cells=[cell(ip(1), "gmail", sent=8, bounced=1, expired=1)]))
        await journal.record(beat(1, 2))
        await journal.record(beat(1, 2))
        await journal.record(beat(1, 3))
    first, minute, last = rows(tmp_path, "SELECT * FROM samples ORDER BY at", name="samples.db")
    assert (first["attempts"], first["sent"], first["bounced"]) == (10, 8, 2)
    assert (first["received"], first["transmitted"]) == (None, None)
    assert (last["received"], last["transmitted"]) == (1_000, 2_000)
    # The sums stand once a minute.
    assert (minute["attempts"], last["attempts"], last["queue_deferred"]) == (10, None, 7)
    assert (last["cpu"], last["memory"], last["disk"], last["load"]) == (250, 250, 250, 50)


async def test_three_thousand_nodes_are_read_in_reasonable_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        pool_id = await pool_of(journal, automation=Automation.ACT)
    fill(tmp_path, 3_000, pool_id)
    async with opened(tmp_path) as journal:
        begun = time.perf_counter()
        snapshot = await journal.load(None)
        whole = time.perf_counter() - begun
        begun = time.perf_counter()
        few = await journal.load([node_id(n) for n in range(1, 20)])
        part = time.perf_counter() - begun
        assert len(await journal.nodes()) == 3_000
    assert len(snapshot.nodes) == snapshot.fleet.addresses == 3_000
    assert [node.id for node in snapshot.nodes] == sorted(node.id for node in snapshot.nodes)
    assert few.fleet == snapshot.fleet
    assert few.nodes == snapshot.nodes[:19]
    # Wide bounds: the machine may be busy. What they catch is a statement a node.
    assert whole < 10
    assert part < whole / 3
