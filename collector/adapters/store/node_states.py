"""What the journal knows of the nodes a group of heartbeats comes from, read once for the group."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

STATES = """SELECT node_id, number, epoch_number, epoch, sequence, last_heartbeat, uptime,
 network_received, network_sent, cells FROM node_states WHERE node_id IN ({})"""


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
