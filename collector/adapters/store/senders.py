"""What nodes counted by sending domain: totals of heartbeats, and windows over all nodes.

A plan speaks for its domain and for those below it that have no plan of their own.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from collector.adapters.store.moments import to_ms
from collector.adapters.store.schema_senders import COUNTS
from collector.core.heartbeat import SenderCount
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS
from collector.core.warmup_plan import WarmKind
from deliverability import senders

# Of an epoch: a node's own limit, and the words for what has no domain.
SENDERS_MAX = 259
HOURS_KEPT = 2 * DAY_SECONDS
DAYS_KEPT = 35 * DAY_SECONDS
SLICE_ROWS = 5_000

# All that is put in here and below are our own words. No total ever goes backwards.
PUT = f"""INSERT INTO sender_totals (epoch_number, domain, {", ".join(COUNTS)})
 SELECT ?1, ?2, {", ".join(f"?{place + 3}" for place in range(len(COUNTS)))}
 WHERE (SELECT count(*) FROM sender_totals WHERE epoch_number = ?1) < {SENDERS_MAX}
  OR EXISTS (SELECT 1 FROM sender_totals WHERE epoch_number = ?1 AND domain = ?2)
 ON CONFLICT DO UPDATE SET {", ".join(f"{n} = max({n}, excluded.{n})" for n in COUNTS)}"""  # noqa: S608
# What a node counted while nobody heard it: no window has it.
SKIP = "INSERT OR REPLACE INTO sender_marks SELECT * FROM sender_totals WHERE epoch_number = ?"

_GROWN = f"""SELECT t.domain, {", ".join(f"sum(t.{n} - coalesce(m.{n}, 0))" for n in COUNTS)}
 FROM node_states s JOIN sender_totals t ON t.epoch_number = s.epoch_number
 LEFT JOIN sender_marks m ON m.epoch_number = t.epoch_number AND m.domain = t.domain
 WHERE s.number > :after AND s.number <= :upto
 AND ({" OR ".join(f"t.{n} > coalesce(m.{n}, 0)" for n in COUNTS)}) GROUP BY t.domain"""  # noqa: S608


def _add(span: int) -> str:
    return f"""INSERT INTO sender_windows (span, slot, domain, {", ".join(COUNTS)})
 SELECT {span}, :slot / {span} * {span}, g.* FROM ({_GROWN}) g WHERE true
 ON CONFLICT DO UPDATE SET {", ".join(f"{n} = {n} + excluded.{n}" for n in COUNTS)}"""  # noqa: S608


# As those of cells: what these nodes' totals grew by since the last look is the slot's.
LOOK = (
    text(_add(HOUR_SECONDS)),
    text(_add(DAY_SECONDS)),
    text(
        """INSERT OR REPLACE INTO sender_marks SELECT t.* FROM node_states s
 JOIN sender_totals t ON t.epoch_number = s.epoch_number
 WHERE s.number > :after AND s.number <= :upto"""
    ),
)
OLD_MARKS = text(
    """DELETE FROM sender_marks WHERE epoch_number NOT IN
 (SELECT epoch_number FROM node_states WHERE epoch_number IS NOT NULL)"""
)
OLD = text(
    """DELETE FROM sender_windows WHERE (span, slot, domain) IN
 (SELECT span, slot, domain FROM sender_windows WHERE span = :span AND slot < :edge LIMIT :limit)"""
)
KEPT = {HOUR_SECONDS: HOURS_KEPT, DAY_SECONDS: DAYS_KEPT}

# Whose plan it may be instead, and what was counted: of the domain and of those below it.
_BELOW = "({0} = :domain OR substr({0}, -length(:domain) - 1) = '.' || :domain)"
PLANS = f"""SELECT subject FROM warmups WHERE kind = '{WarmKind.DOMAIN.value}'
 AND {_BELOW.format("subject")}"""  # noqa: S608
COUNTED = f"""SELECT * FROM sender_windows WHERE span = :span AND slot = :slot
 AND {_BELOW.format("domain")}"""  # noqa: S608


def put(journal: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    journal.executemany(PUT, rows)


def look(connection: Connection, *, slot: int, after: int, upto: int) -> None:
    for statement in LOOK:
        connection.execute(statement, {"slot": slot, "after": after, "upto": upto})


def end(connection: Connection, *, now: int) -> int:
    """How many rows were too old and went."""
    return sum(
        connection.execute(OLD, {"span": span, "edge": now - kept, "limit": SLICE_ROWS}).rowcount
        for span, kept in KEPT.items()
    )


def counted(connection: Connection, domain: str, *, span: int, at: datetime) -> SenderCount:
    """Of the hour or the day of this moment, by arrival; of a domain with a plan."""
    plain = connection.connection.driver_connection
    assert isinstance(plain, sqlite3.Connection)
    return counted_plainly(plain, domain, span=span, at=at)


def counted_plainly(
    journal: sqlite3.Connection, domain: str, *, span: int, at: datetime
) -> SenderCount:
    slot = to_ms(at) // 1000 // span * span
    plans = {row[0] for row in journal.execute(PLANS, {"domain": domain})} | {domain}
    rows = journal.execute(COUNTED, {"span": span, "slot": slot, "domain": domain})
    own = (row[3:] for row in rows if senders.nearest(row[2], plans) == domain)
    return _summed(domain, own)


def left(count: SenderCount) -> int:
    """Messages that left, each once."""
    first = count.first_sent + count.first_deferred + count.first_bounced + count.first_unknown
    return first or count.sent + count.deferred + count.bounced


def _summed(domain: str, rows: Iterable[Sequence[int]]) -> SenderCount:
    sums = [sum(column) for column in zip(*rows, strict=True)]
    return SenderCount(domain, *(sums or [0] * len(COUNTS)))
