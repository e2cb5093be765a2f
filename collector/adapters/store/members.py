"""A pool's addresses as its rotation sees them: what stands against each, caps, what was sent."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from collector.adapters.store import windows
from collector.adapters.store.moments import from_ms, to_ms
from collector.adapters.store.reign import read_switches
from collector.core import obedience
from collector.core.lifecycle import SENDING
from collector.core.model import Lifecycle
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS
from collector.core.rotation import EVEN_WEIGHT, Block, Member, Rotation, Strategy, Used
from collector.core.warmup_plan import CAREFUL
from collector.ports import Refused
from deliverability.ladders import LADDERS, Stage
from deliverability.receivers import LOCAL

BEST_DAYS = 30
POOL = text("SELECT name, strategy, region FROM pools WHERE id = :pool")
REVISION = text("SELECT coalesce(max(revision), 0) FROM rotations WHERE pool_id = :pool")
MEMBERS = text(
    """SELECT a.node_id, n.name, a.ip, a.in_rotation, a.rotation_reason, a.share, n.region,
 n.lifecycle, t.number, t.convergence, t.obeyed_term, t.obeyed_revision,
 o.term, o.revision, w.ladder, w.stage,
 coalesce((SELECT s.score FROM scores s WHERE s.node_id = a.node_id AND s.address = a.ip
  ORDER BY s.at DESC LIMIT 1), 100) AS score,
 (SELECT max(d.best_hour) FROM warmup_days d WHERE d.node_id = a.node_id AND d.subject = a.ip
  AND d.day >= :since) AS best_hour
 FROM addresses a JOIN nodes n ON n.id = a.node_id JOIN node_states t ON t.node_id = a.node_id
 LEFT JOIN orders o ON o.node_id = a.node_id
 LEFT JOIN warmups w ON w.kind = 'address' AND w.subject = a.ip AND w.node_id = a.node_id
 WHERE a.pool_id = :pool AND a.is_present = 1 ORDER BY n.name, a.position"""
)
PAUSES = text(
    """SELECT node_id, address, receiver, reason, opened_at, probe_at FROM pauses
 WHERE closed_at IS NULL AND node_id IN (SELECT node_id FROM addresses WHERE pool_id = :pool)
 ORDER BY reason"""
)
# Messages that left, each once; attempts where the node does not tell first ones apart.
_FIRSTS = "first_sent + first_deferred + first_bounced + first_unknown"
_LEFT = f'iif({_FIRSTS} > 0, {_FIRSTS}, sent + "deferred" + bounced)'
_NUMBERS = """IN (SELECT t.number FROM node_states t
 JOIN addresses a ON a.node_id = t.node_id WHERE a.pool_id = :pool AND a.is_present = 1)"""
_OF_POOL = f"node_number {_NUMBERS}"
COUNTED = text(
    f"""SELECT 1 AS is_day, node_number, address, receiver, {_LEFT} AS n FROM windows
 WHERE span = {DAY_SECONDS} AND slot = :day AND {_OF_POOL} AND receiver <> '{LOCAL}'
 UNION ALL
 SELECT 0, node_number, address, receiver, {_LEFT} FROM windows
 WHERE span = {QUARTER_SECONDS} AND slot IN (:hour, :hour + 900, :hour + 1800, :hour + 2700)
 AND {_OF_POOL} AND receiver <> '{LOCAL}'"""  # noqa: S608  # our own words
)
# Since the last look at the windows: of this hour, and of this day.
GROWN = text(
    f"""SELECT 2, node_number, address, receiver, {_LEFT}
 FROM ({windows.grown(f"s.number {_NUMBERS}")}) WHERE receiver <> '{LOCAL}'"""  # noqa: S608
)
# By node number and address, then by receiver: of the day, of the hour.
Counts = dict[tuple[int, str], dict[str, list[int]]]
# A node's pauses, those of its addresses too.
Held = dict[str, list[Row[Any]]]


def read(connection: Connection, pool_id: str, *, now: datetime) -> Rotation:
    """Refused: POOL_UNKNOWN."""
    pool = connection.execute(POOL, {"pool": pool_id}).one_or_none()
    if pool is None:
        raise Refused("POOL_UNKNOWN", f"no pool {pool_id}")
    since = to_ms(now) // 1000 // DAY_SECONDS - BEST_DAYS
    rows = connection.execute(MEMBERS, {"pool": pool_id, "since": since}).all()
    counts, held = counted(connection, pool_id, now=now), _pauses(connection, pool_id)
    strategy = Strategy(pool.strategy)
    found = (_member(row, counts=counts, held=held) for row in rows)
    if strategy is Strategy.ROUND_ROBIN:
        # Turns are even: no share is kept of them.
        found = (replace(one, share=EVEN_WEIGHT) for one in found)
    return Rotation(
        pool_id=pool_id,
        pool=pool.name,
        revision=connection.execute(REVISION, {"pool": pool_id}).scalar_one(),
        strategy=strategy,
        region=pool.region,
        members=tuple(found),
        is_stopped=read_switches(connection)["sending_stopped"],
    )


def _member(row: Row[Any], *, counts: Counts, held: Held) -> Member:
    of_node = held.get(row.node_id, [])
    pauses = [one for one in of_node if one.address in ("", row.ip)]
    sent = merged(counts, (row.number, row.ip))
    receivers = {name: Used(day=day, hour=hour) for name, (day, hour) in sent.items()}
    return Member(
        node_id=row.node_id,
        node=row.name,
        ip=row.ip,
        region=row.region,
        against=_against(row, of_node),
        blocked=tuple(sorted({pause.receiver for pause in pauses if pause.receiver})),
        blocks={
            pause.receiver: Block(from_ms(pause.opened_at), from_ms(pause.probe_at))
            for pause in pauses
            if pause.receiver and pause.probe_at is not None
        },
        score=row.score,
        cap=_cap(row),
        best_hour=row.best_hour or 0,
        used=Used(
            day=sum(one.day for one in receivers.values()),
            hour=sum(one.hour for one in receivers.values()),
        ),
        receivers=receivers,
        share=row.share,
    )


def _against(row: Row[Any], pauses: list[Row[Any]]) -> tuple[str, ...]:
    """Why it may not send: its pauses, its life, its directive. A pause of one address silences
    its node, and so all others."""
    silent = [one for one in pauses if not one.receiver]
    paused = {one.reason for one in silent if one.address in ("", row.ip)}
    found = sorted(paused)
    if Lifecycle(row.lifecycle) not in SENDING:
        found.append(f"the node is {row.lifecycle}")
    if not row.in_rotation and not (paused and row.rotation_reason in paused):
        found.append(f"not in the rotation: {row.rotation_reason or 'not admitted yet'}")
    wanted = None if row.term is None else (row.term, row.revision)
    obeyed = (row.obeyed_term, row.obeyed_revision)
    if not obedience.is_in_step(wanted, obeyed=obeyed, convergence=row.convergence):
        found.append("its newest directive is not verified")
    siblings = {one.address for one in silent} - {"", row.ip}
    found += [f"its node is silent: {address} is paused" for address in sorted(siblings)]
    return tuple(found)


def _cap(row: Row[Any]) -> Stage | None:
    if row.ladder is None:
        return None
    stages = LADDERS.get(row.ladder, CAREFUL).stages
    return stages[row.stage] if row.stage < len(stages) else None


def _pauses(connection: Connection, pool_id: str) -> Held:
    found: Held = defaultdict(list)
    for row in connection.execute(PAUSES, {"pool": pool_id}):
        found[row.node_id].append(row)
    return found


def counted(connection: Connection, pool_id: str, *, now: datetime) -> Counts:
    seconds = to_ms(now) // 1000
    day, hour = seconds // DAY_SECONDS * DAY_SECONDS, seconds // HOUR_SECONDS * HOUR_SECONDS
    asked = {"pool": pool_id, "day": day, "hour": hour}
    found: Counts = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    rows = [*connection.execute(COUNTED, asked), *connection.execute(GROWN, {"pool": pool_id})]
    for which, number, address, receiver, count in rows:
        cell = found[number, address][receiver]
        cell[0] += count if which else 0
        cell[1] += count if which != 1 else 0
    return found


def merged(counts: Counts, of: tuple[int, str]) -> dict[str, list[int]]:
    """Of a node's number and address. What no address is named for may be this one's: never too
    little."""
    own, nobodys = counts.get(of, {}), counts.get((of[0], ""), {})
    found = {name: list(pair) for name, pair in own.items()}
    for name, pair in nobodys.items():
        sums = found.setdefault(name, [0, 0])
        sums[0] += pair[0]
        sums[1] += pair[1]
    return found
