"""The state file's tables and bounds. Text and numbers only: opens nothing."""

from datetime import timedelta

VERSION = 6
TABLES = frozenset(("node", "cells", "readings", "events", "reserve"))

# Times are microseconds since 1970-01-01 UTC, minutes are minutes since then. `changed_in` is the
# first heartbeat sequence that carries a row's present value. Bodies are JSON of the values in
# agent.model; `delays` and the hashes of open recipients are packed by agent.state_counts.
# `began_at` is the log position from which the epoch counts. `past` is history of before it, read
# from old logs on request (agent.state_past).
COUNTS = (
    """
    CREATE TABLE cells (
        address TEXT NOT NULL,
        receiver TEXT NOT NULL,
        instance TEXT NOT NULL,
        sent INTEGER NOT NULL DEFAULT 0,
        deferred INTEGER NOT NULL DEFAULT 0,
        bounced INTEGER NOT NULL DEFAULT 0,
        expired INTEGER NOT NULL DEFAULT 0,
        ours INTEGER NOT NULL DEFAULT 0,
        rejected INTEGER NOT NULL DEFAULT 0,
        first_sent INTEGER NOT NULL DEFAULT 0,
        first_deferred INTEGER NOT NULL DEFAULT 0,
        first_bounced INTEGER NOT NULL DEFAULT 0,
        first_unknown INTEGER NOT NULL DEFAULT 0,
        bytes_sent INTEGER NOT NULL DEFAULT 0,
        delays BLOB NOT NULL DEFAULT x'',
        classes TEXT NOT NULL DEFAULT '{}',
        changed_in INTEGER NOT NULL,
        PRIMARY KEY (address, receiver, instance)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE intake (
        instance TEXT NOT NULL,
        client TEXT NOT NULL,
        messages INTEGER NOT NULL,
        changed_in INTEGER NOT NULL,
        PRIMARY KEY (instance, client)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE replies (
        receiver TEXT NOT NULL,
        class TEXT NOT NULL,
        outcome TEXT NOT NULL,
        text TEXT NOT NULL,
        at INTEGER NOT NULL,
        changed_in INTEGER NOT NULL,
        PRIMARY KEY (receiver, class)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE history (
        minute INTEGER NOT NULL,
        address TEXT NOT NULL,
        receiver TEXT NOT NULL,
        outcome TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        PRIMARY KEY (minute, address, receiver, outcome)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE past (
        minute INTEGER NOT NULL,
        address TEXT NOT NULL,
        receiver TEXT NOT NULL,
        outcome TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        PRIMARY KEY (minute, address, receiver, outcome)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE open_recipients (
        id INTEGER PRIMARY KEY,
        opened BLOB NOT NULL,
        closed BLOB NOT NULL
    ) STRICT
    """,
)
# Totals by sending domain, and what is known of the messages under way
# (agent.maillog.tally_senders).
SENDERS = (
    """
    CREATE TABLE senders (
        domain TEXT NOT NULL PRIMARY KEY,
        sent INTEGER NOT NULL,
        deferred INTEGER NOT NULL,
        bounced INTEGER NOT NULL,
        first_sent INTEGER NOT NULL,
        first_deferred INTEGER NOT NULL,
        first_bounced INTEGER NOT NULL,
        first_unknown INTEGER NOT NULL,
        changed_in INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE underway (
        message BLOB NOT NULL PRIMARY KEY,
        said BLOB NOT NULL,
        recipients INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)
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
        is_resuming INTEGER NOT NULL DEFAULT 0,
        blind_until INTEGER,
        began_at BLOB,
        unknown_lines TEXT,
        catalogue TEXT,
        standing TEXT
    ) STRICT
    """,
    *COUNTS,
    *SENDERS,
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

# What brings a file of an older version to the next. What version 1 counted had no instance.
MIGRATIONS = {
    1: (
        "ALTER TABLE cells RENAME TO cells_1",
        "ALTER TABLE node ADD COLUMN blind_until INTEGER",
        "ALTER TABLE node ADD COLUMN began_at BLOB",
        *COUNTS,
        """
        INSERT INTO cells (address, receiver, instance, sent, deferred, bounced, expired, ours,
            changed_in)
        SELECT address, receiver, '',
            coalesce(sum(attempts) FILTER (WHERE outcome = 'sent'), 0),
            coalesce(sum(attempts) FILTER (WHERE outcome = 'deferred'), 0),
            coalesce(sum(attempts) FILTER (WHERE outcome = 'bounced'), 0),
            coalesce(sum(attempts) FILTER (WHERE outcome = 'expired'), 0),
            coalesce(sum(attempts) FILTER (WHERE outcome = 'ours'), 0),
            max(changed_in)
        FROM cells_1 GROUP BY address, receiver
        """,
        "DROP TABLE cells_1",
        "UPDATE node SET blind_until = counted_to",
        "PRAGMA user_version = 2",
    ),
    2: ("ALTER TABLE node ADD COLUMN unknown_lines TEXT", "PRAGMA user_version = 3"),
    3: ("ALTER TABLE node ADD COLUMN catalogue TEXT", "PRAGMA user_version = 4"),
    4: ("ALTER TABLE node ADD COLUMN standing TEXT", "PRAGMA user_version = 5"),
    5: (*SENDERS, "PRAGMA user_version = 6"),
}

# What is committed is on the disk. A small log that is written over again and again: with the
# reserve it needs no new block, so that a full disk does not silence the node's own report of it.
CHECKPOINT_PAGES = 64
PAGE_BYTES = 4096
RESERVE_BYTES = 128 * PAGE_BYTES
# Of which no account of the log may take the last: what else is noted needs little, but needs it.
ROOM_BYTES = 64 * PAGE_BYTES
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}",
    "PRAGMA cache_size = -512",
    "PRAGMA temp_store = MEMORY",
)

EVENTS_KEPT_MAX = 10_000  # seven days of a busy node; past it the oldest go and are counted
EVENTS_KEPT_FOR = timedelta(days=7)
HISTORY_KEPT = timedelta(days=1)
CORRUPT_KEPT_MAX = 3
