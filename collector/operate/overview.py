"""Nodes and pools as people read them: the journal's rows, with what only this process knows.

Adds liveness, silence, `status` and `health_status`; changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import anyio.lowlevel

from collector.core import lifecycle
from collector.core.model import Lifecycle, Liveness, Pause, Reason, Severity
from collector.operate.desk import Desk
from collector.operate.moments import moment
from collector.ports import Refused, Row

# Of a whole fleet with trouble everywhere: who has an alert is never shown as healthy.
ALERTS_MAX = 1_000_000
ROWS_AT_ONCE = 100


async def nodes(desk: Desk, *, node: str | None = None) -> list[Row]:
    """All nodes, or the one of this id, name or address. Refused: NODE_UNKNOWN."""
    rows = await desk.store.nodes(node=node)
    if node is not None and not rows:
        raise Refused("NODE_UNKNOWN", f"no node has the id, name or address {node}")
    alerts: dict[object, list[Row]] = defaultdict(list)
    only = str(rows[0]["id"]) if node is not None and len(rows) == 1 else None
    for alert in await desk.store.alerts(open_only=True, limit=ALERTS_MAX, node_id=only):
        alerts[alert["node_id"]].append(alert)
    connected = desk.streams.connected()
    done: list[Row] = []
    for index, row in enumerate(rows):
        if index % ROWS_AT_ONCE == 0:
            # Of a large fleet this is long work: heartbeats must not wait for it.
            await anyio.lowlevel.checkpoint()
        known = complete(desk, row, alerts=alerts[row["id"]])
        done.append({**known, "connected": row["id"] in connected})
    return done


async def one(desk: Desk, node: str) -> Row:
    """Refused: NODE_UNKNOWN, NODE_AMBIGUOUS."""
    rows = await nodes(desk, node=node)
    if len(rows) > 1:
        ids = ", ".join(str(row["id"]) for row in rows)
        raise Refused("NODE_AMBIGUOUS", f"{node} fits {len(rows)} nodes: {ids}")
    return rows[0]


async def pools(desk: Desk) -> list[Row]:
    """Every pool with its counts, and its nodes by status."""
    members: dict[object, list[Row]] = defaultdict(list)
    for row in await nodes(desk):
        members[row["pool"]].append(row)
    return [{**pool, "statuses": statuses(members[pool["name"]])} for pool in await _pools(desk)]


async def pool(desk: Desk, name: str) -> Row:
    """By id or name. Refused: POOL_UNKNOWN."""
    for row in await _pools(desk):
        if name in (row["id"], row["name"]):
            return row
    raise Refused("POOL_UNKNOWN", f"no pool has the id or name {name}")


def statuses(rows: Iterable[Row]) -> dict[str, int]:
    """How many nodes have each status, most first."""
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[str(row["status"])] += 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def complete(desk: Desk, row: Row, *, alerts: Sequence[Row]) -> Row:
    """One node's row with liveness and the derived words; `alerts` are its open ones."""
    node_id, now = str(row["id"]), desk.clock.monotonic()
    liveness = desk.census.liveness(node_id, desk.policy(), now=now)
    pauses = [_pause(node_id, one) for one in rows_of(row, "pauses")]
    return {
        **row,
        "status": _status(row, liveness, pauses),
        "health_status": lifecycle.health_status(
            liveness,
            alerts=[Severity(str(alert["severity"])) for alert in alerts],
            pauses=pauses,
        ),
        "liveness": liveness.value,
        "silence_seconds": round(desk.presence.silence(node_id, now=now).total_seconds(), 1),
        "alerts": [
            {name: alert[name] for name in ("key", "severity", "text", "opened_at")}
            for alert in alerts
        ],
    }


def rows_of(row: Row, name: str) -> Sequence[Row]:
    """A list of rows inside a row; empty when there is none."""
    found = row.get(name) or ()
    assert isinstance(found, Sequence), (name, found)
    return found


def row_of(row: Row, name: str) -> Row | None:
    found = row.get(name)
    assert found is None or isinstance(found, Mapping), (name, found)
    return found


def _status(row: Row, liveness: Liveness, pauses: Sequence[Pause]) -> str:
    """Unheard shows the last known word: lost, when silence had taken every address out."""
    addresses = rows_of(row, "addresses")
    was_lost = bool(addresses) and all(
        one["rotation_reason"] == Reason.SILENCE.value and not one["in_rotation"]
        for one in addresses
    )
    if liveness is Liveness.UNHEARD and was_lost and row.get("last_heartbeat"):
        liveness = Liveness.LOST
    return lifecycle.status(
        Lifecycle(str(row["lifecycle"])),
        liveness,
        pauses=pauses,
        addresses=[str(one["ip"]) for one in addresses],
    )


def _pause(node_id: str, row: Row) -> Pause:
    address = row["address"]
    return Pause(
        id=str(row["id"]),
        node_id=node_id,
        address=None if address is None else str(address),
        reason=Reason(str(row["reason"])),
        owner=str(row["owner"]),
        opened_at=moment(row["opened_at"]),
        decision_id=str(row["decision_id"] or ""),
    )


async def _pools(desk: Desk) -> Sequence[Row]:
    return await desk.store.pools()
