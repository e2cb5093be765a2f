"""The fleet's mail as people read it: queues, a day's report, a node's health. Changes nothing."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from collector.core import health
from collector.core.policy import Policy
from collector.core.rates import (
    DAY_SECONDS,
    HOUR_SECONDS,
    QUARTER_SECONDS,
    WindowsAsked,
)
from collector.operate import overview, receivers
from collector.operate.desk import Desk
from collector.operate.overview import row_of
from collector.ports import Refused, Row

QUEUES = ("active", "incoming", "deferred", "hold", "maildrop")
DAYS_KEPT = 35
SETTLED_SECONDS = 180
# Details are kept of today and of the last day before it.
DETAILED_DAYS = 2


async def queues(desk: Desk) -> Row:
    """Messages by queue, of each node and of all; the fullest first. None: could not be counted."""
    items = [_queue(row) for row in await overview.nodes(desk)]
    items.sort(key=lambda row: (-_waiting(row), str(row["node"])))
    totals = {
        name: sum(int(str(row[name])) for row in items if row[name] is not None) for name in QUEUES
    }
    unknown = sum(any(row[name] is None for name in QUEUES[:4]) for row in items)
    return {"items": items, "totals": totals, "nodes": len(items), "nodes_unknown": unknown}


def _queue(row: Row) -> Row:
    latest = row_of(row, "latest")
    queue = (row_of(latest, "queue") if latest else None) or {}
    return {
        "node": row["name"],
        "status": row["status"],
        **{name: queue.get(name) for name in QUEUES},
        "oldest_age_seconds": queue.get("oldest_age_seconds"),
        "last_heartbeat": row["last_heartbeat"],
    }


def _waiting(row: Row) -> int:
    return sum(int(str(row[name])) for name in QUEUES if row[name] is not None)


async def daily(desk: Desk, day: date | None) -> Row:
    """One day (UTC), yesterday unless another is named. Refused: DAY_UNKNOWN."""
    today = desk.clock.now().astimezone(UTC).date()
    asked = day or today - timedelta(days=1)
    days_ago = (today - asked).days
    if not 0 <= days_ago < DAYS_KEPT:
        raise Refused("DAY_UNKNOWN", f"{asked} is not within the last {DAYS_KEPT} days")
    policy = desk.policy()
    by_receiver = await _of_day(desk, asked, "receiver")
    told = await desk.store.delays(days_ago=days_ago) if days_ago < DETAILED_DAYS else None
    return {
        "day": asked.isoformat(),
        "is_over": days_ago > 0,
        "total": receivers.summary(receivers.total(by_receiver), policy),
        "receivers": [_line(row, "receiver", policy=policy) for row in by_receiver],
        "addresses": [
            _line(row, "node", "address", policy=policy)
            for row in await _of_day(desk, asked, "node", "address")
        ],
        "classes": told["classes"] if told else None,
        "seconds": told["seconds"] if told else None,
    }


async def _of_day(desk: Desk, day: date, *by: str) -> Sequence[Row]:
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    until = since + timedelta(days=1)
    rows = await desk.store.windows(WindowsAsked(span=DAY_SECONDS, since=since, until=until, by=by))
    return sorted(rows, key=lambda row: -receivers.window(row).attempts)


def _line(row: Row, *names: str, policy: Policy) -> Row:
    counted = receivers.window(row)
    return {**{name: row[name] for name in names}, **receivers.summary(counted, policy)}


async def targets(desk: Desk, row: Row) -> list[Row]:
    """The owners' targets for one node, as `overview.one` gave it."""
    node_id, now = str(row["id"]), desk.clock.now()
    latest = row_of(row, "latest")
    queue = row_of(latest, "queue") if latest else None
    # The last quarter of an hour that is over, and was looked at.
    settled = int(now.timestamp()) - SETTLED_SECONDS
    start = settled // QUARTER_SECONDS * QUARTER_SECONDS - QUARTER_SECONDS
    over = datetime.fromtimestamp(start, UTC)
    quarter = WindowsAsked(
        span=QUARTER_SECONDS,
        since=over,
        until=over + timedelta(seconds=QUARTER_SECONDS),
        by=("slot",),
        node_id=node_id,
    )
    day = await receivers.sums(desk, HOUR_SECONDS, since=now - timedelta(days=1), node_id=node_id)
    told = await desk.store.delays(node_id=node_id)
    histograms = told["histograms"]
    assert isinstance(histograms, dict)
    found = health.targets(
        queue={name: _count(queue, name) for name in QUEUES} if queue else None,
        recent=receivers.total(await desk.store.windows(quarter)),
        day=day,
        delivered=histograms["total"],
    )
    return [
        {"name": one.name, "state": one.state.value, "value": one.value, "target": one.target}
        for one in found
    ]


def _count(queue: Row, name: str) -> int | None:
    found = queue.get(name)
    return found if isinstance(found, int) else None
