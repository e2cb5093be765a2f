"""What happened, oldest first: pages of the timeline, from a sequence number or a moment on."""

from dataclasses import dataclass
from datetime import datetime, timezone

from collector.operate import overview
from collector.operate.desk import Desk
from collector.operate.moments import moment

SEQ_MAX = 2**53
LOOKED_UP_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`after` is the last `seq` seen; while it is 0, `since` says where to begin."""

    after: int = 0
    limit: int
    since: datetime | None = None
    node: str | None = None


async def read(desk: Desk, asked: Asked) -> dict[str, object]:
    """`items`, and the `after` to go on with. Refused: NODE_UNKNOWN."""
    node = await overview.one(desk, asked.node) if asked.node else None
    after = asked.after
    if after == 0 and asked.since is not None:
        after = await _before(desk, asked.since)
    rows = await desk.store.journal(
        after=after, limit=asked.limit, node_id=str(node["id"]) if node else None
    )
    last = int(str(rows[-1]["seq"])) if rows else after
    names = await _names(desk, {str(row["node_id"]) for row in rows if row["node_id"]})
    items = [{**row, "node": names.get(str(row["node_id"]))} for row in rows]
    return {"items": items, "after": last}


async def _names(desk: Desk, ids: set[str]) -> dict[str, str]:
    """Of a few nodes one by one, of many all at once."""
    if len(ids) > LOOKED_UP_MAX:
        found = list(await desk.store.nodes())
    else:
        found = [row for one in sorted(ids) for row in await desk.store.nodes(node=one)]
    return {str(row["id"]): str(row["name"]) for row in found}


async def _before(desk: Desk, since: datetime) -> int:
    """The last `seq` earlier than `since`, by halving: times grow with `seq`, but for the moment
    between the wish and its commit."""
    edge = since if since.tzinfo else since.replace(tzinfo=timezone.utc)
    low, high = 0, 1
    while high < SEQ_MAX and await _is_earlier(desk, high, edge):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if await _is_earlier(desk, middle, edge):
            low = middle
        else:
            high = middle
    return low


async def _is_earlier(desk: Desk, seq: int, edge: datetime) -> bool:
    """Whether the first row from `seq` on is earlier than `edge`; False past the end."""
    rows = await desk.store.journal(after=seq - 1, limit=1, node_id=None)
    return bool(rows) and moment(rows[0]["at"]) < edge
