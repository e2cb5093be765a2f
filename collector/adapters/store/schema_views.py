"""The owners' tables as views over ours: their names, their columns, the nearest types."""

# `status` is the first that fits of DESIGN's order, as far as the journal knows: liveness is never
# stored, so a lost node shows its last known status here and `unhealthy` where people look.
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

IP_BLACKLIST_EVENTS = """CREATE VIEW ip_blacklist_events AS
SELECT l.id AS id,
 l.node_id AS node_id,
 l.zone AS blacklist_provider,
 strftime('%Y-%m-%d %H:%M:%f', l.opened_at / 1000.0, 'unixepoch') AS listed_at,
 strftime('%Y-%m-%d %H:%M:%f', l.closed_at / 1000.0, 'unixepoch') AS delisted_at,
 l.details AS details
FROM listings l"""

VIEWS = {"sending_nodes": SENDING_NODES, "ip_blacklist_events": IP_BLACKLIST_EVENTS}
