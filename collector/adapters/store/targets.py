"""Which of the owners' targets nodes miss, and since when: looked at once a quarter of an hour,
some nodes at a time, and read for a judgement. What a target is, the core knows (`core.health`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, text

from collector.adapters.store import encode, windows
from collector.adapters.store.moments import from_ms, to_ms
from collector.adapters.store.schema_counts import RATED, targets_missed
from collector.adapters.store.windows import Slice
from collector.core import health, histograms
from collector.core.lifecycle import SENDING
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS, Window
from collector.core.readings import TargetFact

NODES_AT_ONCE = 100
# A node whose last word is older says nothing of its queue.
HEARD_MS = QUARTER_SECONDS * 1000

NODES = text(
    f"""SELECT s.number, s.last_heartbeat, json_extract(s.latest, '$.queue') AS queue
 FROM node_states s JOIN nodes n ON n.id = s.node_id
 WHERE s.number > :after AND s.number <= :upto
 AND n.lifecycle IN ({", ".join(sorted(f"'{one.value}'" for one in SENDING))})
 ORDER BY s.number"""  # noqa: S608  # our own words
)
SUMS = text(
    f"""SELECT w.node_number AS number, {", ".join(f'sum(w."{name}") AS {name}' for name in RATED)}
 FROM json_each(:slots) j CROSS JOIN windows w ON w.span = :span AND w.slot = j.value
 AND w.node_number > :after AND w.node_number <= :upto GROUP BY w.node_number"""  # noqa: S608
)
DELAYS = text(
    """SELECT s.number, d.delays, d.delays_today FROM node_states s
 CROSS JOIN details d ON d.epoch_number = s.epoch_number
 WHERE s.number > :after AND s.number <= :upto AND d.day = :day"""
)
KNOWN = text("SELECT * FROM targets_missed WHERE node_number > :after AND node_number <= :upto")
OF_NODES = text(
    """SELECT s.node_id, t.* FROM node_states s JOIN targets_missed t ON t.node_number = s.number
 WHERE s.node_id IN (SELECT value FROM json_each(:nodes)) ORDER BY t.node_number, t.name"""
)


class _Counted(NamedTuple):
    """By node number: the last quarter of an hour, the day, delays of what was delivered today."""

    recent: dict[int, Window]
    day: dict[int, Window]
    delivered: dict[int, Sequence[int]]


def step(connection: Connection, *, now: int) -> None:
    """One slice, behind the windows; `now` in milliseconds."""
    part = windows.behind(connection, windows.TARGETS, at_once=NODES_AT_ONCE)
    if part is None:
        return
    nodes = {"after": part.after, "upto": part.upto}
    known: dict[int, dict[str, TargetFact]] = defaultdict(dict)
    for row in connection.execute(KNOWN, nodes):
        known[row.node_number][row.name] = _fact(row)
    missed = _missed(connection, part, known=known, now=now)
    if known:
        c = targets_missed.c.node_number
        connection.execute(delete(targets_missed).where(c > part.after, c <= part.upto))
    if missed:
        connection.execute(insert(targets_missed), missed)


def read(connection: Connection, chunk: Sequence[str]) -> dict[str, tuple[TargetFact, ...]]:
    """By node id, of these nodes."""
    found: dict[str, tuple[TargetFact, ...]] = defaultdict(tuple)
    for row in connection.execute(OF_NODES, {"nodes": encode.joined(chunk)}):
        found[row.node_id] += (_fact(row),)
    return found


def _missed(
    connection: Connection, part: Slice, *, known: dict[int, dict[str, TargetFact]], now: int
) -> list[dict[str, object]]:
    """Rows of those that send; of others nothing is wanted."""
    counted = _counted(connection, part, now=now)
    rows = connection.execute(NODES, {"after": part.after, "upto": part.upto}).all()
    return [
        {
            "node_number": row.number,
            "name": one.name,
            "value": one.value,
            "target": one.target,
            "since": to_ms(one.since),
            "seen_at": to_ms(one.seen_at),
        }
        for row in rows
        for one in health.missed(
            health.targets(
                queue=_queue(row, now=now),
                recent=counted.recent.get(row.number, Window()),
                day=counted.day.get(row.number, Window()),
                delivered=counted.delivered.get(row.number, ()),
            ),
            known.get(row.number, {}),
            now=from_ms(now),
        )
    ]


def _queue(row: Row[Any], *, now: int) -> dict[str, int | None] | None:
    if row.queue is None or row.last_heartbeat is None or now - row.last_heartbeat > HEARD_MS:
        return None
    found: dict[str, int | None] = encode.value(row.queue)
    return found


def _counted(connection: Connection, part: Slice, *, now: int) -> _Counted:
    """The day: hours that touch the last 24; as people see it in `node show`."""
    end = part.slot + QUARTER_SECONDS
    first = (end - DAY_SECONDS) // HOUR_SECONDS * HOUR_SECONDS
    return _Counted(
        recent=_sums(connection, part, span=QUARTER_SECONDS, slots=(part.slot,)),
        day=_sums(connection, part, span=HOUR_SECONDS, slots=range(first, end, HOUR_SECONDS)),
        delivered=_delivered(connection, part, day=now // 1000 // DAY_SECONDS),
    )


def _sums(
    connection: Connection, part: Slice, *, span: int, slots: Iterable[int]
) -> dict[int, Window]:
    asked = {"span": span, "slots": encode.text([*slots]), "after": part.after, "upto": part.upto}
    return {
        row.number: Window(**{name: row._mapping[name] for name in RATED})
        for row in connection.execute(SUMS, asked)
    }


def _delivered(connection: Connection, part: Slice, *, day: int) -> dict[int, Sequence[int]]:
    found: dict[int, list[Sequence[int]]] = defaultdict(list)
    for row in connection.execute(DELAYS, {"after": part.after, "upto": part.upto, "day": day}):
        grown = histograms.grown(row.delays, before=row.delays_today, part="total")
        found[row.number].append(grown)
    return {number: [*map(sum, zip(*ones, strict=True))] for number, ones in found.items()}


def _fact(row: Row[Any]) -> TargetFact:
    return TargetFact(
        name=row.name,
        value=row.value,
        target=row.target,
        since=from_ms(row.since),
        seen_at=from_ms(row.seen_at),
    )
