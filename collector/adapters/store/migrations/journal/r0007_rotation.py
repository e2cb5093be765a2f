"""Warm-up plans and their days, shares, what a pool rotates by, grants, and the load of nodes."""

from alembic import op

revision = "0007"
down_revision = "0006"

SENDING_NODES = """CREATE VIEW sending_nodes AS
-- status: from lifecycle and pauses. Whether a node is heard now stands in no table.
-- current_load: attempts of the last four whole quarters of an hour, in percent of the caps.
SELECT n.id AS id,
 n.provider_id AS provider_id,
 a.ip AS ip_address,
 n.hostname AS hostname,
 n.region AS region,
 CASE
  WHEN n.lifecycle IN ('decommissioned', 'failed') THEN n.lifecycle
  WHEN n.lifecycle IN ('requested', 'provisioning') THEN 'provisioning'
  WHEN EXISTS (SELECT 1 FROM pauses p
   WHERE p.node_id = n.id AND p.closed_at IS NULL AND p.address = ''
    AND p.receiver = '') THEN 'paused'
  WHEN NOT EXISTS (SELECT 1 FROM addresses s WHERE s.node_id = n.id AND s.is_present = 1
   AND NOT EXISTS (SELECT 1 FROM pauses p
    WHERE p.node_id = n.id AND p.address = s.ip AND p.receiver = ''
     AND p.closed_at IS NULL)) THEN 'paused'
  WHEN n.lifecycle IN ('draining', 'maintenance') THEN 'maintenance'
  ELSE n.lifecycle
 END AS status,
 n.reputation_score AS reputation_score,
 CASE WHEN EXISTS (SELECT 1 FROM warmups u WHERE u.node_id = n.id AND u.kind = 'address'
  AND u.hour_cap IS NOT NULL) THEN coalesce(
  (SELECT sum(w.sent + w."deferred" + w.bounced) FROM windows w
   WHERE w.span = 900 AND w.slot IN ((SELECT max(slot) FROM windows_reached),
    (SELECT max(slot) - 900 FROM windows_reached), (SELECT max(slot) - 1800 FROM windows_reached),
    (SELECT max(slot) - 2700 FROM windows_reached))
   AND w.node_number = t.number AND w.receiver <> 'local'
   AND (w.address = '' OR w.address IN (SELECT subject FROM warmups
    WHERE kind = 'address' AND node_id = n.id AND hour_cap IS NOT NULL))) * 100
  / (SELECT sum(u.hour_cap) FROM warmups u
   JOIN addresses c ON c.node_id = u.node_id AND c.ip = u.subject AND c.is_present = 1
   WHERE u.kind = 'address' AND u.node_id = n.id), 0) ELSE 0 END AS current_load,
 strftime('%Y-%m-%d %H:%M:%f', n.enrolled_at / 1000.0, 'unixepoch') AS created_at,
 strftime('%Y-%m-%d %H:%M:%f', t.last_heartbeat / 1000.0, 'unixepoch') AS last_heartbeat
FROM nodes n
JOIN node_states t ON t.node_id = n.id
JOIN addresses a ON a.node_id = n.id AND a.is_present = 1 AND a.position =
 (SELECT min(b.position) FROM addresses b WHERE b.node_id = n.id AND b.is_present = 1)"""

# Nodes that send already are warm as they are: the last of the 21 stages of owners-10k is done.
STATEMENTS = (
    "DROP VIEW sending_nodes",
    "ALTER TABLE pools ADD COLUMN strategy TEXT DEFAULT 'round-robin' NOT NULL",
    "ALTER TABLE pools ADD COLUMN region TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE pools ADD COLUMN monthly INTEGER DEFAULT 0 NOT NULL",
    "ALTER TABLE addresses ADD COLUMN share INTEGER DEFAULT 0 NOT NULL",
    """CREATE TABLE warmups (kind TEXT NOT NULL, subject TEXT NOT NULL,
node_id TEXT DEFAULT '' NOT NULL, ladder TEXT NOT NULL, stage INTEGER NOT NULL, day_cap INTEGER,
hour_cap INTEGER, started_at INTEGER NOT NULL, since INTEGER NOT NULL,
healthy_days INTEGER DEFAULT 0 NOT NULL, idle_days INTEGER DEFAULT 0 NOT NULL,
usual INTEGER DEFAULT 0 NOT NULL, judged INTEGER, counted INTEGER, sent_on INTEGER,
listed_since INTEGER, held_by TEXT, held_why TEXT DEFAULT '' NOT NULL, decision_id TEXT,
PRIMARY KEY (kind, subject, node_id))""",
    "CREATE INDEX warmups_by_node ON warmups (node_id)",
    """CREATE TABLE warmup_days (node_id TEXT NOT NULL, subject TEXT NOT NULL,
day INTEGER NOT NULL, volume INTEGER NOT NULL, cap INTEGER, "deferred" INTEGER NOT NULL,
bounced INTEGER NOT NULL, best_hour INTEGER NOT NULL, why TEXT NOT NULL,
PRIMARY KEY (node_id, subject, day)) WITHOUT ROWID""",
    "CREATE INDEX warmup_days_by_age ON warmup_days (day)",
    """CREATE TABLE grants ("key" TEXT NOT NULL, pool_id TEXT NOT NULL, receiver TEXT NOT NULL,
asked INTEGER NOT NULL, messages INTEGER NOT NULL, at INTEGER NOT NULL,
expires_at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY ("key"),
FOREIGN KEY(pool_id) REFERENCES pools (id))""",
    "CREATE INDEX grants_by_end ON grants (expires_at)",
    """INSERT INTO warmups (kind, subject, node_id, ladder, stage, started_at, since)
SELECT 'address', a.ip, a.node_id, 'owners-10k', 21, n.enrolled_at, n.enrolled_at
FROM addresses a JOIN nodes n ON n.id = a.node_id WHERE n.lifecycle = 'active'""",
    SENDING_NODES,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
