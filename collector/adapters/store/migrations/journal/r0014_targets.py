"""The owners' targets that nodes miss, and since when."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE targets_missed (node_number INTEGER NOT NULL, name TEXT NOT NULL,
value TEXT NOT NULL, target TEXT NOT NULL, since INTEGER NOT NULL, seen_at INTEGER NOT NULL,
PRIMARY KEY (node_number, name)) WITHOUT ROWID"""
    )
