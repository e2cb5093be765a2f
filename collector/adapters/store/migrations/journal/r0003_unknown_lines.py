"""What nodes' agents did not understand of their logs."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """CREATE TABLE unknown_lines (node_number INTEGER NOT NULL, lines INTEGER NOT NULL,
deliveries INTEGER NOT NULL, overlong INTEGER NOT NULL, daemons TEXT NOT NULL,
newest TEXT NOT NULL, unknown INTEGER NOT NULL, at INTEGER NOT NULL,
PRIMARY KEY (node_number), FOREIGN KEY(node_number) REFERENCES node_states (number))""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
