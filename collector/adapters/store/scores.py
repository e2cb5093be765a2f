"""Scores of addresses: written when they change, read with the median of seven days."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, text
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import encode
from collector.adapters.store.among import given, named
from collector.adapters.store.moments import to_ms
from collector.adapters.store.schema_acts import scores
from collector.core import score
from collector.core.judgement import Judgement
from collector.core.readings import ScoreFacts

WEEK_MS = 7 * 24 * 3600 * 1000
# A node is as good as the worst of its addresses; one without a row never lost a point.
KEPT = (
    select(scores)
    .where(named(scores.c.node_id))
    .order_by(scores.c.node_id, scores.c.address, scores.c.at)
)
OF_NODE = text(
    f"""UPDATE nodes SET reputation_score = coalesce((SELECT min(s.score) FROM scores s
 JOIN addresses a ON a.node_id = s.node_id AND a.ip = s.address AND a.is_present = 1
 WHERE s.node_id = nodes.id AND s.at = (SELECT max(n.at) FROM scores n
  WHERE n.node_id = s.node_id AND n.address = s.address)), {score.FULL})
 WHERE id = :node"""  # noqa: S608  # a number of ours
)

Kept = dict[tuple[str, str], list[Row[Any]]]


def change(connection: Connection, judgement: Judgement) -> None:
    if not judgement.scores:
        return
    at = to_ms(judgement.at)
    rows = [
        {
            "node_id": one.node_id,
            "address": one.address,
            "at": at,
            "score": one.score,
            "lost": encode.bounded(one.lost),
        }
        for one in judgement.scores
    ]
    statement = upsert(scores)
    fresh = {name: statement.excluded[name] for name in ("score", "lost")}
    key = ("node_id", "address", "at")
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=fresh), rows)
    for node_id in sorted({one.node_id for one in judgement.scores}):
        connection.execute(OF_NODE, {"node": node_id})


def read(
    connection: Connection, chunk: Sequence[str], *, now: int
) -> dict[tuple[str, str], ScoreFacts]:
    """By node and address; those that never lost a point have none."""
    return {
        key: ScoreFacts(score=rows[-1].score, median=_median(rows, now))
        for key, rows in kept(connection, chunk).items()
    }


def kept(connection: Connection, chunk: Sequence[str]) -> Kept:
    """Oldest first."""
    found: Kept = defaultdict(list)
    for row in connection.execute(KEPT, given(chunk)):
        found[row.node_id, row.address].append(row)
    return found


def shown(rows: Sequence[Row[Any]], *, now: int) -> dict[str, object]:
    """As people read it; what was never lost is not kept."""
    if not rows:
        return {"value": score.FULL, "median": score.FULL, "lost": []}
    lost = encode.value(rows[-1].lost)
    return {
        "value": rows[-1].score,
        "median": _median(rows, now),
        "lost": [{"points": points, "cause": cause} for points, cause in lost],
    }


def _median(rows: Sequence[Row[Any]], now: int) -> int:
    """Each score weighted by how long it stood in the week; the better of two that share it."""
    begin = now - WEEK_MS
    steps = [(begin, score.FULL), *((max(row.at, begin), row.score) for row in rows)]
    ends = [*(at for at, _ in steps[1:]), max(now, begin)]
    weights: dict[int, int] = defaultdict(int)
    for (at, value), end in zip(steps, ends, strict=True):
        weights[value] += max(end - at, 0)
    half, passed = sum(weights.values()) / 2, 0
    for value in sorted(weights, reverse=True):
        passed += weights[value]
        if passed >= half:
            return value
    raise AssertionError(steps)
