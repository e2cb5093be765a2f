"""The journal's tables of what people are told: incidents, silences, deliveries. Of `schema`."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from collector.adapters.store.schema import metadata, text_column, whole_column

UNSENT = text("finished_at IS NULL")
LOST = text("outcome IN ('given up', 'refused')")
TROUBLED = text("problem <> ''")

# One open incident a cause and tenant; which alerts are its own is computed from their keys.
incidents = Table(
    "incidents",
    metadata,
    Column("number", Integer, primary_key=True),
    text_column("cause"),
    Column("tenant", Text),
    whole_column("opened_at"),
    # What people were told of, by key.
    text_column("told"),
    Column("severity", Text),
    whole_column("notices"),
    Column("told_at", Integer),
    whole_column("reminders"),
    whole_column("reopened"),
    Column("calm_since", Integer),
    Column("resolved_at", Integer),
    # A person's, never written with the rest.
    Column("acknowledged_at", Integer),
    text_column("acknowledged_by", default="''"),
    text_column("acknowledged_why", default="''"),
    whole_column("touched", default="0"),
    Index("incidents_touched", "touched"),
    Index("incidents_by_end", "resolved_at"),
)

silences = Table(
    "silences",
    metadata,
    Column("number", Integer, primary_key=True),
    whole_column("starts_at"),
    whole_column("ends_at"),
    text_column("made_by"),
    text_column("reason"),
    Column("cause", Text),
    Column("zone", Text),
    Column("node", Text),
    Column("pool", Text),
    Column("address", Text),
    # Who ended it early.
    Column("ended_by", Text),
    Index("silences_by_end", "ends_at"),
    sqlite_autoincrement=True,
)

# A notice on its way to one channel; its words stand in `effects` under the same key.
deliveries = Table(
    "deliveries",
    metadata,
    text_column("key"),
    text_column("channel"),
    text_column("thread"),
    whole_column("created_at"),
    whole_column("attempts", default="0"),
    text_column("problem", default="''"),
    # The key it was last sent under, until it is known how that ended.
    text_column("parcel", default="''"),
    Column("outcome", Text),
    text_column("said", default="''"),
    Column("finished_at", Integer),
    PrimaryKeyConstraint("key", "channel"),
    Index("deliveries_waiting", "channel", "created_at", sqlite_where=UNSENT),
    Index("deliveries_by_thread", "thread", "channel"),
    Index("deliveries_by_end", "channel", "finished_at"),
    Index("deliveries_by_age", "finished_at"),
    Index("deliveries_lost", "channel", "finished_at", sqlite_where=LOST),
    Index("deliveries_troubled", "channel", "created_at", sqlite_where=TROUBLED),
)
