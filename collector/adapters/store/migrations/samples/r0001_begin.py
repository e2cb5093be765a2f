"""The samples begin."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """CREATE TABLE samples (at INTEGER NOT NULL, node INTEGER NOT NULL, cpu INTEGER, memory
INTEGER, load INTEGER, disk INTEGER, queue_active INTEGER, queue_deferred INTEGER,
queue_hold INTEGER, queue_age INTEGER, received INTEGER, transmitted INTEGER, attempts
INTEGER, sent INTEGER, "deferred" INTEGER, bounced INTEGER, PRIMARY KEY (at, node))
WITHOUT ROWID""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
