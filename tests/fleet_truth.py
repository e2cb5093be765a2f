"""What the logs, the journal and the agents' state files say, read without mailfleet's own code.

For tests: an independent count of every mail.log, and plain SQL over files opened read-only.
"""

import json
import re
import shutil
import sqlite3
import struct
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

from demo.fleet import Fleet, Node

DELIVERY = re.compile(rb" postfix/(\w+)\[\d+\]: \w+: to=<.*, status=(\w+) \((.*)\)$")
# The offset in a log position: behind version, flags, device and inode.
POSITION = struct.Struct(">18xQ")
Totals = Mapping[str, int]


def recount(log: Path, upto: int | None = None) -> Totals:
    """Attempts by outcome in a log, or in its first so many bytes."""
    counted: Counter[str] = Counter()
    for line in log.read_bytes()[:upto].splitlines():
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


def status(node: Node) -> dict[str, Any]:
    """What the node's agent last said of itself."""
    found: dict[str, Any] = json.loads((node.folder / "state" / "status.json").read_text())
    return found


def node_id(node: Node) -> str:
    """By its certificate."""
    about = json.loads((node.folder / "state" / "identity" / "identity.json").read_text())
    return str(about["node_id"])


def said(fleet: Fleet, name: str, event: str) -> list[dict[str, Any]]:
    """Lines of this event in an agent's own log."""
    lines = (fleet.folder / f"{name}.log").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == event]


def reloads(node: Node) -> int:
    """How often the node's Postfix was told to read its configuration."""
    return node.log.read_bytes().count(b"]: reload -- version")


def copy_state(node: Node, target: Path) -> None:
    """The agent's state folder as a snapshot of a disk would hold it."""
    source = node.folder / "state"
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("state.db*"))
    with (
        closing(sqlite3.connect(f"file:{source / 'state.db'}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(target / "state.db")) as copy,
    ):
        live.backup(copy)


def put_state_back(node: Node, snapshot: Path) -> None:
    shutil.rmtree(node.folder / "state")
    shutil.copytree(snapshot, node.folder / "state", symlinks=True)


def totals(fleet: Fleet, name: str) -> tuple[int, Totals]:
    """What the collector counted of a node, over all its epochs, and up to which byte of its log.

    Both stand in the journal since the same heartbeat.
    """
    outcomes = ("sent", "deferred", "bounced", "expired", "ours")
    sums = ", ".join(f"sum({outcome})" for outcome in outcomes)
    ((position, *counts),) = journal(
        fleet,
        f"SELECT log_position, {sums} FROM node_states"  # our own words above
        " JOIN nodes ON nodes.id = node_states.node_id"
        " LEFT JOIN epochs ON epochs.node_id = nodes.id"
        " LEFT JOIN totals ON totals.epoch_number = epochs.number"
        " WHERE nodes.name = ?",
        name,
    )
    offset: int = POSITION.unpack_from(position)[0] if position else 0
    return offset, {one: count for one, count in zip(outcomes, counts, strict=True) if count}


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


def pauses(fleet: Fleet) -> list[str]:
    """Ids of the open ones."""
    rows = journal(fleet, "SELECT id FROM pauses WHERE closed_at IS NULL ORDER BY id")
    return [id_ for (id_,) in rows]


def rotations(fleet: Fleet) -> list[int]:
    """The pool's sizes in turn; revisions that only moved shares change none."""
    rows = journal(fleet, "SELECT size FROM rotations ORDER BY revision")
    return [size for size, _ in groupby(size for (size,) in rows)]


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


def gaps(fleet: Fleet, name: str) -> list[tuple[datetime, datetime]]:
    """Windows of log time of which a node said that lines may be missing, or counted twice."""
    rows = journal(
        fleet,
        "SELECT json_extract(details, '$.window[0]'), json_extract(details, '$.window[1]')"
        " FROM timeline JOIN nodes ON nodes.id = node_id"
        " WHERE name = ? AND json_extract(details, '$.kind') = 'log_gap'",
        name,
    )
    return [(datetime.fromisoformat(begin), datetime.fromisoformat(end)) for begin, end in rows]


def alerts(fleet: Fleet) -> dict[str, str]:
    """Severity by key, of the open ones."""
    return dict(journal(fleet, "SELECT key, severity FROM alerts WHERE resolved_at IS NULL"))


def audited(fleet: Fleet, subject: str) -> set[tuple[str, str]]:
    """(action, code of the refusal or "") about this subject."""
    rows = journal(
        fleet,
        "SELECT action, coalesce(json_extract(after, '$.code'), '') FROM audit WHERE subject = ?",
        subject,
    )
    return {(action, code) for action, code in rows}


def expire(fleet: Fleet, token: str) -> None:
    """As if half an hour had passed since the token was made."""
    text = token.split(".")[1]
    digest = sha256(urlsafe_b64decode(text + "=" * (-len(text) % 4))).hexdigest()
    path = fleet.folder / "collector" / "journal.db"
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
        change = "UPDATE tokens SET expires_at = created_at WHERE secret_hash = ?"
        assert database.execute(change, (digest,)).rowcount == 1
