"""What the journal still knows of addresses' pasts, for judging them by another policy."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, text

from collector.adapters.store import encode
from collector.adapters.store.among import among
from collector.adapters.store.moments import from_ms, iso
from collector.adapters.store.schema import addresses, moves
from collector.adapters.store.schema_acts import listings, pauses
from collector.adapters.store.schema_counts import COUNTS
from collector.core.hindsight import Past, PastListing
from collector.core.model import Reason
from collector.core.rates import HOUR_SECONDS, Window
from collector.ports import Row

# Hours and nodes by name: the table lies in the order of both, a stretch of it holds the fleet.
HOURS = text(
    f"""SELECT s.node_id, w.address, w.slot, {", ".join(f"w.{name}" for name in COUNTS)}
 FROM json_each(:slots) t CROSS JOIN node_states s
 JOIN windows w ON w.span = {HOUR_SECONDS} AND w.slot = t.value AND w.node_number = s.number
 WHERE s.node_id IN (SELECT value FROM json_each(:nodes)) ORDER BY w.slot"""  # noqa: S608  # ours
)
Key = tuple[str, str]
Loss = tuple[int, int | None]


def pasts(connection: Connection, node_ids: Sequence[str], *, since: int, until: int) -> list[Past]:
    """`since`, `until` in milliseconds."""
    query = select(addresses.c.node_id, addresses.c.ip).where(
        among(addresses.c.node_id, node_ids), addresses.c.is_present == 1
    )
    found = connection.execute(query.order_by(addresses.c.node_id, addresses.c.position)).all()
    present = [(row.node_id, row.ip) for row in found]
    hours = _hours(connection, present, since=since // 1000, until=until // 1000)
    losses = _losses(connection, node_ids, since=since)
    listed = _listings(connection, node_ids, since=since)
    return [
        Past(
            node_id=node_id,
            address=ip,
            hours=tuple(hours.get((node_id, ip), ())),
            listings=tuple(listed.get((node_id, ip), ())),
            silences=tuple((from_ms(a), from_ms(b)) for a, b in losses.get((node_id, ip), ())),
        )
        for node_id, ip in present
    ]


def paused(connection: Connection, node_ids: Sequence[str], *, since: int) -> list[Row]:
    c = pauses.c
    query = select(c.node_id, c.address, c.reason, c.opened_at, c.closed_at).where(
        among(c.node_id, node_ids),
        c.closed_at.is_(None) | (c.closed_at > since),
        c.reason.not_in([Reason.OPERATOR.value, Reason.RESTORED.value]),
    )
    return [
        {
            "node_id": row.node_id,
            "address": row.address or None,
            "reason": row.reason,
            "opened_at": iso(row.opened_at),
            "closed_at": iso(row.closed_at),
        }
        for row in connection.execute(query.order_by(c.opened_at, c.id))
    ]


def _hours(
    connection: Connection, present: Sequence[Key], *, since: int, until: int
) -> dict[Key, list[tuple[datetime, Window]]]:
    """In order; an hour twice where some of it was counted under no address: as in a judgement
    (`mail_rates.of_address`) that is of a node's only one."""
    addresses_of = Counter(node_id for node_id, _ in present)
    only = {node_id: ip for node_id, ip in present if addresses_of[node_id] == 1}
    first = since // HOUR_SECONDS * HOUR_SECONDS
    asked = {
        "slots": encode.text(list(range(first, until, HOUR_SECONDS))),
        "nodes": encode.text(sorted(addresses_of)),
    }
    found: dict[Key, list[tuple[datetime, Window]]] = defaultdict(list)
    for node_id, address, slot, *counts in connection.execute(HOURS, asked):
        window = Window(**dict(zip(COUNTS, counts, strict=True)))
        found[node_id, address or only.get(node_id, "")].append((from_ms(slot * 1000), window))
    return found


def _losses(
    connection: Connection, node_ids: Sequence[str], *, since: int
) -> dict[Key, list[Loss]]:
    """From leaving the rotation for silence to the next move of the same address."""
    query = select(moves).where(among(moves.c.node_id, node_ids), moves.c.at >= since)
    found: dict[Key, list[Loss]] = defaultdict(list)
    for row in connection.execute(query.order_by(moves.c.at, moves.c.id)):
        mine = found[row.node_id, row.address]
        if mine and mine[-1][1] is None and row.is_member:
            mine[-1] = (mine[-1][0], row.at)
        if not row.is_member and row.reason == Reason.SILENCE.value:
            mine.append((row.at, None))
    return found


def _listings(
    connection: Connection, node_ids: Sequence[str], *, since: int
) -> dict[Key, list[PastListing]]:
    c = listings.c
    query = select(c.node_id, c.address, c.zone, c.opened_at, c.closed_at).where(
        among(c.node_id, node_ids),
        c.consequence == "pause",
        c.closed_at.is_(None) | (c.closed_at > since),
    )
    found: dict[Key, list[PastListing]] = defaultdict(list)
    for row in connection.execute(query.order_by(c.opened_at, c.id)):
        one = PastListing(
            zone=row.zone, opened_at=from_ms(row.opened_at), closed_at=from_ms(row.closed_at)
        )
        found[row.node_id, row.address].append(one)
    return found
