"""What was sent together goes again together; channels' troubles by an index."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("ALTER TABLE deliveries ADD COLUMN parcel TEXT NOT NULL DEFAULT ''")
    op.execute(
        "CREATE INDEX deliveries_lost ON deliveries (channel, finished_at)"
        " WHERE outcome IN ('given up', 'refused')"
    )
    op.execute(
        "CREATE INDEX deliveries_troubled ON deliveries (channel, created_at) WHERE problem <> ''"
    )
