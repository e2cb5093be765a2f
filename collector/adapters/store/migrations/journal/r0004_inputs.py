"""What a decision was made of, beside it; why a policy was set."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "ALTER TABLE decisions ADD COLUMN inputs TEXT",
    "ALTER TABLE policies ADD COLUMN note TEXT DEFAULT '' NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
