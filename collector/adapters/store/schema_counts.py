"""The journal's tables of what nodes counted. Belongs to `schema`.

Totals run since a node's epoch; a window holds what was added in its span of arrival. Slots and
spans are seconds.
"""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    text,
)

from collector.adapters.store.schema import metadata, text_column, whole_column

# Attempts by outcome, then the rest of a cell's numbers, as `collector.core.heartbeat` names them.
OUTCOMES = ("sent", "deferred", "bounced", "expired", "ours")
NUMBERS = (
    *("rejected", "first_sent", "first_deferred", "first_bounced", "first_unknown"),
    "bytes_sent",
)
COUNTS = (*OUTCOMES, *NUMBERS)
# Refused for reputation, of the classes, which travel less often than the rest.
BLOCKED = "blocked"
SUMMED = (*COUNTS, BLOCKED)
# Of which the rates are made, and over which spans.
RATED = ("sent", "deferred", "bounced", "first_sent", "first_deferred", "first_bounced")
SPANS = ("day", "week")
CELL = ("epoch_number", "address", "receiver", "instance")


def _cell_columns() -> tuple[Column[int], Column[str], Column[str], Column[str]]:
    return (
        Column("epoch_number", Integer, ForeignKey("epochs.number"), nullable=False),
        text_column("address"),
        text_column("receiver"),
        text_column("instance"),
    )


def _packed(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, server_default=text("X''"))


totals = Table(
    "totals",
    metadata,
    *_cell_columns(),
    *(whole_column(name, default="0") for name in SUMMED),
    PrimaryKeyConstraint(*CELL),
    sqlite_with_rowid=False,
)

# What the totals were when they were last looked at for the windows.
marks = Table(
    "marks",
    metadata,
    *_cell_columns(),
    *(whole_column(name, default="0") for name in SUMMED),
    PrimaryKeyConstraint(*CELL),
    sqlite_with_rowid=False,
)

# Histograms and classes, which come less often and are wider. `…_today` is what they were when the
# day (UTC, by arrival) began, `…_before` when the last day with news before it began.
details = Table(
    "details",
    metadata,
    *_cell_columns(),
    _packed("delays"),
    text_column("classes", default="'{}'"),
    whole_column("day"),
    _packed("delays_today"),
    text_column("classes_today", default="'{}'"),
    whole_column("day_before", default="0"),
    _packed("delays_before"),
    text_column("classes_before", default="'{}'"),
    PrimaryKeyConstraint(*CELL),
    sqlite_with_rowid=False,
)

# What was added between two looks. Quarters of an hour by receiver; hours for the rates (receiver
# ''); days by receiver. By time first: rows come at one edge of the tree and go at the other.
windows = Table(
    "windows",
    metadata,
    whole_column("span"),
    whole_column("slot"),
    whole_column("node_number"),
    text_column("address"),
    text_column("receiver"),
    *(whole_column(name, default="0") for name in SUMMED),
    PrimaryKeyConstraint("span", "slot", "node_number", "address", "receiver"),
    sqlite_with_rowid=False,
)
# Of an address's last day and week, in whole hours since the end of its last rate pause: what each
# judgement asks for. `slot`: the quarter of an hour they were summed after.
rates = Table(
    "rates",
    metadata,
    whole_column("node_number"),
    text_column("address"),
    whole_column("slot"),
    whole_column("hour_attempts", default="0"),
    *(whole_column(f"{span}_{name}", default="0") for span in SPANS for name in RATED),
    PrimaryKeyConstraint("node_number", "address"),
    sqlite_with_rowid=False,
)
# Of the owners' targets those that a node misses, since when, and when it was last seen so.
targets_missed = Table(
    "targets_missed",
    metadata,
    whole_column("node_number"),
    text_column("name"),
    text_column("value"),
    text_column("target"),
    whole_column("since"),
    whole_column("seen_at"),
    PrimaryKeyConstraint("node_number", "name"),
    sqlite_with_rowid=False,
)
# Of which slot the nodes' totals are being looked at, and up to which node.
windows_reached = Table(
    "windows_reached",
    metadata,
    Column("id", Integer, primary_key=True),
    whole_column("slot"),
    whole_column("node_number"),
)

replies = Table(
    "replies",
    metadata,
    Column("node_number", Integer, ForeignKey("node_states.number"), nullable=False),
    text_column("receiver"),
    text_column("class"),
    text_column("outcome"),
    text_column("text"),
    whole_column("at"),
    PrimaryKeyConstraint("node_number", "receiver", "class"),
    Index("replies_by_receiver", "receiver", "class", "at"),
)

intake = Table(
    "intake",
    metadata,
    Column("epoch_number", Integer, ForeignKey("epochs.number"), nullable=False),
    text_column("instance"),
    text_column("client"),
    whole_column("messages"),
    PrimaryKeyConstraint("epoch_number", "instance", "client"),
    sqlite_with_rowid=False,
)

# What of its log a node's agent did not understand, since the epoch, as of `at`. `daemons` is an
# object (daemon -> lines), `newest` a list; `hosts` too (other machines in the same log -> lines).
unknown_lines = Table(
    "unknown_lines",
    metadata,
    Column("node_number", Integer, ForeignKey("node_states.number"), primary_key=True),
    whole_column("lines"),
    whole_column("deliveries"),
    whole_column("overlong"),
    text_column("daemons"),
    text_column("newest"),
    whole_column("unknown"),
    whole_column("at"),
    text_column("hosts", default="{}"),
)
