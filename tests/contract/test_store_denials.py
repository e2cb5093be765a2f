"""A person's no of before it had a table of its own: it is about what stood then."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine

from collector.adapters.store import migrate

SINCE = "2026-03-01T12:00:00+00:00"
LISTING = (
    "INSERT INTO listings (id, node_id, address, zone, operator, answers, consequence,"
    " confirmed_by, details, opened_at, closed_at)"
    " VALUES (?, 'n1', '198.18.0.1', ?, '', '[]', ?, '', '', 1, ?)"
)
STANDING = (
    "INSERT INTO standing (node_id, address, receiver, kind, reason, decision_id, fate)"
    " VALUES (?, ?, ?, 'pause', ?, ?, ?)"
)
DECISION = (
    "INSERT INTO decisions (id, batch, at, term, node_id, address, pool_id, kind, reason, rule,"
    " fate, evidence, aggregates, policy_revision, core_version)"
    " VALUES ('d1', 'b', 7000, 1, 'n1', '', 'p', 'pause', 'LISTED', '', 'overridden', '{}', '{}',"
    " 1, '6')"
)


def upgraded(path: Path, to: str) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate.upgrade(connection, which="journal", to=to)
    engine.dispose()


def test_a_no_of_before_is_about_what_stood_then(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    upgraded(path, "0014")
    with closing(sqlite3.connect(path)) as file:
        file.execute(DECISION)
        file.executemany(
            LISTING,
            [
                ("l1", "zen.spamhaus.org", "pause", None),
                ("l2", "bl.spamcop.net", "policy", None),
                ("l3", "psbl.surriel.com", "pause", 9),
            ],
        )
        file.executemany(
            STANDING,
            [
                ("n1", "198.18.0.1", "", "LISTED", "d1", "overridden"),
                ("n1", "198.18.0.1", "gmail", "BLOCKED", "d1", "overridden"),
                ("n1", "", "", "STANDING_ORDER", "d1", "overridden"),
                ("n1", "198.18.0.1", "", "BOUNCE_RATE", "d2", "withheld"),
            ],
        )
        told = json.dumps({"postfix": {"standing": {"since": SINCE, "text": "listed"}}})
        columns = [row[1] for row in file.execute("PRAGMA table_info(node_states)") if row[3]]
        values = {"node_id": "n1", "latest": told} | {
            name: 0 for name in columns if name != "node_id"
        }
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" * len(values))
        file.execute(
            f"INSERT INTO node_states ({names}) VALUES ({marks})",  # its own columns
            list(values.values()),
        )
        file.commit()
    upgraded(path, "0015")
    with closing(sqlite3.connect(path)) as file:
        found = file.execute("SELECT reason, receiver, decision_id, at, about FROM denials")
        assert sorted(found) == [
            ("BLOCKED", "gmail", "d1", 7000, "[]"),
            ("LISTED", "", "d1", 7000, '["l1"]'),
            ("STANDING_ORDER", "", "d1", 7000, json.dumps([SINCE])),
        ]
        assert [row[0] for row in file.execute("SELECT reason FROM standing")] == ["BOUNCE_RATE"]
