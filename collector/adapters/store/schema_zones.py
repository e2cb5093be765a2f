"""The table of what a fleet says of zones otherwise than the catalogue. NULL: as shipped."""

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table, Text

from collector.adapters.store.schema import metadata, text_column

zone_overrides = Table(
    "zone_overrides",
    metadata,
    text_column("zone"),
    Column("is_enabled", Integer),
    Column("tier", Text),
    Column("pace_seconds", Integer),
    Column("queries_per_day_max", Integer),
    PrimaryKeyConstraint("zone"),
)
