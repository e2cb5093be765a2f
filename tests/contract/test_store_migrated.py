"""A journal of before, with what stood in it, brought to the newest schema: all of it stands as it
did and is carried on; one that is interrupted anywhere is as it was."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from collector.adapters.store import engines, migrate
from collector.core.model import Severity
from tests.store_bed import START, ZONE, ip, node_id, opened
from tests.store_judged import judgement

BEFORE = "0018"
AT = int(START.timestamp() * 1000)
STOOD = (
    "INSERT INTO pools (id, name, automation, created_at) VALUES ('p', 'p', 'act', 1)",
    "INSERT INTO nodes (id, name, pool_id, lifecycle, machine_id, hostname, enrolled_at)"
    f" VALUES ('{node_id(1)}', 'mx1', 'p', 'active', 'm', 'h', 1)",
    f"INSERT INTO epochs VALUES (1, '{node_id(1)}', 'e1', 1, 1)",
    "INSERT INTO node_states (number, node_id, epoch_number, epoch)"
    f" VALUES (1, '{node_id(1)}', 1, 'e1')",
    "INSERT INTO addresses (node_id, ip, position, pool_id, in_rotation, rotation_reason,"
    f" rotation_since) VALUES ('{node_id(1)}', '{ip(1)}', 0, 'p', 0, 'LISTED', {AT})",
    "INSERT INTO alerts (id, key, severity, text, opened_at, node_id)"
    f" VALUES (7, 'skew:{node_id(1)}', 'low', 'its clock', {AT}, '{node_id(1)}')",
    "INSERT INTO listings (id, node_id, address, zone, operator, answers, consequence,"
    f" confirmed_by, details, opened_at) VALUES ('l', '{node_id(1)}', '{ip(1)}', '{ZONE}', 's',"
    f" '[\"127.0.0.2\"]', 'pause', 'collector', '', {AT})",
    "INSERT INTO looks (address, zone, verdict, answers, sentinels, at, why)"
    f" VALUES ('{ip(1)}', '{ZONE}', 'listed', '[]', 'right', {AT}, '')",
)


def prepared(folder: Path) -> Engine:
    """An engine as the collector's own, over a journal of before."""
    engine = engines.build(folder / "journal.db", engines.JOURNAL, writes=True)
    with engine.begin() as connection:
        migrate.upgrade(connection, which="journal", to=BEFORE)
        for statement in STOOD:
            connection.exec_driver_sql(statement)
    return engine


def everything(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "journal.db")) as file:
        return list(file.iterdump())


class Interrupted(Exception):
    pass


async def test_what_stood_in_a_journal_of_before_stands_and_is_carried_on(tmp_path: Path) -> None:
    prepared(tmp_path).dispose()
    async with opened(tmp_path) as journal:
        found = await journal.load((node_id(1),))
        assert [(one.key, one.severity) for one in found.alerts] == [
            (f"skew:{node_id(1)}", Severity.LOW)
        ]
        assert [one.id for one in found.fleet.open_listings[ZONE]] == ["l"]
        (node,) = found.nodes
        assert [(one.zone, one.resolver) for one in node.addresses[0].looks] == [(ZONE, "")]
        await journal.commit(
            judgement(alerts_resolve=(f"skew:{node_id(1)}",), listings_close=("l",))
        )
        after = await journal.load(())
        assert (after.alerts, after.fleet.open_listings) == ((), {})


def test_an_upgrade_interrupted_anywhere_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    engine, left = prepared(tmp_path), 0
    before = everything(tmp_path)

    @event.listens_for(engine, "before_cursor_execute")
    def _interrupt(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Interrupted

    for statement in range(1, 500):
        left = statement
        try:
            with engine.begin() as connection:
                migrate.upgrade(connection, which="journal")
        except Interrupted:
            assert everything(tmp_path) == before, statement
            continue
        break
    assert statement > 20
    assert everything(tmp_path) != before
    engine.dispose()
