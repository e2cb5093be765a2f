"""A person's no in a table of its own, with what it was said about."""

from alembic import op

revision = "0015"
down_revision = "0014"

STATEMENTS = (
    """CREATE TABLE denials (node_id TEXT NOT NULL, address TEXT NOT NULL,
receiver TEXT DEFAULT '' NOT NULL, reason TEXT NOT NULL, decision_id TEXT NOT NULL,
at INTEGER NOT NULL, about TEXT NOT NULL, PRIMARY KEY (node_id, address, receiver, reason))""",
    # Said until now of whatever stood: of every listing and of the silence there is.
    """INSERT INTO denials SELECT s.node_id, s.address, s.receiver, s.reason, s.decision_id,
 coalesce((SELECT d.at FROM decisions d WHERE d.id = s.decision_id), 0),
 CASE s.reason
  WHEN 'LISTED' THEN (SELECT json_group_array(l.id) FROM listings l
   WHERE l.node_id = s.node_id AND l.address = s.address AND l.closed_at IS NULL
   AND l.consequence = 'pause')
  WHEN 'STANDING_ORDER' THEN (SELECT CASE
   WHEN json_extract(t.latest, '$.postfix.standing.since') IS NULL THEN '[]'
   ELSE json_array(json_extract(t.latest, '$.postfix.standing.since')) END
   FROM node_states t WHERE t.node_id = s.node_id)
  ELSE '[]' END
 FROM standing s WHERE s.fate = 'overridden' AND s.kind = 'pause'""",
    "DELETE FROM standing WHERE fate = 'overridden'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
