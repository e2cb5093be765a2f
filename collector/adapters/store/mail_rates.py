"""What addresses sent in the last day and week: summed once a quarter of an hour, some nodes at a
time, and read for a judgement together with what receivers refused lately.

Sums begin anew where a rate's pause ended: what was paid for is not held against the address again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from collector.adapters.store import encode, windows
from collector.adapters.store.moments import from_ms
from collector.adapters.store.schema_counts import RATED, SPANS
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS, Window
from collector.core.readings import MailFacts, ReceiverFacts
from deliverability.receivers import LOCAL, OTHER

NODES_AT_ONCE = 100  # 17,000 hours at most: some hundredths of a second
WEEK_SECONDS = 7 * DAY_SECONDS

_NAMES = [f"{span}_{name}" for span in SPANS for name in RATED]
_SUMS = ", ".join(
    (
        *(f'sum(iif(w.slot >= :day, w."{name}", 0))' for name in RATED),
        *(f'sum(w."{name}")' for name in RATED),
    )
)
CLEAR = text("DELETE FROM rates WHERE node_number > :after AND node_number <= :upto")
CLEAR_ONE = text("DELETE FROM rates WHERE node_number = :number AND address = :address")


def _summed(whose: str) -> TextClause:
    """All words put in are our own."""
    return text(
        f"""INSERT INTO rates (node_number, address, slot, hour_attempts, {", ".join(_NAMES)})
 SELECT w.node_number, w.address, :slot,
 sum(iif(w.slot = :hour, w.sent + w."deferred" + w.bounced, 0)), {_SUMS}
 FROM json_each(:slots) j CROSS JOIN windows w ON w.span = {HOUR_SECONDS} AND w.slot = j.value
 AND {whose} GROUP BY w.node_number, w.address"""  # noqa: S608
    )


SUM = _summed("w.node_number > :after AND w.node_number <= :upto")
SUM_ONE = _summed("w.node_number = :number AND w.address = :address")


def _ended(whose: str) -> TextClause:
    """By address; '' is what a node cannot tell apart, which any of its addresses may have sent.
    SQLite: beside a lone max() the other columns are those of its row."""
    rows = f"""FROM pauses p JOIN node_states s ON s.node_id = p.node_id
 WHERE p.closed_at >= :since AND p.reason IN ('BOUNCE_RATE', 'COMPLAINT_RATE') AND {whose}"""
    asked = "SELECT s.number AS number, {} AS address, max(p.closed_at) AS at, p.opened_at AS since"
    return text(
        f"""{asked.format("p.address")} {rows} GROUP BY s.number, p.address
 UNION ALL {asked.format("''")} {rows} GROUP BY s.number"""
    )


ENDED_IN_RANGE = _ended("s.number > :after AND s.number <= :upto")
ENDED_OF = _ended("p.node_id IN (SELECT value FROM json_each(:nodes))")
READ = text(
    """SELECT s.node_id, s.number, r.* FROM node_states s JOIN rates r ON r.node_number = s.number
 WHERE s.node_id IN (SELECT value FROM json_each(:nodes))"""
)
LATELY = text(
    f"""SELECT s.node_id, w.slot, w.address, w.receiver,
 w.sent + w."deferred" + w.bounced AS attempts, w.blocked
 FROM node_states s CROSS JOIN windows w ON w.span = {QUARTER_SECONDS}
 AND w.slot IN (:slot, :slot - {QUARTER_SECONDS}) AND w.node_number = s.number
 WHERE s.node_id IN (SELECT value FROM json_each(:nodes))
 AND w.receiver NOT IN ('{LOCAL}', '{OTHER}') AND (w.blocked > 0 OR EXISTS
  (SELECT 1 FROM pauses p WHERE p.node_id = s.node_id AND p.receiver = w.receiver
   AND p.closed_at IS NULL))
 ORDER BY w.slot, w.receiver"""  # noqa: S608
)

Mail = dict[tuple[str, str], MailFacts]


def step(connection: Connection) -> None:
    """One slice, behind the windows."""
    part = windows.behind(connection, windows.RATES, at_once=NODES_AT_ONCE)
    if part is not None:
        _sum(connection, slot=part.slot, after=part.after, upto=part.upto)


def read(connection: Connection, chunk: Sequence[str], *, now: int) -> Mail:
    """By node and address ('': what a node could not tell apart), of these nodes."""
    asked = {"nodes": encode.joined(chunk)}
    ended = {
        (row.number, row.address): row.at
        for row in connection.execute(ENDED_OF, {**asked, "since": now - WEEK_SECONDS * 1000})
    }
    lately = _lately(connection, asked)
    found: Mail = {}
    for row in connection.execute(READ, asked):
        key = (row.node_id, row.address)
        found[key] = _facts(row, lately.get(key, ()), ended.get((row.number, row.address)))
    return found


def of_address(mail: Mail, node_id: str, *, ip: str, is_only: bool) -> MailFacts | None:
    """Its own; what was counted under no address is that of a node's only one."""
    own, rest = mail.get((node_id, ip)), mail.get((node_id, ""))
    if not is_only or rest is None or own is None:
        return own or (rest if is_only else None)
    return MailFacts(
        day=_added(own.day, other=rest.day),
        week=_added(own.week, other=rest.week),
        since=own.since,
        hour_attempts=own.hour_attempts + rest.hour_attempts,
        receivers=(*own.receivers, *rest.receivers),
    )


def _sum(connection: Connection, *, slot: int, after: int, upto: int) -> None:
    end = slot + QUARTER_SECONDS
    connection.execute(CLEAR, {"after": after, "upto": upto})
    _add(connection, SUM, slot=slot, begin=end - WEEK_SECONDS, of={"after": after, "upto": upto})
    asked = {"after": after, "upto": upto, "since": (end - WEEK_SECONDS) * 1000}
    for row in connection.execute(ENDED_IN_RANGE, asked).all():
        one = {"number": row.number, "address": row.address}
        connection.execute(CLEAR_ONE, one)
        begin = _begin(since=row.since // 1000, until=row.at // 1000)
        _add(connection, SUM_ONE, slot=slot, begin=begin, of=one)


def _begin(*, since: int, until: int) -> int:
    """From which hour counts begin anew after a pause. Within the hour of its end nothing was sent
    before it, unless the pause was so short that what led to it may stand in that hour too."""
    hour = until // HOUR_SECONDS * HOUR_SECONDS
    is_whole = since + QUARTER_SECONDS <= hour
    return hour if is_whole or until == hour else hour + HOUR_SECONDS


def _add(
    connection: Connection,
    statement: TextClause,
    *,
    slot: int,
    begin: int,
    of: Mapping[str, object],
) -> None:
    end = slot + QUARTER_SECONDS
    hours = range(begin // HOUR_SECONDS * HOUR_SECONDS, end, HOUR_SECONDS)
    values = {
        "slot": slot,
        "slots": encode.text([hour for hour in hours if hour >= begin]),
        "day": end - DAY_SECONDS,
        "hour": end // HOUR_SECONDS * HOUR_SECONDS - HOUR_SECONDS,
        **of,
    }
    connection.execute(statement, values)


def _facts(row: Row[Any], receivers: Iterable[ReceiverFacts], ended: int | None) -> MailFacts:
    summed_at = (row.slot + QUARTER_SECONDS) * 1000
    if ended is not None and ended >= summed_at:
        # Summed before the pause ended: of what was sent since, nothing is known yet.
        return MailFacts(
            day=Window(), week=Window(), since=from_ms(ended), receivers=tuple(receivers)
        )
    return MailFacts(
        day=_window(row, "day"),
        week=_window(row, "week"),
        since=from_ms(ended),
        hour_attempts=row.hour_attempts,
        receivers=tuple(receivers),
    )


def _window(row: Row[Any], span: str) -> Window:
    return Window(**{name: row._mapping[f"{span}_{name}"] for name in RATED})


def _added(one: Window, *, other: Window) -> Window:
    return Window(**{name: getattr(one, name) + getattr(other, name) for name in RATED})


def _lately(
    connection: Connection, asked: dict[str, str]
) -> dict[tuple[str, str], tuple[ReceiverFacts, ...]]:
    """In the last whole quarter that was looked at, of what was refused or is paused."""
    slot, _ = windows.reached(connection, windows.OWN)
    newest: dict[tuple[str, str, str], ReceiverFacts] = {}
    for row in connection.execute(LATELY, {**asked, "slot": slot}):
        newest[row.node_id, row.address, row.receiver] = ReceiverFacts(
            receiver=row.receiver,
            attempts=row.attempts,
            # Classes travel less often than counts: those of a quarter may come with the next.
            blocked=min(row.blocked, row.attempts),
            until=from_ms((row.slot + QUARTER_SECONDS) * 1000),
        )
    found: dict[tuple[str, str], tuple[ReceiverFacts, ...]] = defaultdict(tuple)
    for (node_id, address, _), fact in newest.items():
        found[node_id, address] += (fact,)
    return found
