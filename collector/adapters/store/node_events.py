"""Rare facts from nodes into the timeline, each once: (node, epoch, id) is the key."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from collector.adapters.store import encode
from collector.core.heartbeat import Event

ONCE = """INSERT INTO node_events (epoch_number, id, received_at) VALUES (?, ?, ?)
 ON CONFLICT DO NOTHING"""
TELL = """INSERT INTO timeline (at, kind, node_id, severity, text, details)
 VALUES (?, 'event', ?, ?, ?, ?)"""
CELLS_MAX = 20  # named in one row of the timeline; the rest are counted


class Seen(NamedTuple):
    node_id: str
    epoch_number: int
    received: int
    event: Event


def write(journal: sqlite3.Connection, seen: Seen) -> None:
    event = seen.event
    cursor = journal.execute(ONCE, (seen.epoch_number, event.id, seen.received))
    if cursor.rowcount == 1:
        text = f"{event.kind.replace('_', ' ').lower()}: {event.text}".removesuffix(": ")
        row = (seen.received, seen.node_id, "info", text, encode.text(event))
        journal.execute(TELL, row)


def write_backwards(
    journal: sqlite3.Connection, *, node_id: str, at: int, cells: Sequence[Sequence[object]]
) -> None:
    """Totals that went backwards within an epoch: their cells were not stored; told."""
    shown = [
        dict(zip(("address", "receiver", "instance", "count", "told", "stored"), cell, strict=True))
        for cell in cells[:CELLS_MAX]
    ]
    details = encode.text({"kind": "totals_backwards", "refused": len(cells), "cells": shown})
    text = f"{len(cells)} totals went backwards within an epoch and were not stored"
    journal.execute(TELL, (at, node_id, "medium", text, details))
