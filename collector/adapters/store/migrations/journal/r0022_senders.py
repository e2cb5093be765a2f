"""What nodes counted by sending domain: totals, marks, and windows over all nodes."""

from alembic import op

revision = "0022"
down_revision = "0021"

_COUNTS = ", ".join(
    f"{name} INTEGER NOT NULL DEFAULT 0"
    for name in (
        *("sent", "deferred", "bounced"),
        *("first_sent", "first_deferred", "first_bounced", "first_unknown"),
    )
)


def upgrade() -> None:
    for table in ("sender_totals", "sender_marks"):
        op.execute(
            f"""CREATE TABLE {table} (epoch_number INTEGER NOT NULL, domain TEXT NOT NULL,
{_COUNTS}, PRIMARY KEY (epoch_number, domain), FOREIGN KEY(epoch_number) REFERENCES epochs (number))
WITHOUT ROWID"""
        )
    op.execute(
        f"""CREATE TABLE sender_windows (span INTEGER NOT NULL, slot INTEGER NOT NULL,
domain TEXT NOT NULL, {_COUNTS}, PRIMARY KEY (span, slot, domain)) WITHOUT ROWID"""
    )
