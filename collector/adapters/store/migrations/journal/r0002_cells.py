"""Totals by instance, one row a cell; details, windows, replies and intake beside them."""

from alembic import op

revision = "0002"
down_revision = "0001"

COUNTS = """sent INTEGER DEFAULT 0 NOT NULL, "deferred" INTEGER DEFAULT 0 NOT NULL,
bounced INTEGER DEFAULT 0 NOT NULL, expired INTEGER DEFAULT 0 NOT NULL,
ours INTEGER DEFAULT 0 NOT NULL, rejected INTEGER DEFAULT 0 NOT NULL,
first_sent INTEGER DEFAULT 0 NOT NULL, first_deferred INTEGER DEFAULT 0 NOT NULL,
first_bounced INTEGER DEFAULT 0 NOT NULL, first_unknown INTEGER DEFAULT 0 NOT NULL,
bytes_sent INTEGER DEFAULT 0 NOT NULL"""
CELL = """epoch_number INTEGER NOT NULL, address TEXT NOT NULL, receiver TEXT NOT NULL,
instance TEXT NOT NULL"""
KEY = """PRIMARY KEY (epoch_number, address, receiver, instance),
FOREIGN KEY(epoch_number) REFERENCES epochs (number)"""

STATEMENTS = (
    "ALTER TABLE totals RENAME TO totals_before",
    f"CREATE TABLE totals ({CELL}, {COUNTS}, {KEY}) WITHOUT ROWID",
    """INSERT INTO totals
(epoch_number, address, receiver, instance, sent, "deferred", bounced, expired, ours)
SELECT epoch_number, address, receiver, '',
coalesce(sum(attempts) FILTER (WHERE outcome = 'sent'), 0),
coalesce(sum(attempts) FILTER (WHERE outcome = 'deferred'), 0),
coalesce(sum(attempts) FILTER (WHERE outcome = 'bounced'), 0),
coalesce(sum(attempts) FILTER (WHERE outcome = 'expired'), 0),
coalesce(sum(attempts) FILTER (WHERE outcome = 'ours'), 0)
FROM totals_before GROUP BY epoch_number, address, receiver""",
    "DROP TABLE totals_before",
    f"""CREATE TABLE details ({CELL}, delays BLOB DEFAULT (X'') NOT NULL,
classes TEXT DEFAULT '{{}}' NOT NULL, day INTEGER NOT NULL,
delays_today BLOB DEFAULT (X'') NOT NULL, classes_today TEXT DEFAULT '{{}}' NOT NULL,
day_before INTEGER DEFAULT 0 NOT NULL, delays_before BLOB DEFAULT (X'') NOT NULL,
classes_before TEXT DEFAULT '{{}}' NOT NULL, {KEY}) WITHOUT ROWID""",
    f"""CREATE TABLE windows (span INTEGER NOT NULL, slot INTEGER NOT NULL,
node_number INTEGER NOT NULL, address TEXT NOT NULL, receiver TEXT NOT NULL, {COUNTS},
PRIMARY KEY (span, slot, node_number, address, receiver)) WITHOUT ROWID""",
    f"CREATE TABLE marks ({CELL}, {COUNTS}, {KEY}) WITHOUT ROWID",
    "INSERT INTO marks SELECT * FROM totals",
    """CREATE TABLE windows_reached (id INTEGER NOT NULL, slot INTEGER NOT NULL,
node_number INTEGER NOT NULL, PRIMARY KEY (id))""",
    """CREATE TABLE replies (node_number INTEGER NOT NULL, receiver TEXT NOT NULL,
class TEXT NOT NULL, outcome TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL,
PRIMARY KEY (node_number, receiver, class),
FOREIGN KEY(node_number) REFERENCES node_states (number))""",
    "CREATE INDEX replies_by_receiver ON replies (receiver, class, at)",
    """CREATE TABLE intake (epoch_number INTEGER NOT NULL, instance TEXT NOT NULL,
client TEXT NOT NULL, messages INTEGER NOT NULL, PRIMARY KEY (epoch_number, instance, client),
FOREIGN KEY(epoch_number) REFERENCES epochs (number)) WITHOUT ROWID""",
    "ALTER TABLE node_states ADD COLUMN cells INTEGER DEFAULT 0 NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
