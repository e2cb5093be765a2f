"""The journal's tables of warm-up plans, their days, and grants. Belongs to `schema`.

`judged`, `counted`, `sent_on` and `day` are days since 1970 (UTC). A NULL cap: no cap.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from collector.adapters.store.schema import metadata, text_column, whole_column

# `node_id` is '' for a sending domain. The caps repeat the ladder's stage, for the views.
warmups = Table(
    "warmups",
    metadata,
    text_column("kind"),
    text_column("subject"),
    text_column("node_id", default="''"),
    text_column("ladder"),
    whole_column("stage"),
    Column("day_cap", Integer),
    Column("hour_cap", Integer),
    whole_column("started_at"),
    whole_column("since"),
    whole_column("healthy_days", default="0"),
    whole_column("idle_days", default="0"),
    whole_column("usual", default="0"),
    Column("judged", Integer),
    Column("counted", Integer),
    Column("sent_on", Integer),
    Column("listed_since", Integer),
    Column("held_by", Text),
    text_column("held_why", default="''"),
    Column("decision_id", Text),
    PrimaryKeyConstraint("kind", "subject", "node_id"),
    Index("warmups_by_node", "node_id"),
)

# What was known of a day when it was judged. `cap` NULL: there was none.
warmup_days = Table(
    "warmup_days",
    metadata,
    text_column("node_id"),
    text_column("subject"),
    whole_column("day"),
    whole_column("volume"),
    Column("cap", Integer),
    whole_column("deferred"),
    whole_column("bounced"),
    whole_column("best_hour"),
    text_column("why"),
    PrimaryKeyConstraint("node_id", "subject", "day"),
    Index("warmup_days_by_age", "day"),
    sqlite_with_rowid=False,
)

# `body`: what was answered, for whoever asks again with the same key.
grants = Table(
    "grants",
    metadata,
    Column("key", Text, primary_key=True),
    Column("pool_id", Text, ForeignKey("pools.id"), nullable=False),
    text_column("receiver"),
    whole_column("asked"),
    whole_column("messages"),
    whole_column("at"),
    whole_column("expires_at"),
    text_column("body"),
    text_column("domain", default="''"),
    Index("grants_by_end", "expires_at"),
    Index("grants_by_domain", "domain", "at", sqlite_where=text("domain <> ''")),
)
