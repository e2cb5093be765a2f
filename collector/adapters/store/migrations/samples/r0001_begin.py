"""The samples begin."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """CREATE TABLE rolled (name TEXT NOT NULL, at INTEGER NOT NULL, node INTEGER NOT NULL,
PRIMARY KEY (name))""",
    """CREATE TABLE samples (at INTEGER NOT NULL, node INTEGER NOT NULL, cpu INTEGER, memory
INTEGER, load INTEGER, disk INTEGER, queue_active INTEGER, queue_deferred INTEGER,
queue_hold INTEGER, queue_age INTEGER, received INTEGER, transmitted INTEGER, attempts
INTEGER, sent INTEGER, "deferred" INTEGER, bounced INTEGER, PRIMARY KEY (at, node))
WITHOUT ROWID""",
    """CREATE TABLE samples_1h (node INTEGER NOT NULL, at INTEGER NOT NULL, cpu INTEGER, memory
INTEGER, load INTEGER, disk INTEGER, queue_active INTEGER, queue_deferred INTEGER,
queue_hold INTEGER, queue_age INTEGER, received INTEGER, transmitted INTEGER, attempts
INTEGER, sent INTEGER, "deferred" INTEGER, bounced INTEGER, PRIMARY KEY (node, at))
WITHOUT ROWID""",
    """CREATE TABLE samples_5m (node INTEGER NOT NULL, at INTEGER NOT NULL, cpu INTEGER, memory
INTEGER, load INTEGER, disk INTEGER, queue_active INTEGER, queue_deferred INTEGER,
queue_hold INTEGER, queue_age INTEGER, received INTEGER, transmitted INTEGER, attempts
INTEGER, sent INTEGER, "deferred" INTEGER, bounced INTEGER, PRIMARY KEY (node, at))
WITHOUT ROWID""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
