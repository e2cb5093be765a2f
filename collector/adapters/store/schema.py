"""The journal's tables: everything a decision reads. The only description of them in code.

Times are milliseconds since 1970 UTC (`moments`). An address column that is '' means the whole
node. JSON stands in text columns. The migrations make these tables; a test compares the two.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TextClause,
    text,
)

metadata = MetaData()


def text_column(name: str, *, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=_default(default))


def whole_column(name: str, *, default: str | None = None) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=_default(default))


def _default(default: str | None) -> TextClause | None:
    return None if default is None else text(default)


def node_column() -> Column[str]:
    return Column("node_id", Text, ForeignKey("nodes.id"), nullable=False)


meta = Table("meta", metadata, Column("key", Text, primary_key=True), text_column("value"))

policies = Table(
    "policies",
    metadata,
    Column("revision", Integer, primary_key=True, autoincrement=False),
    text_column("body"),
    whole_column("at"),
    text_column("made_by"),
    text_column("note", default="''"),
)

pools = Table(
    "pools",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    text_column("automation"),
    # What it rotates by, where, and for how many messages a month (0: nobody said).
    text_column("strategy", default="'round-robin'"),
    text_column("region", default="''"),
    whole_column("monthly", default="0"),
    whole_column("created_at"),
    Column("tenant_id", Text),
    Column("workspace_id", Text),
)

# Carried on by triggers in the transaction of whatever changes them, so that no brake ever sees
# other numbers than the rows: present addresses, those in the rotation, nodes not decommissioned.
pool_counts = Table(
    "pool_counts",
    metadata,
    Column("pool_id", Text, primary_key=True),
    whole_column("addresses", default="0"),
    whole_column("in_rotation", default="0"),
    whole_column("nodes", default="0"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("pool_id", Text, ForeignKey("pools.id"), nullable=False),
    Column("automation", Text),
    text_column("lifecycle"),
    text_column("machine_id"),
    text_column("hostname"),
    text_column("provider_id", default="''"),
    text_column("region", default="''"),
    whole_column("reputation_score", default="100"),
    whole_column("current_load", default="0"),
    whole_column("enrolled_at"),
    Column("tenant_id", Text),
    Column("workspace_id", Text),
    # What its last Hello said.
    text_column("agent_version", default="''"),
    text_column("boot_id", default="''"),
    text_column("run_id", default="''"),
    text_column("capabilities", default="'[]'"),
    Column("hello_at", Integer),
    Index("nodes_by_pool", "pool_id", "lifecycle"),
)

# One row a node, rewritten by every heartbeat, so it stands apart from what seldom changes.
node_states = Table(
    "node_states",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("node_id", Text, ForeignKey("nodes.id"), nullable=False, unique=True),
    Column("epoch_number", Integer),
    text_column("epoch", default="''"),
    whole_column("sequence", default="0"),
    Column("last_heartbeat", Integer),
    whole_column("clock_skew", default="0"),
    Column("counted_to", Integer),
    Column("log_position", LargeBinary, nullable=False, server_default=text("X''")),
    whole_column("uptime", default="0"),
    whole_column("network_received", default="0"),
    whole_column("network_sent", default="0"),
    # What it reports of the directive in force.
    Column("obeyed_term", Integer),
    Column("obeyed_revision", Integer),
    Column("convergence", Text),
    Column("is_silent", Boolean(create_constraint=False)),
    Column("problem", Text),
    Column("obedience_at", Integer),
    # Since when every heartbeat says so; NULL: the last did not.
    Column("smtp_down_since", Integer),
    Column("cpu_busy_since", Integer),
    # Rows of totals its epoch may hold by now: at least as many as it does.
    whole_column("cells", default="0"),
    # After what is read for every heartbeat: the long text, and the agent's own problems in it.
    Column("latest", Text),
    text_column("problems", default="'[]'"),
    Index("node_states_ailing", "node_id", sqlite_where=text("problems <> '[]'")),
)

# A counting era of a node. Totals and events belong to one.
epochs = Table(
    "epochs",
    metadata,
    Column("number", Integer, primary_key=True),
    node_column(),
    text_column("epoch"),
    whole_column("began_at"),
    Column("counted_from", Integer),
    Index("epochs_once", "node_id", "epoch", unique=True),
)

node_events = Table(
    "node_events",
    metadata,
    Column("epoch_number", Integer, ForeignKey("epochs.number"), nullable=False),
    whole_column("id"),
    whole_column("received_at"),
    PrimaryKeyConstraint("epoch_number", "id"),
    Index("node_events_by_age", "received_at"),
    sqlite_with_rowid=False,
)

addresses = Table(
    "addresses",
    metadata,
    node_column(),
    text_column("ip"),
    whole_column("position"),
    text_column("pool_id"),
    # 0 once the node no longer names it; its history stays.
    whole_column("is_present", default="1"),
    whole_column("in_rotation", default="0"),
    Column("rotation_reason", Text),
    Column("rotation_since", Integer),
    Column("rotation_decision", Text),
    # Its weight in the rotation, as last set.
    whole_column("share", default="0"),
    PrimaryKeyConstraint("node_id", "ip"),
    Index("addresses_by_ip", "ip"),
    Index("addresses_counted", "pool_id", "is_present", "in_rotation"),
)

# The newest answer and the run of equal answers it belongs to. A run is broken by any other
# verdict and by any change of the sentinels, so `rounds` counts consecutive answers of one worth.
zone_facts = Table(
    "zone_facts",
    metadata,
    node_column(),
    text_column("address"),
    text_column("zone"),
    text_column("verdict"),
    text_column("answers"),
    text_column("sentinels"),
    whole_column("round"),
    whole_column("received_at"),
    whole_column("since"),
    whole_column("rounds"),
    text_column("why"),
    # Arrival of the last answer that said listed or clear with right sentinels.
    Column("usable_at", Integer),
    # What the zone's TXT record says of a listing.
    Column("reason", Text, nullable=False, server_default=""),
    # The collector's nameserver that found it; empty: the node did.
    Column("resolver", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("node_id", "address", "zone"),
)

looks = Table(
    "looks",
    metadata,
    text_column("address"),
    text_column("zone"),
    text_column("verdict"),
    text_column("answers"),
    text_column("sentinels"),
    whole_column("at"),
    text_column("why"),
    Column("cleared_at", Integer),
    Column("resolver", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("address", "zone"),
)

orders = Table(
    "orders",
    metadata,
    Column("node_id", Text, ForeignKey("nodes.id"), primary_key=True),
    whole_column("term"),
    whole_column("revision"),
    text_column("body"),
    whole_column("at"),
)

rotations = Table(
    "rotations",
    metadata,
    Column("pool_id", Text, ForeignKey("pools.id"), nullable=False),
    whole_column("revision"),
    whole_column("at"),
    whole_column("size"),
    PrimaryKeyConstraint("pool_id", "revision"),
    Index("rotations_by_age", "pool_id", "at"),
)

# Who entered and who left a rotation, each time: what the brakes on speed count.
moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    whole_column("at"),
    text_column("pool_id"),
    text_column("node_id"),
    text_column("address"),
    whole_column("is_member"),
    whole_column("is_counted"),
    Column("reason", Text),
    Column("decision_id", Text),
    Index("moves_by_age", "at"),
    Index("moves_by_node", "node_id", "at"),
)
