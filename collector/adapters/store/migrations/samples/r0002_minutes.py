"""Minutes of history that nodes kept while nobody heard them."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """CREATE TABLE minutes (node INTEGER NOT NULL, at INTEGER NOT NULL, sent INTEGER,
"deferred" INTEGER, bounced INTEGER, expired INTEGER, ours INTEGER, PRIMARY KEY (node, at))
WITHOUT ROWID""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
