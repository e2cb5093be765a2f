"""Windows of quarters into hours and days, and the end of all three, in small slices.

Hours serve the rates of an address, days the reports; both have what every quarter had.
"""

from sqlalchemy import Connection, text

from collector.adapters.store.schema_counts import COUNTS
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS

QUARTERS_KEPT = 3 * HOUR_SECONDS  # two hours are looked at
HOURS_KEPT = 8 * DAY_SECONDS  # the rates look back seven days
DAYS_KEPT = 35 * DAY_SECONDS
SETTLED = 120  # what came in a quarter is committed within this of its end
NODES_AT_ONCE = 500
SLICE_ROWS = 5_000

_SUMS = ", ".join(f"sum({name})" for name in COUNTS)
_ADD = ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTS)


def _roll(span: int, receiver: str) -> str:
    """Of a quarter's nodes in a range, into what covers it. All words are our own."""
    return f"""INSERT INTO windows (span, slot, node_number, address, receiver,
 {", ".join(COUNTS)})
 SELECT {span}, :slot / {span} * {span}, node_number, address, {receiver}, {_SUMS} FROM windows
 WHERE span = {QUARTER_SECONDS} AND slot = :slot AND node_number > :after
 AND node_number <= :upto GROUP BY node_number, address, {receiver}
 ON CONFLICT DO UPDATE SET {_ADD}"""  # noqa: S608


ROLLS = (text(_roll(HOUR_SECONDS, "''")), text(_roll(DAY_SECONDS, "receiver")))
REACHED = text("SELECT slot, node_number FROM windows_rolled WHERE id = 1")
REACH = text("INSERT OR REPLACE INTO windows_rolled (id, slot, node_number) VALUES (1, :slot, :n)")
NEXT = text(f"SELECT min(slot) FROM windows WHERE span = {QUARTER_SECONDS} AND slot > :slot")  # noqa: S608
LAST = text(
    f"SELECT max(node_number) FROM windows WHERE span = {QUARTER_SECONDS} AND slot = :slot"  # noqa: S608
)
OLD = text(
    """DELETE FROM windows WHERE (span, slot, node_number, address, receiver) IN
 (SELECT span, slot, node_number, address, receiver FROM windows
  WHERE span = :span AND slot < :edge LIMIT :limit)"""
)
KEPT = {QUARTER_SECONDS: QUARTERS_KEPT, HOUR_SECONDS: HOURS_KEPT, DAY_SECONDS: DAYS_KEPT}


def step(connection: Connection, *, now: int) -> int:
    """One slice, `now` in seconds; how many rows were too old and went."""
    slot, after = connection.execute(REACHED).one_or_none() or (0, 0)
    last = connection.execute(LAST, {"slot": slot}).scalar() or 0
    is_whole = after >= last
    found = connection.execute(NEXT, {"slot": slot}).scalar() if is_whole else slot
    if found is not None and found + QUARTER_SECONDS + SETTLED <= now:
        _roll_on(connection, slot=found, after=0 if is_whole else after)
    # A quarter that is not yet part of its hour stays.
    return _end(connection, before=slot + 1 if is_whole else slot, now=now)


def _roll_on(connection: Connection, *, slot: int, after: int) -> None:
    """The next nodes of a quarter."""
    upto = after + NODES_AT_ONCE
    for roll in ROLLS:
        connection.execute(roll, {"slot": slot, "after": after, "upto": upto})
    connection.execute(REACH, {"slot": slot, "n": upto})


def _end(connection: Connection, *, before: int, now: int) -> int:
    gone = 0
    for span, kept in KEPT.items():
        edge = min(now - kept, before) if span == QUARTER_SECONDS else now - kept
        found = connection.execute(OLD, {"span": span, "edge": edge, "limit": SLICE_ROWS})
        gone += found.rowcount
    return gone
