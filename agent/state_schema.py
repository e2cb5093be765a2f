"""The state file's tables and bounds. Text and numbers only: opens nothing."""

from datetime import timedelta

VERSION = 1
TABLES = frozenset(("node", "cells", "readings", "events", "reserve"))

# Times are microseconds since 1970-01-01 UTC. `changed_in` is the first heartbeat sequence that
# carries a cell's present value. Bodies are JSON of the values in agent.model.
SCHEMA = (
    """
    CREATE TABLE node (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch TEXT NOT NULL,
        sequence INTEGER NOT NULL DEFAULT 0,
        acknowledged INTEGER NOT NULL DEFAULT 0,
        counted_from INTEGER,
        counted_to INTEGER,
        position BLOB,
        reload_at INTEGER,
        in_flight INTEGER NOT NULL DEFAULT 0,
        begun INTEGER NOT NULL DEFAULT 0,
        event_next INTEGER NOT NULL,
        events_lost INTEGER NOT NULL DEFAULT 0,
        term_highest INTEGER NOT NULL DEFAULT 0,
        round INTEGER NOT NULL DEFAULT 0,
        directive TEXT,
        reconnect_spread INTEGER,
        is_resuming INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    """
    CREATE TABLE cells (
        address TEXT NOT NULL,
        receiver TEXT NOT NULL,
        outcome TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        changed_in INTEGER NOT NULL,
        PRIMARY KEY (address, receiver, outcome)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE readings (
        address TEXT NOT NULL,
        zone TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (address, zone)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        is_acknowledged INTEGER NOT NULL DEFAULT 0,
        body TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX events_unacknowledged ON events (id) WHERE is_acknowledged = 0",
    "CREATE TABLE reserve (zeroes BLOB NOT NULL) STRICT",
    f"PRAGMA user_version = {VERSION}",
)

# What is committed is on the disk. A small log that is written over again and again: with the
# reserve it needs no new block, so that a full disk does not silence the node's own report of it.
CHECKPOINT_PAGES = 64
RESERVE_BYTES = 128 * 4096
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}",
    "PRAGMA cache_size = -512",
    "PRAGMA temp_store = MEMORY",
)

EVENTS_KEPT_MAX = 10_000  # seven days of a busy node; past it the oldest go and are counted
EVENTS_KEPT_FOR = timedelta(days=7)
CORRUPT_KEPT_MAX = 3
