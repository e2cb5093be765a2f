"""Pauses and decisions may be about one receiver; a pause may expire, or be probed."""

from alembic import op

revision = "0005"
down_revision = "0004"

SENDING_NODES = """CREATE VIEW sending_nodes AS
-- status: from lifecycle and pauses. Whether a node is heard now stands in no table.
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
 n.current_load AS current_load,
 strftime('%Y-%m-%d %H:%M:%f', n.enrolled_at / 1000.0, 'unixepoch') AS created_at,
 strftime('%Y-%m-%d %H:%M:%f', t.last_heartbeat / 1000.0, 'unixepoch') AS last_heartbeat
FROM nodes n
JOIN node_states t ON t.node_id = n.id
JOIN addresses a ON a.node_id = n.id AND a.is_present = 1 AND a.position =
 (SELECT min(b.position) FROM addresses b WHERE b.node_id = n.id AND b.is_present = 1)"""
# SQLite adds no column to a primary key: that table is made anew.
STATEMENTS = (
    "DROP VIEW sending_nodes",
    "ALTER TABLE pauses ADD COLUMN receiver TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE pauses ADD COLUMN expires_at INTEGER",
    "ALTER TABLE pauses ADD COLUMN probe_at INTEGER",
    "DROP INDEX pauses_open",
    """CREATE UNIQUE INDEX pauses_open ON pauses (node_id, address, receiver, reason)
WHERE closed_at IS NULL""",
    "ALTER TABLE decisions ADD COLUMN receiver TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE standing RENAME TO standing_before",
    """CREATE TABLE standing (node_id TEXT NOT NULL, address TEXT NOT NULL,
receiver TEXT DEFAULT '' NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL,
decision_id TEXT NOT NULL, fate TEXT NOT NULL, brake TEXT,
PRIMARY KEY (node_id, address, receiver, kind, reason))""",
    """INSERT INTO standing (node_id, address, kind, reason, decision_id, fate, brake)
SELECT node_id, address, kind, reason, decision_id, fate, brake FROM standing_before""",
    "DROP TABLE standing_before",
    SENDING_NODES,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
