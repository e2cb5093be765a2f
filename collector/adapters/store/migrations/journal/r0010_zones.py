"""What a fleet says of zones otherwise than the catalogue; why a zone lists, in its own words."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    """CREATE TABLE zone_overrides (zone TEXT NOT NULL, is_enabled INTEGER, tier TEXT,
pace_seconds INTEGER, queries_per_day_max INTEGER, PRIMARY KEY (zone))""",
    "ALTER TABLE zone_facts ADD COLUMN reason TEXT DEFAULT '' NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
