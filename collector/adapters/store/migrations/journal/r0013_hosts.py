"""Lines of other machines in a node's log, by host."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("ALTER TABLE unknown_lines ADD COLUMN hosts TEXT NOT NULL DEFAULT '{}'")
