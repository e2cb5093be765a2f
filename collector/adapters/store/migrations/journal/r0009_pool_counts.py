"""Counts of each pool, carried on by triggers."""

from alembic import op

revision = "0009"
down_revision = "0008"

ADD_ADDRESS = """INSERT INTO pool_counts (pool_id, addresses, in_rotation)
 VALUES (NEW.pool_id, NEW.is_present, NEW.is_present AND NEW.in_rotation)
 ON CONFLICT (pool_id) DO UPDATE SET addresses = addresses + excluded.addresses,
 in_rotation = in_rotation + excluded.in_rotation;"""
DROP_ADDRESS = """UPDATE pool_counts SET addresses = addresses - OLD.is_present,
 in_rotation = in_rotation - (OLD.is_present AND OLD.in_rotation) WHERE pool_id = OLD.pool_id;"""
ADD_NODE = """INSERT INTO pool_counts (pool_id, nodes)
 VALUES (NEW.pool_id, NEW.lifecycle <> 'decommissioned')
 ON CONFLICT (pool_id) DO UPDATE SET nodes = nodes + excluded.nodes;"""
DROP_NODE = """UPDATE pool_counts SET nodes = nodes - (OLD.lifecycle <> 'decommissioned')
 WHERE pool_id = OLD.pool_id;"""

STATEMENTS = (
    """CREATE TABLE pool_counts (pool_id TEXT NOT NULL, addresses INTEGER DEFAULT 0 NOT NULL,
in_rotation INTEGER DEFAULT 0 NOT NULL, nodes INTEGER DEFAULT 0 NOT NULL, PRIMARY KEY (pool_id))""",
    """INSERT INTO pool_counts (pool_id, addresses, in_rotation, nodes)
SELECT p.id, (SELECT count(*) FROM addresses a WHERE a.pool_id = p.id AND a.is_present),
(SELECT count(*) FROM addresses a WHERE a.pool_id = p.id AND a.is_present AND a.in_rotation),
(SELECT count(*) FROM nodes n WHERE n.pool_id = p.id AND n.lifecycle <> 'decommissioned')
FROM pools p""",
    f"CREATE TRIGGER addresses_added AFTER INSERT ON addresses BEGIN {ADD_ADDRESS} END",
    f"CREATE TRIGGER addresses_gone AFTER DELETE ON addresses BEGIN {DROP_ADDRESS} END",
    f"""CREATE TRIGGER addresses_moved AFTER UPDATE OF pool_id, is_present, in_rotation ON addresses
BEGIN {DROP_ADDRESS} {ADD_ADDRESS} END""",
    f"CREATE TRIGGER nodes_added AFTER INSERT ON nodes BEGIN {ADD_NODE} END",
    f"CREATE TRIGGER nodes_gone AFTER DELETE ON nodes BEGIN {DROP_NODE} END",
    f"""CREATE TRIGGER nodes_moved AFTER UPDATE OF pool_id, lifecycle ON nodes
BEGIN {DROP_NODE} {ADD_NODE} END""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
