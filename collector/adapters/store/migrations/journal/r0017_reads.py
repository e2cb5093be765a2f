"""What is read often is found by an index: open alerts by age and node, effects in the order in
which they are carried out, moves, listings and pauses of a node, nodes whose agent has problems."""

from alembic import op

revision = "0017"
down_revision = "0016"

STATEMENTS = (
    "CREATE INDEX alerts_standing ON alerts (opened_at, id) WHERE resolved_at IS NULL",
    "CREATE INDEX alerts_of_node ON alerts (node_id) WHERE resolved_at IS NULL",
    "DROP INDEX effects_pending",
    "CREATE INDEX effects_pending ON effects (kind, created_at, key) WHERE finished_at IS NULL",
    "CREATE INDEX moves_by_node ON moves (node_id, at)",
    "CREATE INDEX listings_by_node ON listings (node_id, opened_at)",
    "CREATE INDEX pauses_by_node ON pauses (node_id, opened_at)",
    "ALTER TABLE node_states ADD COLUMN problems TEXT DEFAULT '[]' NOT NULL",
    "UPDATE node_states SET problems = json_extract(latest, '$.agent.problems')"
    " WHERE json_array_length(latest, '$.agent.problems') > 0",
    "CREATE INDEX node_states_ailing ON node_states (node_id) WHERE problems <> '[]'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
