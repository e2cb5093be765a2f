"""What was changed since it was last read: numbers of tables and rows, set by triggers."""

from alembic import op

revision = "0020"
down_revision = "0019"

# Table and its primary key.
TOUCHED = (("alerts", "id"), ("incidents", "number"), ("listings", "id"))
NEXT = "UPDATE changes SET number = number + 1 WHERE name = '{name}';"
TOUCH = """UPDATE {name} SET touched = (SELECT number FROM changes WHERE name = '{name}')
 WHERE {key} = NEW.{key};"""
RENAMED = (
    ("nodes", "name, pool_id, tenant_id"),
    ("pools", "name, tenant_id"),
)


def upgrade() -> None:
    op.execute(
        "CREATE TABLE changes (name TEXT NOT NULL, number INTEGER DEFAULT 0 NOT NULL,"
        " PRIMARY KEY (name))"
    )
    op.execute(
        "INSERT INTO changes (name) VALUES ('alerts'), ('incidents'), ('listings'), ('places')"
    )
    for name, key in TOUCHED:
        op.execute(f"ALTER TABLE {name} ADD COLUMN touched INTEGER NOT NULL DEFAULT 0")
        op.execute(f"CREATE INDEX {name}_touched ON {name} (touched)")
        body = f"{NEXT} {TOUCH}".format(name=name, key=key)
        op.execute(f"CREATE TRIGGER {name}_opened AFTER INSERT ON {name} BEGIN {body} END")
        op.execute(
            f"CREATE TRIGGER {name}_changed AFTER UPDATE ON {name}"
            f" WHEN OLD.touched = NEW.touched BEGIN {body} END"
        )
    for name, columns in RENAMED:
        is_other = " OR ".join(f"OLD.{one} IS NOT NEW.{one}" for one in columns.split(", "))
        op.execute(
            f"CREATE TRIGGER {name}_renamed AFTER UPDATE OF {columns} ON {name}"
            f" WHEN {is_other} BEGIN {NEXT.format(name='places')} END"
        )
