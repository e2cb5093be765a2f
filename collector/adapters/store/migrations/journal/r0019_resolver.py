"""Through which nameserver the collector found, or looked at, what a zone says of an address."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("ALTER TABLE zone_facts ADD COLUMN resolver TEXT DEFAULT '' NOT NULL")
    op.execute("ALTER TABLE looks ADD COLUMN resolver TEXT DEFAULT '' NOT NULL")
