"""The journal's tables of what was decided and done, and by whom. Belongs to `schema`."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from collector.adapters.store.schema import metadata, node_column, text_column, whole_column

OPEN = text("closed_at IS NULL")

listings = Table(
    "listings",
    metadata,
    Column("id", Text, primary_key=True),
    node_column(),
    text_column("address"),
    text_column("zone"),
    text_column("operator"),
    text_column("answers"),
    text_column("consequence"),
    text_column("confirmed_by"),
    text_column("details"),
    whole_column("opened_at"),
    Column("closed_at", Integer),
    whole_column("touched", default="0"),
    Index("listings_touched", "touched"),
    Index("listings_open", "node_id", "address", "zone", unique=True, sqlite_where=OPEN),
    Index("listings_by_address", "address", "opened_at"),
    Index("listings_by_node", "node_id", "opened_at"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("id", Text, primary_key=True),
    node_column(),
    text_column("address"),
    # '' means all of them, here and below.
    text_column("receiver", default="''"),
    text_column("reason"),
    text_column("owner"),
    text_column("note"),
    text_column("decision_id"),
    whole_column("opened_at"),
    Column("closed_at", Integer),
    Column("closed_by", Text),
    Column("expires_at", Integer),
    Column("probe_at", Integer),
    Index("pauses_by_end", "closed_at"),
    Index("pauses_by_node", "node_id", "opened_at"),
    Index(
        *("pauses_open", "node_id", "address", "receiver", "reason"),
        unique=True,
        sqlite_where=OPEN,
    ),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    # All that was committed together carries one batch.
    text_column("batch"),
    whole_column("at"),
    whole_column("term"),
    text_column("node_id"),
    text_column("address"),
    text_column("receiver", default="''"),
    text_column("pool_id"),
    text_column("kind"),
    text_column("reason"),
    text_column("rule"),
    Column("zone", Text),
    text_column("fate"),
    Column("brake", Text),
    text_column("evidence"),
    text_column("aggregates"),
    whole_column("policy_revision"),
    text_column("core_version"),
    # What a replay needs; nothing where a person decided. Last: long, and seldom read.
    Column("inputs", Text),
    Index("decisions_by_node", "node_id", "at"),
    Index("decisions_by_address", "address", "at"),
    Index("decisions_by_age", "at"),
)

standing = Table(
    "standing",
    metadata,
    text_column("node_id"),
    text_column("address"),
    text_column("receiver", default="''"),
    text_column("kind"),
    text_column("reason"),
    text_column("decision_id"),
    text_column("fate"),
    Column("brake", Text),
    PrimaryKeyConstraint("node_id", "address", "receiver", "kind", "reason"),
)

# A person's no to a pause: `about` names the causes that stood then, as a JSON list.
denials = Table(
    "denials",
    metadata,
    text_column("node_id"),
    text_column("address"),
    text_column("receiver", default="''"),
    text_column("reason"),
    text_column("decision_id"),
    whole_column("at"),
    text_column("about"),
    PrimaryKeyConstraint("node_id", "address", "receiver", "reason"),
)

effects = Table(
    "effects",
    metadata,
    Column("key", Text, primary_key=True),
    text_column("batch"),
    text_column("kind"),
    Column("node_id", Text),
    text_column("payload"),
    whole_column("created_at"),
    whole_column("attempts", default="0"),
    Column("outcome", Text),
    Column("finished_at", Integer),
    Index(
        *("effects_pending", "kind", "created_at", "key"),
        sqlite_where=text("finished_at IS NULL"),
    ),
    Index("effects_by_batch", "batch"),
    Index("effects_by_end", "finished_at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    text_column("key"),
    Column("node_id", Text),
    text_column("severity"),
    text_column("text"),
    whole_column("opened_at"),
    Column("resolved_at", Integer),
    whole_column("touched", default="0"),
    Index("alerts_touched", "touched"),
    Index("alerts_open", "key", unique=True, sqlite_where=text("resolved_at IS NULL")),
    Index("alerts_standing", "opened_at", "id", sqlite_where=text("resolved_at IS NULL")),
    Index("alerts_of_node", "node_id", sqlite_where=text("resolved_at IS NULL")),
    Index("alerts_by_age", "opened_at"),
    Index("alerts_by_end", "resolved_at"),
)

zone_brakes = Table(
    "zone_brakes",
    metadata,
    Column("id", Integer, primary_key=True),
    text_column("zone"),
    whole_column("engaged_at"),
    Column("released_at", Integer),
    Index("zone_brakes_open", "zone", unique=True, sqlite_where=text("released_at IS NULL")),
)

# What `events` shows, in the order of the commits.
timeline = Table(
    "timeline",
    metadata,
    Column("seq", Integer, primary_key=True),
    whole_column("at"),
    text_column("kind"),
    Column("node_id", Text),
    text_column("severity"),
    text_column("text"),
    text_column("details"),
    Index("timeline_by_node", "node_id", "seq"),
    Index("timeline_by_age", "at"),
    sqlite_autoincrement=True,
)

certificates = Table(
    "certificates",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    node_column(),
    # Up to 160 bits, more than an integer column holds.
    text_column("serial"),
    whole_column("not_before"),
    whole_column("not_after"),
    Column("revoked_at", Integer),
    Index("certificates_by_node", "node_id"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("secret_hash", Text, primary_key=True),
    Column("pool_id", Text, ForeignKey("pools.id"), nullable=False),
    whole_column("created_at"),
    whole_column("expires_at"),
    text_column("created_by"),
    Column("node_id", Text),
    Column("used_at", Integer),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("secret_hash", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    text_column("role"),
    whole_column("created_at"),
    Column("revoked_at", Integer),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    whole_column("at"),
    text_column("actor"),
    text_column("origin"),
    text_column("action"),
    text_column("subject"),
    text_column("before"),
    text_column("after"),
    Index("audit_by_age", "at"),
)

# A score until the next one; before the first it was 100. `lost`: [points, cause] each.
scores = Table(
    "scores",
    metadata,
    text_column("node_id"),
    text_column("address"),
    whole_column("at"),
    whole_column("score"),
    text_column("lost"),
    PrimaryKeyConstraint("node_id", "address", "at"),
    Index("scores_by_age", "at"),
    sqlite_with_rowid=False,
)
