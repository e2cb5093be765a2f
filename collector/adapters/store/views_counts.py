"""What nodes counted, as people and rates read it: windows, details, the newest replies."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy import Row as SqlRow

from collector.adapters.store import encode, windows
from collector.adapters.store.database import Part
from collector.adapters.store.moments import iso, to_ms
from collector.adapters.store.schema_counts import COUNTS, NUMBERS, OUTCOMES
from collector.core import histograms
from collector.core.rates import HOUR_SECONDS, WindowsAsked
from collector.ports import Row
from deliverability import delays

# How an answer may be grouped: our word -> the columns.
GROUPS = {
    "slot": "w.slot",
    "node": "n.name AS node",
    "address": "w.address",
    "receiver": "w.receiver",
}
NAMED = "JOIN node_states s ON s.number = w.node_number JOIN nodes n ON n.id = s.node_id"
_COUNTS = ", ".join(COUNTS)
_SUMS = ", ".join(f"sum(w.{name}) AS {name}" for name in COUNTS)
SHARES = (0.5, 0.95)


class CountViews(Part):
    async def windows(self, asked: WindowsAsked) -> Sequence[Row]:
        now = to_ms(self._database.clock.now()) // 1000
        return await self._database.read(lambda c: _windows(c, asked, now=now))

    async def ailing(self, *, limit: int) -> Sequence[Row]:
        query = text(
            """SELECT n.id, n.name, s.problems FROM node_states s JOIN nodes n ON n.id = s.node_id
 WHERE s.problems <> '[]' ORDER BY s.node_id LIMIT :limit"""
        )

        def job(connection: Connection) -> list[Row]:
            return [
                {
                    "id": row.id,
                    "name": row.name,
                    "problems": encode.strings(row.problems),
                }
                for row in connection.execute(query, {"limit": limit})
            ]

        return await self._database.read(job)

    async def replies(self, *, receiver: str, limit: int) -> Sequence[Row]:
        query = text(
            """SELECT r.class, r.outcome, r.text, r.at, n.name AS node FROM replies r
 JOIN node_states s ON s.number = r.node_number JOIN nodes n ON n.id = s.node_id
 WHERE r.receiver = :receiver AND r.at = (SELECT max(o.at) FROM replies o
  WHERE o.receiver = r.receiver AND o.class = r.class)
 GROUP BY r.class ORDER BY r.at DESC LIMIT :limit"""
        )

        def job(connection: Connection) -> list[Row]:
            rows = connection.execute(query, {"receiver": receiver, "limit": limit})
            return [
                {
                    "class": row[0],
                    "outcome": row.outcome,
                    "text": row.text,
                    "at": iso(row.at),
                    "node": row.node,
                }
                for row in rows
            ]

        return await self._database.read(job)

    async def unknown_lines(self, *, limit: int) -> Row:
        query = text(
            """SELECT n.name AS node, u.* FROM unknown_lines u
 JOIN node_states s ON s.number = u.node_number JOIN nodes n ON n.id = s.node_id
 WHERE u.unknown > 0 OR u.hosts != '{}'
 ORDER BY u.unknown * 1.0 / max(u.lines, 1) DESC, n.id LIMIT :limit"""
        )
        sums = text(
            """SELECT count(*) AS nodes, coalesce(sum(unknown > 0), 0) AS nodes_unknown,
 coalesce(sum(lines), 0) AS lines, coalesce(sum(unknown), 0) AS unknown FROM unknown_lines"""
        )

        def job(connection: Connection) -> Row:
            rows = connection.execute(query, {"limit": limit})
            totals = connection.execute(sums).one()._mapping
            return {**totals, "items": [_unknown(row) for row in rows]}

        return await self._database.read(job)

    async def delays(
        self, *, node_id: str | None = None, receiver: str | None = None, days_ago: int = 0
    ) -> Row:
        today = to_ms(self._database.clock.now()) // 86_400_000
        asked = {"node": node_id, "receiver": receiver}
        return await self._database.read(lambda c: _delays(c, asked, day=today - days_ago))


def _unknown(row: SqlRow[Any]) -> Row:
    plain = ("node", "lines", "unknown", "deliveries", "overlong")
    return {
        **{name: row._mapping[name] for name in plain},
        "daemons": encode.value(row.daemons),
        "newest": list(encode.strings(row.newest)),
        "hosts": encode.value(row.hosts),
        "at": iso(row.at),
    }


def _windows(connection: Connection, asked: WindowsAsked, *, now: int) -> list[Row]:
    """What grew since the last look is of the present window."""
    after, upto = _numbers(connection, asked.node_id)
    # The sums of the fleet are kept, but for hours.
    is_whole = asked.node_id is None and not {"node", "address"} & {*asked.by}
    is_whole = is_whole and asked.span != HOUR_SECONDS
    key = ", ".join(GROUPS[name] for name in asked.by)
    plain = ", ".join(GROUPS[name].partition(" AS ")[0] for name in asked.by)
    # Of ten thousand nodes these are a million rows: their names are asked for only when shown.
    named = NAMED if "node" in asked.by else ""
    # The words put in are our own; what was asked is bound.
    query = f"""SELECT {key}, {_SUMS} FROM (
 SELECT slot, node_number, address, receiver, {_COUNTS} FROM windows
  WHERE span = :span AND slot >= :since AND slot < :until
  AND node_number >= :least AND node_number <= :most
 UNION ALL SELECT :present, node_number, address, iif(:span = {HOUR_SECONDS}, '', receiver),
  {_COUNTS} FROM ({windows.GROWN}) WHERE :is_live AND :present >= :since
  AND :present < :until
 ) w {named} WHERE :receiver IS NULL OR w.receiver = :receiver
 GROUP BY {plain} ORDER BY {plain}"""  # noqa: S608
    values = {
        "span": asked.span,
        "since": int(asked.since.timestamp()),
        "until": int(asked.until.timestamp()),
        "present": now // asked.span * asked.span,
        "receiver": asked.receiver,
        "is_live": asked.is_live,
        "after": after,
        "upto": upto,
        "least": windows.FLEET if is_whole else after + 1,
        "most": windows.FLEET if is_whole else upto,
    }
    return [dict(row._mapping) for row in connection.execute(text(query), values)]


def _numbers(connection: Connection, node_id: str | None) -> tuple[int, int]:
    """Above which, and up to which: one node's, or all there are."""
    if node_id is None:
        return windows.FLEET, 2**62
    query = text("SELECT number FROM node_states WHERE node_id = :node")
    number = connection.execute(query, {"node": node_id}).scalar() or 0
    return number - 1, number


def _delays(connection: Connection, asked: dict[str, str | None], *, day: int) -> Row:
    """Histograms by part, and classes, of one day (UTC)."""
    query = text(
        """SELECT d.* FROM details d JOIN node_states s ON s.epoch_number = d.epoch_number
 WHERE (d.day = :day OR d.day_before = :day)
 AND (:node IS NULL OR s.node_id = :node) AND (:receiver IS NULL OR d.receiver = :receiver)"""
    )
    parts, classes = [], dict[str, int]()
    for row in connection.execute(query, {**asked, "day": day}):
        is_last = row.day == day
        now = (row.delays, row.classes) if is_last else (row.delays_today, row.classes_today)
        then = (
            (row.delays_today, row.classes_today)
            if is_last
            else (row.delays_before, row.classes_before)
        )
        parts.append(histograms.since(now[0], before=then[0]))
        before = encode.value(then[1])
        for name, count in encode.value(now[1]).items():
            classes[name] = classes.get(name, 0) + max(0, count - before.get(name, 0))
    added = histograms.added(parts)
    return {
        "histograms": {part: list(counts) for part, counts in added.items()},
        "seconds": {part: shares(counts) for part, counts in added.items()},
        "classes": {name: count for name, count in sorted(classes.items()) if count},
    }


def shares(counts: Sequence[int]) -> Row:
    """Upper bounds; None: nothing counted, or beyond the last edge."""
    found = {f"p{share:.0%}".rstrip("%"): delays.quantile(counts, share) for share in SHARES}
    return {name: None if value == float("inf") else value for name, value in found.items()}


def cell(row: SqlRow[Any]) -> Row:
    """One row of totals."""
    return {
        "address": row.address,
        "receiver": row.receiver,
        "instance": row.instance,
        "attempts": {name: row._mapping[name] for name in OUTCOMES if row._mapping[name]},
        **{name: row._mapping[name] for name in NUMBERS},
    }
