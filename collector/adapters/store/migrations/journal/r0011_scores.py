"""Scores of addresses, each until the next."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    """CREATE TABLE scores (node_id TEXT NOT NULL, address TEXT NOT NULL, at INTEGER NOT NULL,
score INTEGER NOT NULL, lost TEXT NOT NULL, PRIMARY KEY (node_id, address, at)) WITHOUT ROWID""",
    "CREATE INDEX scores_by_age ON scores (at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
