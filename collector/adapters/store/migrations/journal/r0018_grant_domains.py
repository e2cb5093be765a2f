"""Grants say whose mail they are for: caps of sending domains."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("ALTER TABLE grants ADD COLUMN domain TEXT NOT NULL DEFAULT ''")
    op.execute("CREATE INDEX grants_by_domain ON grants (domain, at) WHERE domain <> ''")
