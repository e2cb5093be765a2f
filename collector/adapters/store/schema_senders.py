"""The journal's tables of what nodes counted by sending domain. Belongs to `schema`.

Totals and marks as those of cells; a window is of all nodes together, an hour or a day long.
"""

from sqlalchemy import Column, ForeignKey, Integer, PrimaryKeyConstraint, Table

from collector.adapters.store.schema import metadata, text_column, whole_column
from collector.core.heartbeat import SenderCount

COUNTS = SenderCount._fields[1:]


def _of_an_epoch(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("epoch_number", Integer, ForeignKey("epochs.number"), nullable=False),
        text_column("domain"),
        *(whole_column(one, default="0") for one in COUNTS),
        PrimaryKeyConstraint("epoch_number", "domain"),
        sqlite_with_rowid=False,
    )


sender_totals = _of_an_epoch("sender_totals")
sender_marks = _of_an_epoch("sender_marks")
sender_windows = Table(
    "sender_windows",
    metadata,
    whole_column("span"),
    whole_column("slot"),
    text_column("domain"),
    *(whole_column(one, default="0") for one in COUNTS),
    PrimaryKeyConstraint("span", "slot", "domain"),
    sqlite_with_rowid=False,
)
