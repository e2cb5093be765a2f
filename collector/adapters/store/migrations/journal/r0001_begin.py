"""The journal begins: every table, and the owners' two as views."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """CREATE TABLE alerts (id INTEGER NOT NULL, "key" TEXT NOT NULL, node_id TEXT, severity
TEXT NOT NULL, text TEXT NOT NULL, opened_at INTEGER NOT NULL, resolved_at INTEGER,
PRIMARY KEY (id))""",
    """CREATE INDEX alerts_by_age ON alerts (opened_at)""",
    """CREATE INDEX alerts_by_end ON alerts (resolved_at)""",
    """CREATE UNIQUE INDEX alerts_open ON alerts ("key") WHERE resolved_at IS NULL""",
    """CREATE TABLE api_tokens (secret_hash TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT
NULL, created_at INTEGER NOT NULL, revoked_at INTEGER, PRIMARY KEY (secret_hash), UNIQUE
(name))""",
    """CREATE TABLE audit (id INTEGER NOT NULL, at INTEGER NOT NULL, actor TEXT NOT NULL,
origin TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, "before" TEXT NOT
NULL, "after" TEXT NOT NULL, PRIMARY KEY (id))""",
    """CREATE INDEX audit_by_age ON audit (at)""",
    """CREATE TABLE decisions (id TEXT NOT NULL, batch TEXT NOT NULL, at INTEGER NOT NULL, term
INTEGER NOT NULL, node_id TEXT NOT NULL, address TEXT NOT NULL, pool_id TEXT NOT NULL,
kind TEXT NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL, zone TEXT, fate TEXT NOT
NULL, brake TEXT, evidence TEXT NOT NULL, aggregates TEXT NOT NULL, policy_revision
INTEGER NOT NULL, core_version TEXT NOT NULL, PRIMARY KEY (id))""",
    """CREATE INDEX decisions_by_address ON decisions (address, at)""",
    """CREATE INDEX decisions_by_age ON decisions (at)""",
    """CREATE INDEX decisions_by_node ON decisions (node_id, at)""",
    """CREATE TABLE effects ("key" TEXT NOT NULL, batch TEXT NOT NULL, kind TEXT NOT NULL,
node_id TEXT, payload TEXT NOT NULL, created_at INTEGER NOT NULL, attempts INTEGER
DEFAULT 0 NOT NULL, outcome TEXT, finished_at INTEGER, PRIMARY KEY ("key"))""",
    """CREATE INDEX effects_by_batch ON effects (batch)""",
    """CREATE INDEX effects_by_end ON effects (finished_at)""",
    """CREATE INDEX effects_pending ON effects (created_at) WHERE finished_at IS NULL""",
    """CREATE TABLE looks (address TEXT NOT NULL, zone TEXT NOT NULL, verdict TEXT NOT NULL,
answers TEXT NOT NULL, sentinels TEXT NOT NULL, at INTEGER NOT NULL, why TEXT NOT NULL,
PRIMARY KEY (address, zone))""",
    """CREATE TABLE meta ("key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key"))""",
    """CREATE TABLE policies (revision INTEGER NOT NULL, body TEXT NOT NULL, at INTEGER NOT
NULL, made_by TEXT NOT NULL, PRIMARY KEY (revision))""",
    """CREATE TABLE pools (id TEXT NOT NULL, name TEXT NOT NULL, automation TEXT NOT NULL,
created_at INTEGER NOT NULL, tenant_id TEXT, workspace_id TEXT, PRIMARY KEY (id), UNIQUE
(name))""",
    """CREATE TABLE standing (node_id TEXT NOT NULL, address TEXT NOT NULL, kind TEXT NOT NULL,
reason TEXT NOT NULL, decision_id TEXT NOT NULL, fate TEXT NOT NULL, brake TEXT, PRIMARY
KEY (node_id, address, kind, reason))""",
    """CREATE TABLE timeline (seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, at INTEGER NOT
NULL, kind TEXT NOT NULL, node_id TEXT, severity TEXT NOT NULL, text TEXT NOT NULL,
details TEXT NOT NULL)""",
    """CREATE INDEX timeline_by_age ON timeline (at)""",
    """CREATE INDEX timeline_by_node ON timeline (node_id, seq)""",
    """CREATE TABLE zone_brakes (id INTEGER NOT NULL, zone TEXT NOT NULL, engaged_at INTEGER
NOT NULL, released_at INTEGER, PRIMARY KEY (id))""",
    """CREATE UNIQUE INDEX zone_brakes_open ON zone_brakes (zone) WHERE released_at IS NULL""",
    """CREATE TABLE nodes (id TEXT NOT NULL, name TEXT NOT NULL, pool_id TEXT NOT NULL,
automation TEXT, lifecycle TEXT NOT NULL, machine_id TEXT NOT NULL, hostname TEXT NOT
NULL, provider_id TEXT DEFAULT '' NOT NULL, region TEXT DEFAULT '' NOT NULL,
reputation_score INTEGER DEFAULT 100 NOT NULL, current_load INTEGER DEFAULT 0 NOT NULL,
enrolled_at INTEGER NOT NULL, tenant_id TEXT, workspace_id TEXT, agent_version TEXT
DEFAULT '' NOT NULL, boot_id TEXT DEFAULT '' NOT NULL, run_id TEXT DEFAULT '' NOT NULL,
capabilities TEXT DEFAULT '[]' NOT NULL, hello_at INTEGER, PRIMARY KEY (id), UNIQUE
(name), FOREIGN KEY(pool_id) REFERENCES pools (id))""",
    """CREATE INDEX nodes_by_pool ON nodes (pool_id, lifecycle)""",
    """CREATE TABLE rotations (pool_id TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT
NULL, size INTEGER NOT NULL, PRIMARY KEY (pool_id, revision), FOREIGN KEY(pool_id)
REFERENCES pools (id))""",
    """CREATE INDEX rotations_by_age ON rotations (pool_id, at)""",
    """CREATE TABLE tokens (secret_hash TEXT NOT NULL, pool_id TEXT NOT NULL, created_at
INTEGER NOT NULL, expires_at INTEGER NOT NULL, created_by TEXT NOT NULL, node_id TEXT,
used_at INTEGER, PRIMARY KEY (secret_hash), FOREIGN KEY(pool_id) REFERENCES pools (id))""",
    """CREATE TABLE addresses (node_id TEXT NOT NULL, ip TEXT NOT NULL, position INTEGER NOT
NULL, pool_id TEXT NOT NULL, is_present INTEGER DEFAULT 1 NOT NULL, in_rotation INTEGER
DEFAULT 0 NOT NULL, rotation_reason TEXT, rotation_since INTEGER, rotation_decision
TEXT, PRIMARY KEY (node_id, ip), FOREIGN KEY(node_id) REFERENCES nodes (id))""",
    """CREATE INDEX addresses_by_ip ON addresses (ip)""",
    """CREATE INDEX addresses_counted ON addresses (pool_id, is_present, in_rotation)""",
    """CREATE TABLE certificates (fingerprint TEXT NOT NULL, node_id TEXT NOT NULL, serial TEXT
NOT NULL, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, revoked_at INTEGER,
PRIMARY KEY (fingerprint), FOREIGN KEY(node_id) REFERENCES nodes (id))""",
    """CREATE INDEX certificates_by_node ON certificates (node_id)""",
    """CREATE TABLE epochs (number INTEGER NOT NULL, node_id TEXT NOT NULL, epoch TEXT NOT
NULL, began_at INTEGER NOT NULL, counted_from INTEGER, PRIMARY KEY (number), FOREIGN
KEY(node_id) REFERENCES nodes (id))""",
    """CREATE UNIQUE INDEX epochs_once ON epochs (node_id, epoch)""",
    """CREATE TABLE listings (id TEXT NOT NULL, node_id TEXT NOT NULL, address TEXT NOT NULL,
zone TEXT NOT NULL, operator TEXT NOT NULL, answers TEXT NOT NULL, consequence TEXT NOT
NULL, confirmed_by TEXT NOT NULL, details TEXT NOT NULL, opened_at INTEGER NOT NULL,
closed_at INTEGER, PRIMARY KEY (id), FOREIGN KEY(node_id) REFERENCES nodes (id))""",
    """CREATE INDEX listings_by_address ON listings (address, opened_at)""",
    """CREATE UNIQUE INDEX listings_open ON listings (node_id, address, zone) WHERE closed_at
IS NULL""",
    """CREATE TABLE node_states (number INTEGER NOT NULL, node_id TEXT NOT NULL, epoch_number
INTEGER, epoch TEXT DEFAULT '' NOT NULL, sequence INTEGER DEFAULT 0 NOT NULL,
last_heartbeat INTEGER, clock_skew INTEGER DEFAULT 0 NOT NULL, counted_to INTEGER,
log_position BLOB DEFAULT (X'') NOT NULL, uptime INTEGER DEFAULT 0 NOT NULL,
network_received INTEGER DEFAULT 0 NOT NULL, network_sent INTEGER DEFAULT 0 NOT NULL,
obeyed_term INTEGER, obeyed_revision INTEGER, convergence TEXT, is_silent BOOLEAN,
problem TEXT, obedience_at INTEGER, latest TEXT, PRIMARY KEY (number), UNIQUE (node_id),
FOREIGN KEY(node_id) REFERENCES nodes (id))""",
    """CREATE TABLE orders (node_id TEXT NOT NULL, term INTEGER NOT NULL, revision INTEGER NOT
NULL, body TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (node_id), FOREIGN
KEY(node_id) REFERENCES nodes (id))""",
    """CREATE TABLE pauses (id TEXT NOT NULL, node_id TEXT NOT NULL, address TEXT NOT NULL,
reason TEXT NOT NULL, owner TEXT NOT NULL, note TEXT NOT NULL, decision_id TEXT NOT
NULL, opened_at INTEGER NOT NULL, closed_at INTEGER, closed_by TEXT, PRIMARY KEY (id),
FOREIGN KEY(node_id) REFERENCES nodes (id))""",
    """CREATE INDEX pauses_by_end ON pauses (closed_at)""",
    """CREATE UNIQUE INDEX pauses_open ON pauses (node_id, address, reason) WHERE closed_at IS
NULL""",
    """CREATE TABLE zone_facts (node_id TEXT NOT NULL, address TEXT NOT NULL, zone TEXT NOT
NULL, verdict TEXT NOT NULL, answers TEXT NOT NULL, sentinels TEXT NOT NULL, round
INTEGER NOT NULL, received_at INTEGER NOT NULL, since INTEGER NOT NULL, rounds INTEGER
NOT NULL, why TEXT NOT NULL, usable_at INTEGER, PRIMARY KEY (node_id, address, zone),
FOREIGN KEY(node_id) REFERENCES nodes (id))""",
    """CREATE TABLE node_events (epoch_number INTEGER NOT NULL, id INTEGER NOT NULL,
received_at INTEGER NOT NULL, PRIMARY KEY (epoch_number, id), FOREIGN KEY(epoch_number)
REFERENCES epochs (number)) WITHOUT ROWID""",
    """CREATE INDEX node_events_by_age ON node_events (received_at)""",
    """CREATE TABLE totals (epoch_number INTEGER NOT NULL, address TEXT NOT NULL, receiver TEXT
NOT NULL, outcome TEXT NOT NULL, attempts INTEGER NOT NULL, PRIMARY KEY (epoch_number,
address, receiver, outcome), FOREIGN KEY(epoch_number) REFERENCES epochs (number))
WITHOUT ROWID""",
    """CREATE VIEW sending_nodes AS
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
   WHERE p.node_id = n.id AND p.closed_at IS NULL AND p.address = '') THEN 'paused'
  WHEN NOT EXISTS (SELECT 1 FROM addresses s WHERE s.node_id = n.id AND s.is_present = 1
   AND NOT EXISTS (SELECT 1 FROM pauses p
    WHERE p.node_id = n.id AND p.address = s.ip AND p.closed_at IS NULL)) THEN 'paused'
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
 (SELECT min(b.position) FROM addresses b WHERE b.node_id = n.id AND b.is_present = 1)""",
    """CREATE VIEW ip_blacklist_events AS
SELECT l.id AS id,
 l.node_id AS node_id,
 l.zone AS blacklist_provider,
 strftime('%Y-%m-%d %H:%M:%f', l.opened_at / 1000.0, 'unixepoch') AS listed_at,
 strftime('%Y-%m-%d %H:%M:%f', l.closed_at / 1000.0, 'unixepoch') AS delisted_at,
 l.details AS details
FROM listings l""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
