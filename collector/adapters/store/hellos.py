"""Hellos and new epochs: what a node says when it opens a stream. Raw statements, in the group."""

import sqlite3
from datetime import datetime

from collector.adapters.store import encode, windows
from collector.adapters.store.moments import to_ms, to_ms_or_none
from collector.core.heartbeat import Hello
from collector.ports import Refused
from deliverability import ladders

_DEFAULT = ladders.default(0)

HELLO = """UPDATE nodes SET agent_version = ?, boot_id = ?, run_id = ?, capabilities = ?,
 hello_at = ?, hostname = ? WHERE id = ?"""
COUNTED_FROM = """UPDATE epochs SET counted_from = ? WHERE node_id = ? AND epoch = ?
 AND counted_from IS NULL"""
KNOWN = """SELECT ip, is_present, in_rotation, pool_id FROM addresses WHERE node_id = ?
 ORDER BY position"""
TAKEN = """SELECT 1 FROM addresses WHERE ip = ? AND is_present = 1 AND node_id <> ?"""
ADD = """INSERT INTO addresses (node_id, ip, position, pool_id)
 SELECT id, ?, ?, pool_id FROM nodes WHERE id = ?"""
# An address of a node that sends already is warm as it comes; of a warming one it gets a plan.
WARM = f"""INSERT OR IGNORE INTO warmups (kind, subject, node_id, ladder, stage, started_at, since)
 SELECT 'address', ?1, id, '{_DEFAULT.name}', {len(_DEFAULT.stages)}, ?2, ?2 FROM nodes
 WHERE id = ?3 AND lifecycle = 'active'"""  # noqa: S608  # our own words
PRESENT = "UPDATE addresses SET is_present = 1, position = ? WHERE node_id = ? AND ip = ?"
GONE = """UPDATE addresses SET is_present = 0, in_rotation = 0, rotation_since = ?
 WHERE node_id = ? AND ip = ?"""
ROTATION = """INSERT INTO rotations (pool_id, revision, at, size)
 SELECT ?1, coalesce((SELECT max(revision) FROM rotations WHERE pool_id = ?1), 0) + 1, ?2,
 (SELECT count(*) FROM addresses WHERE is_present = 1 AND pool_id = ?1 AND in_rotation = 1)"""
TELL = """INSERT INTO timeline (at, kind, node_id, severity, text, details)
 VALUES (?, 'event', ?, 'medium', ?, ?)"""

EPOCH_KNOWN = "SELECT number FROM epochs WHERE node_id = ? AND epoch = ?"
EPOCH = "INSERT INTO epochs (node_id, epoch, began_at) VALUES (?, ?, ?) RETURNING number"
BEGIN = (
    "UPDATE node_states SET epoch_number = ?, epoch = ?, sequence = 0, cells = 0 WHERE node_id = ?"
)
NODE_EPOCH = "SELECT epoch FROM node_states WHERE node_id = ?"


def write(journal: sqlite3.Connection, hello: Hello) -> Refused | None:
    at = to_ms(hello.received_at)
    cursor = journal.execute(
        HELLO,
        (
            *(hello.agent_version, hello.boot_id, hello.run_id),
            *(encode.joined(hello.capabilities), at, hello.hostname, hello.node_id),
        ),
    )
    if cursor.rowcount != 1:
        return Refused("NODE_UNKNOWN", f"no node {hello.node_id}")
    if hello.counted_from is not None:
        row = (to_ms_or_none(hello.counted_from), hello.node_id, hello.epoch)
        journal.execute(COUNTED_FROM, row)
    if hello.addresses:
        _addresses(journal, hello, at)
    return None


def _addresses(journal: sqlite3.Connection, hello: Hello, at: int) -> None:
    """The node's own configuration says which addresses it sends from. One it no longer names
    leaves the rotation with it; one it names anew waits for its admission."""
    rows = journal.execute(KNOWN, (hello.node_id,))
    known = {ip: (is_present, in_rotation, pool) for ip, is_present, in_rotation, pool in rows}
    present = tuple(ip for ip, (is_present, _, _) in known.items() if is_present)
    if present == hello.addresses:
        return
    free, taken = _apart(journal, hello, known=frozenset(known))
    if taken:
        text = f"claims {', '.join(taken)}, which another node has: not taken"
        journal.execute(TELL, (at, hello.node_id, text, encode.text({"claimed": taken})))
    if not free or present == free:
        return
    for position, ip in enumerate(free):
        if ip in known:
            journal.execute(PRESENT, (position, hello.node_id, ip))
        else:
            journal.execute(ADD, (ip, position, hello.node_id))
            journal.execute(WARM, (ip, at, hello.node_id))
    gone = [ip for ip in present if ip not in free]
    for ip in gone:
        journal.execute(GONE, (at, hello.node_id, ip))
    if any(known[ip][1] for ip in gone):
        journal.execute(ROTATION, (known[gone[0]][2], at))
    if set(present) != set(free):
        text = f"sends from {', '.join(free)}; before: {', '.join(present) or 'nothing'}"
        details = encode.text({"before": present, "after": free})
        journal.execute(TELL, (at, hello.node_id, text, details))


def _apart(
    journal: sqlite3.Connection, hello: Hello, *, known: frozenset[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What it may have, and what another node has: a liar takes nobody's address. What it was
    enrolled with, by a person's token, stays its own."""
    taken = tuple(
        ip
        for ip in hello.addresses
        if ip not in known and list(journal.execute(TAKEN, (ip, hello.node_id)))
    )
    return tuple(ip for ip in hello.addresses if ip not in taken), taken


def begin_epoch(
    journal: sqlite3.Connection, node_id: str, *, epoch: tuple[str, datetime]
) -> Refused | None:
    """An epoch begins once. Beginning the present one again changes nothing; an earlier one would
    count its totals against later facts, and is refused."""
    name, at = epoch
    for (present,) in journal.execute(NODE_EPOCH, (node_id,)):
        if present == name:
            return None
        if list(journal.execute(EPOCH_KNOWN, (node_id, name))):
            return Refused("EPOCH_USED", f"{node_id} counted epoch {name} before {present}")
        windows.end_epoch(journal, node_id)
        ((number,),) = journal.execute(EPOCH, (node_id, name, to_ms(at)))
        journal.execute(BEGIN, (number, name, node_id))
        return None
    return Refused("NODE_UNKNOWN", f"no node {node_id}")
