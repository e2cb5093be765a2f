"""What people are told: incidents, silences, and notices on their way to channels."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    """CREATE TABLE incidents (number INTEGER NOT NULL, cause TEXT NOT NULL, tenant TEXT,
opened_at INTEGER NOT NULL, told TEXT NOT NULL, severity TEXT, notices INTEGER NOT NULL,
told_at INTEGER, reminders INTEGER NOT NULL, reopened INTEGER NOT NULL, calm_since INTEGER,
resolved_at INTEGER, acknowledged_at INTEGER, acknowledged_by TEXT DEFAULT '' NOT NULL,
acknowledged_why TEXT DEFAULT '' NOT NULL, PRIMARY KEY (number))""",
    "CREATE INDEX incidents_by_end ON incidents (resolved_at)",
    """CREATE TABLE silences (number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
starts_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, made_by TEXT NOT NULL,
reason TEXT NOT NULL, cause TEXT, zone TEXT, node TEXT, pool TEXT, address TEXT, ended_by TEXT)""",
    "CREATE INDEX silences_by_end ON silences (ends_at)",
    """CREATE TABLE deliveries ("key" TEXT NOT NULL, channel TEXT NOT NULL, thread TEXT NOT NULL,
created_at INTEGER NOT NULL, attempts INTEGER DEFAULT 0 NOT NULL,
problem TEXT DEFAULT '' NOT NULL, outcome TEXT, said TEXT DEFAULT '' NOT NULL,
finished_at INTEGER, PRIMARY KEY ("key", channel))""",
    "CREATE INDEX deliveries_by_end ON deliveries (channel, finished_at)",
    "CREATE INDEX deliveries_by_age ON deliveries (finished_at)",
    "CREATE INDEX deliveries_by_thread ON deliveries (thread, channel)",
    """CREATE INDEX deliveries_waiting ON deliveries (channel, created_at)
WHERE finished_at IS NULL""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
