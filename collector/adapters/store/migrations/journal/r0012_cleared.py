"""Of a look that told nothing: when the last one that told something said clear."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE looks ADD COLUMN cleared_at INTEGER")
