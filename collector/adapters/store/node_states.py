"""What the journal knows of the nodes a group of heartbeats comes from, and the one threshold their
rows need: read once for the group.
"""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from collector.core.policy import Policy

STATES = """SELECT node_id, number, epoch_number, epoch, sequence, last_heartbeat, uptime,
 network_received, network_sent, cells FROM node_states WHERE node_id IN ({})"""

BUSY_ABOVE = """SELECT json_extract(body, '$.cpu_alert') FROM policies
 ORDER BY revision DESC LIMIT 1"""


@dataclass(slots=True)
class State:
    """What the journal knew of a node before the group, then as the group goes on."""

    number: int
    epoch_number: int | None
    epoch: str
    sequence: int
    last_heartbeat: int | None
    uptime: int
    network_received: int
    network_sent: int
    cells: int


def states(journal: sqlite3.Connection, node_ids: Collection[str]) -> dict[str, State]:
    query = STATES.format(",".join("?" * len(node_ids)))
    return {row[0]: State(*row[1:]) for row in journal.execute(query, list(node_ids))}


def busy_above(journal: sqlite3.Connection) -> float:
    """From what share on a processor counts as busy: the policy's, else its default."""
    row = journal.execute(BUSY_ABOVE).fetchone()
    return float(row[0]) if row and row[0] is not None else Policy().cpu_alert
