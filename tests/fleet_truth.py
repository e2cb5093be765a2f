"""What the logs, the journal and the agents' state files say, read without mailfleet's own code.

For tests: an independent count of every mail.log, and plain SQL over files opened read-only.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from demo.fleet import Fleet, Node

DELIVERY = re.compile(rb" postfix/(\w+)\[\d+\]: \w+: to=<.*, status=(\w+) \((.*)\)$")
Totals = Mapping[str, int]


def recount(log: Path) -> Totals:
    """Attempts by outcome in a log and in what was rotated away from it, oldest first."""
    counted: Counter[str] = Counter()
    for path in [*sorted(log.parent.glob(f"{log.name}.*"), reverse=True), log]:
        for line in path.read_bytes().splitlines():
            if found := DELIVERY.search(line):
                daemon, status, text = found.groups()
                is_ours = daemon == b"retry" and text == b"deferred transport"
                counted["ours" if is_ours else status.decode()] += 1
    return dict(counted)


def ask(path: Path, question: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of a SQLite file somebody else may be writing to."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        return database.execute(question, values).fetchall()


def journal(fleet: Fleet, question: str, *values: object) -> list[tuple[Any, ...]]:
    return ask(fleet.folder / "collector" / "journal.db", question, *values)


def state(node: Node, question: str, *values: object) -> list[tuple[Any, ...]]:
    return ask(node.folder / "state" / "state.db", question, *values)


def totals(fleet: Fleet, name: str) -> Totals:
    """What the collector counted of a node, over all its epochs."""
    rows = journal(
        fleet,
        "SELECT outcome, sum(attempts) FROM totals JOIN epochs ON number = epoch_number"
        " JOIN nodes ON nodes.id = epochs.node_id WHERE nodes.name = ?"
        " GROUP BY outcome HAVING sum(attempts) > 0",
        name,
    )
    return dict(rows)


def epochs(fleet: Fleet, name: str) -> list[str]:
    """Oldest first."""
    rows = journal(
        fleet,
        "SELECT epoch FROM epochs JOIN nodes ON nodes.id = node_id WHERE name = ? ORDER BY number",
        name,
    )
    return [epoch for (epoch,) in rows]


def decisions(fleet: Fleet) -> list[tuple[str, str, str]]:
    """(node, kind, reason) in the order they were committed; one not made bears its fate too."""
    rows = journal(
        fleet,
        "SELECT name, kind, reason || iif(fate = 'made', '', ' ' || fate) FROM decisions"
        " JOIN nodes ON nodes.id = node_id ORDER BY decisions.at, decisions.rowid",
    )
    return [(name, kind, reason) for name, kind, reason in rows]


def memberships(fleet: Fleet) -> dict[str, tuple[int, int]]:
    """By address: whether it is in the rotation, and since when."""
    rows = journal(fleet, "SELECT ip, in_rotation, rotation_since FROM addresses")
    return {ip: (member, since) for ip, member, since in rows}


def rotations(fleet: Fleet) -> list[int]:
    """The pool's size at each of its revisions."""
    return [size for (size,) in journal(fleet, "SELECT size FROM rotations ORDER BY revision")]


def effects_not_done_once(fleet: Fleet) -> list[tuple[Any, ...]]:
    """Effects still pending, or told done more than once."""
    told: Counter[str] = Counter(
        key
        for (key,) in journal(
            fleet, "SELECT json_extract(details, '$.key') FROM timeline WHERE kind = 'effect'"
        )
    )
    rows = journal(fleet, "SELECT key, finished_at FROM effects")
    return [(key, at, told[key]) for key, at in rows if at is None or told[key] != 1]


def events_held(fleet: Fleet, name: str) -> set[int]:
    rows = journal(
        fleet,
        "SELECT node_events.id FROM node_events JOIN epochs ON number = epoch_number"
        " JOIN nodes ON nodes.id = node_id WHERE name = ?",
        name,
    )
    return {id_ for (id_,) in rows}


def events_acknowledged(node: Node) -> set[int]:
    """Which the node was told are kept."""
    return {id_ for (id_,) in state(node, "SELECT id FROM events WHERE is_acknowledged = 1")}
