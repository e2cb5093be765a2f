"""Numbers that grow when another address is in a rotation or out of it, and when a receiver blocks
another: what is counted of them is counted anew only then."""

from alembic import op

revision = "0021"
down_revision = "0020"

NEXT = "UPDATE changes SET number = number + 1 WHERE name = '{name}';"
# Of addresses with an open pause for one receiver.
IS_NARROWED = """EXISTS (SELECT 1 FROM pauses p WHERE p.node_id = {row}.node_id
 AND p.closed_at IS NULL AND p.receiver <> '')"""
PLACED = ("pool_id", "is_present", "in_rotation", "rotation_reason", "rotation_since")
# Name of the number, when, and under which condition.
TRIGGERS = (
    ("moved", "UPDATE OF {columns} ON addresses", "{is_other}"),
    ("moved", "INSERT ON addresses", ""),
    ("moved", "DELETE ON addresses", ""),
    ("moved", "UPDATE OF lifecycle ON nodes", "OLD.lifecycle <> NEW.lifecycle"),
    ("blocks", "UPDATE OF {columns} ON addresses", f"({{is_other}}) AND {IS_NARROWED}"),
    ("blocks", "DELETE ON addresses", IS_NARROWED.format(row="OLD")),
    ("blocks", "INSERT ON addresses", IS_NARROWED),
    ("blocks", "INSERT ON pauses", "NEW.receiver <> ''"),
    ("blocks", "UPDATE ON pauses", "NEW.receiver <> '' AND OLD.closed_at IS NOT NEW.closed_at"),
    ("blocks", "DELETE ON pauses", "OLD.receiver <> '' AND OLD.closed_at IS NULL"),
)


def upgrade() -> None:
    is_other = " OR ".join(f"OLD.{one} IS NOT NEW.{one}" for one in PLACED)
    words = {"columns": ", ".join(PLACED), "is_other": is_other, "row": "NEW"}
    op.execute("INSERT INTO changes (name) VALUES ('moved'), ('blocks')")
    for name, after, condition in TRIGGERS:
        verb, table = after.split()[0].lower(), after.split()[-1]
        when = f"WHEN {condition}".format(**words) if condition else ""
        op.execute(
            f"CREATE TRIGGER {table}_{name}_{verb} AFTER {after.format(**words)} {when}"
            f" BEGIN {NEXT.format(name=name)} END"
        )
