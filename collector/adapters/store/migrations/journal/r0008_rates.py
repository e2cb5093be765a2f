"""Sums of an address's last day and week, refusals for reputation, who moved in a rotation, and
since when a node's SMTP service is down or its processor busy."""

from alembic import op

revision = "0008"
down_revision = "0007"

RATED = ("sent", '"deferred"', "bounced", "first_sent", "first_deferred", "first_bounced")
SUMS = ", ".join(
    f"{span}_{name.strip(chr(34))} INTEGER DEFAULT 0 NOT NULL"
    for span in ("day", "week")
    for name in RATED
)
STATEMENTS = (
    *(
        f"ALTER TABLE {table} ADD COLUMN blocked INTEGER DEFAULT 0 NOT NULL"
        for table in ("totals", "marks", "windows")
    ),
    f"""CREATE TABLE rates (node_number INTEGER NOT NULL, address TEXT NOT NULL,
slot INTEGER NOT NULL, hour_attempts INTEGER DEFAULT 0 NOT NULL, {SUMS},
PRIMARY KEY (node_number, address)) WITHOUT ROWID""",
    """CREATE TABLE moves (id INTEGER NOT NULL, at INTEGER NOT NULL, pool_id TEXT NOT NULL,
node_id TEXT NOT NULL, address TEXT NOT NULL, is_member INTEGER NOT NULL,
is_counted INTEGER NOT NULL, reason TEXT,
decision_id TEXT, PRIMARY KEY (id))""",
    "CREATE INDEX moves_by_age ON moves (at)",
    "ALTER TABLE node_states ADD COLUMN smtp_down_since INTEGER",
    "ALTER TABLE node_states ADD COLUMN cpu_busy_since INTEGER",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
