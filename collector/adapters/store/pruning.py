"""What the journal keeps how long, and its end in slices: no pass holds the writer for long."""

from datetime import timedelta

from sqlalchemy import Connection, text

from collector.adapters.store import mail_rates, targets, windows
from collector.adapters.store.moments import MILLISECOND

SLICE_ROWS = 500

EVENTS_KEPT = timedelta(days=8)  # agents replay seven days: an event is known for longer
ROTATIONS_KEPT = timedelta(days=8)  # the baseline looks back one
GRANTS_KEPT = timedelta(days=2)  # a key asked again gets its old answer
WARMUP_DAYS_KEPT = timedelta(days=35)  # capacity looks back thirty
TOKENS_KEPT = timedelta(days=30)
TIMELINE_KEPT = timedelta(days=90)
ACTS_KEPT = timedelta(days=400)  # a year to look back on, and what a month's report needs more

# Decisions that still stand or explain an open pause stay, however old. So does the newest
# revision of a rotation. Listings are few, and an address's history is wanted for years.
JOURNAL = (
    ("timeline", "seq", "at < :edge", TIMELINE_KEPT),
    ("node_events", "epoch_number, id", "received_at < :edge", EVENTS_KEPT),
    (
        "scores",
        "node_id, address, at",
        """at < :edge AND at < (SELECT max(n.at) FROM scores n
 WHERE n.node_id = scores.node_id AND n.address = scores.address AND n.at < :edge)""",
        ROTATIONS_KEPT,
    ),
    ("moves", "id", "at < :edge", ROTATIONS_KEPT),
    ("tokens", "secret_hash", "expires_at < :edge", TOKENS_KEPT),
    ("effects", "key", "finished_at < :edge", ACTS_KEPT),
    ("alerts", "id", "resolved_at < :edge", ACTS_KEPT),
    ("incidents", "number", "resolved_at < :edge", ACTS_KEPT),
    ("silences", "number", "ends_at < :edge", ACTS_KEPT),
    ("deliveries", "key, channel", "finished_at < :edge", TIMELINE_KEPT),
    ("pauses", "id", "closed_at < :edge", ACTS_KEPT),
    ("zone_brakes", "id", "released_at < :edge", ACTS_KEPT),
    ("audit", "id", "at < :edge", ACTS_KEPT),
    ("grants", "key", "expires_at < :edge", GRANTS_KEPT),
    (
        "warmup_days",
        "node_id, subject, day",
        "day < :edge / 86400000",
        WARMUP_DAYS_KEPT,
    ),
    (
        "decisions",
        "id",
        """at < :edge AND id NOT IN (SELECT decision_id FROM standing)
 AND id NOT IN (SELECT decision_id FROM denials)
 AND id NOT IN (SELECT decision_id FROM pauses WHERE closed_at IS NULL)""",
        ACTS_KEPT,
    ),
    (
        "rotations",
        "pool_id, revision",
        """at < :edge AND revision <
 (SELECT max(n.revision) FROM rotations n WHERE n.pool_id = rotations.pool_id AND n.at < :edge)""",
        ROTATIONS_KEPT,
    ),
)
SLICES = [
    (
        text(
            f"DELETE FROM {table} WHERE ({key}) IN"  # noqa: S608  # our own words above
            f" (SELECT {key} FROM {table} WHERE {old} LIMIT :limit)"
        ),
        kept // MILLISECOND,
    )
    for table, key, old, kept in JOURNAL
]


def prune(connection: Connection, *, now: int) -> int:
    """One slice of each table of the journal; how many rows went."""
    mail_rates.step(connection)
    targets.step(connection, now=now)
    return windows.step(connection, now=now // 1000) + sum(
        connection.execute(statement, {"edge": now - kept, "limit": SLICE_ROWS}).rowcount
        for statement, kept in SLICES
    )
