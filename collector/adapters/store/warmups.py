"""Warm-up plans and their days: read for a judgement, written with it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import encode, rotation
from collector.adapters.store.among import given, named
from collector.adapters.store.moments import from_ms, to_ms
from collector.adapters.store.reign import read_policy
from collector.adapters.store.schema_rotation import warmup_days, warmups
from collector.adapters.store.timeline import Told, tell
from collector.core import lifecycle, warmup
from collector.core.judgement import Judgement, LifecycleChange, WarmupChange
from collector.core.policy import Policy
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS
from collector.core.warmup_plan import Holder, Plan, SendingDay, Warming, WarmKind
from deliverability import ladders
from deliverability.receivers import LOCAL

DAY_MS = DAY_SECONDS * 1000
KEY = ("kind", "subject", "node_id")
# What was counted under no address is of the node's only one, or may be of each of them.
SUMS = text(
    f"""SELECT coalesce(sum(first_sent + first_deferred + first_bounced), 0) AS firsts,
 coalesce(sum(first_unknown), 0) AS unknown, coalesce(sum(first_deferred), 0) AS first_deferred,
 coalesce(sum(first_bounced), 0) AS first_bounced, coalesce(sum(sent), 0) AS sent,
 coalesce(sum("deferred"), 0) AS "deferred", coalesce(sum(bounced), 0) AS bounced
 FROM windows WHERE span = {DAY_SECONDS} AND slot = :slot AND node_number = :number
 AND address IN (:ip, '') AND receiver <> '{LOCAL}'"""  # noqa: S608  # our own words
)
BEST_HOUR = text(
    f"""SELECT coalesce(max(n), 0) FROM (SELECT sum(sent + "deferred" + bounced) AS n FROM windows
 WHERE span = {HOUR_SECONDS} AND slot >= :slot AND slot < :slot + {DAY_SECONDS}
 AND node_number = :number AND address IN (:ip, '') GROUP BY slot
 HAVING sum("deferred" + bounced) <= n * :trouble)"""  # noqa: S608
)
LISTED = text(
    """SELECT DISTINCT zone FROM listings WHERE node_id = :node AND address = :ip
 AND consequence = 'pause' AND opened_at < :end AND (closed_at IS NULL OR closed_at >= :begin)
 ORDER BY zone"""
)
PAUSED = text(
    """SELECT DISTINCT reason FROM pauses WHERE node_id = :node AND address IN ('', :ip)
 AND opened_at < :end AND (closed_at IS NULL OR closed_at >= :begin) ORDER BY reason"""
)
PLANS = select(warmups).where(named(warmups.c.node_id), warmups.c.kind == WarmKind.ADDRESS.value)
NUMBER = text("SELECT number, last_heartbeat FROM node_states WHERE node_id = :node")


def read(
    connection: Connection, chunk: Sequence[str], *, now: datetime
) -> dict[tuple[str, str], Warming]:
    """By node and address, of these nodes; with the day that waits to be judged."""
    rows = connection.execute(PLANS, given(chunk)).all()
    if not rows:
        return {}
    policy = read_policy(connection)
    found = {}
    for row in rows:
        plan = plan_of(row)
        over = warmup.day_to_judge(plan, policy, now=now)
        subject = (row.node_id, plan.subject)
        day = None if over is None else _day(connection, subject, over=over, policy=policy)
        found[subject] = Warming(plan=plan, day=day)
    return found


def change(connection: Connection, judgement: Judgement, *, ids: Sequence[str]) -> None:
    """Plans, the days that were judged, and the lives of nodes that follow them."""
    for one in judgement.warmups:
        node_id = one.subject.node_id
        if standing(connection, one.plan, node_id=node_id) != one.before:
            # A person's word came between: the node is judged again, the decision stays on record.
            words = f"the warm-up of {one.plan.subject} was changed meanwhile: looked at again"
            told = Told(at=to_ms(judgement.at), kind="event", text=words, node_id=node_id)
            tell(connection, told)
            continue
        decided = None if one.decision is None else ids[one.decision]
        put(connection, one.plan, node_id=node_id, decision_id=decided)
        if one.day is not None:
            _keep_day(connection, one, one.day)
    for pool_id in sorted(
        {one.subject.pool_id for one in judgement.warmups if one.decision is not None} - {""}
    ):
        rotation.revise(connection, pool_id, at=to_ms(judgement.at))
    for move in judgement.lifecycles:
        _move(connection, move, at=to_ms(judgement.at))


def standing(connection: Connection, plan: Plan, *, node_id: str) -> Plan | None:
    """The plan that stands of the same subject."""
    c = warmups.c
    mine = (c.kind == plan.kind.value) & (c.subject == plan.subject) & (c.node_id == node_id)
    row = connection.execute(select(warmups).where(mine)).one_or_none()
    return None if row is None else plan_of(row)


def put(
    connection: Connection, plan: Plan, *, node_id: str, decision_id: str | None = None
) -> None:
    """`decision_id` None: the one that stands stays."""
    cap = plan.cap
    values: dict[str, object] = {
        "ladder": plan.ladder,
        "stage": plan.stage,
        "day_cap": cap.day if cap else None,
        "hour_cap": cap.hour if cap else None,
        "started_at": to_ms(plan.started_at),
        "since": to_ms(plan.since),
        "healthy_days": plan.healthy_days,
        "idle_days": plan.idle_days,
        "usual": plan.usual,
        "judged": _number(plan.judged),
        "counted": _number(plan.counted),
        "sent_on": _number(plan.sent_on),
        "listed_since": None if plan.listed_since is None else to_ms(plan.listed_since),
        "held_by": plan.held_by.value if plan.held_by else None,
        "held_why": plan.held_why,
    }
    if decision_id is not None:
        values["decision_id"] = decision_id
    key = {"kind": plan.kind.value, "subject": plan.subject, "node_id": node_id}
    statement = upsert(warmups).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=KEY, set_=values))


def adopted(node_id: str, ips: Iterable[str], *, at: int) -> list[dict[str, object]]:
    """Rows for addresses that are warm as they come: those of a node that sends already."""
    ladder = ladders.default(0)
    return [
        {
            "kind": WarmKind.ADDRESS.value,
            "subject": ip,
            "node_id": node_id,
            "ladder": ladder.name,
            "stage": len(ladder.stages),
            "started_at": at,
            "since": at,
        }
        for ip in ips
    ]


def plan_of(row: Row[Any]) -> Plan:
    return Plan(
        subject=row.subject,
        kind=WarmKind(row.kind),
        ladder=row.ladder,
        stage=row.stage,
        started_at=from_ms(row.started_at),
        since=from_ms(row.since),
        healthy_days=row.healthy_days,
        idle_days=row.idle_days,
        usual=row.usual,
        judged=_midnight(row.judged),
        counted=_midnight(row.counted),
        sent_on=_midnight(row.sent_on),
        listed_since=from_ms(row.listed_since),
        held_by=Holder(row.held_by) if row.held_by else None,
        held_why=row.held_why,
    )


def _day(
    connection: Connection, subject: tuple[str, str], *, over: datetime, policy: Policy
) -> SendingDay:
    """`subject`: node and address."""
    node_id, ip = subject
    begin = to_ms(over)
    number, heard = connection.execute(NUMBER, {"node": node_id}).one()
    of_day = {"slot": begin // 1000, "number": number, "ip": ip}
    of_hours = {**of_day, "trouble": policy.best_hour_trouble}
    span = {"node": node_id, "ip": ip, "begin": begin, "end": begin + DAY_MS}
    sums = connection.execute(SUMS, of_day).one()
    attempts = sums.sent + sums.deferred + sums.bounced
    volume = sums.firsts + sums.unknown or attempts
    return SendingDay(
        day=over,
        heard=heard is not None and heard >= begin,
        volume=volume,
        firsts=sums.firsts or attempts,
        deferred=sums.first_deferred if sums.firsts else sums.deferred,
        bounced=sums.first_bounced if sums.firsts else sums.bounced,
        listed=tuple(connection.scalars(LISTED, span)),
        pauses=tuple(connection.scalars(PAUSED, span)),
        best_hour=connection.execute(BEST_HOUR, of_hours).scalar_one(),
    )


def _keep_day(connection: Connection, change: WarmupChange, day: SendingDay) -> None:
    values = {
        "volume": day.volume,
        "cap": change.day_cap,
        "deferred": day.deferred,
        "bounced": day.bounced,
        "best_hour": day.best_hour,
        "why": change.why,
    }
    key = {
        "node_id": change.subject.node_id,
        "subject": change.plan.subject,
        "day": _number(day.day),
    }
    statement = upsert(warmup_days).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[*key], set_=values))


def _move(connection: Connection, move: LifecycleChange, *, at: int) -> None:
    """Only as it was judged: whoever took the node out meanwhile is not overruled."""
    assert lifecycle.may_move(before=move.before, after=move.after), move
    moving = text("UPDATE nodes SET lifecycle = :after WHERE id = :id AND lifecycle = :before")
    values = {"before": move.before.value, "after": move.after.value, "id": move.node_id}
    if connection.execute(moving, values).rowcount:
        words = f"the node is {move.after.value}: its addresses' warm-up says so"
        details = {"kind": "lifecycle", "after": move.after.value}
        tell(
            connection,
            Told(at=at, kind="event", text=words, node_id=move.node_id, details=details),
        )


def days_of(
    connection: Connection, node_id: str, *, subject: str, limit: int
) -> Iterator[dict[str, object]]:
    """What its days were, newest first."""
    c = warmup_days.c
    query = select(warmup_days).where(c.node_id == node_id, c.subject == subject)
    for row in connection.execute(query.order_by(c.day.desc()).limit(limit)):
        shown = _midnight(row.day)
        assert shown is not None
        names = ("volume", "cap", "deferred", "bounced", "best_hour", "why")
        yield {"day": f"{shown:%Y-%m-%d}", **{name: row._mapping[name] for name in names}}


def last_of(packed: str) -> tuple[str, str]:
    """A day and what came of it."""
    number, why = encode.value(packed)
    day = _midnight(number)
    return f"{day:%Y-%m-%d}", why


def _number(day: datetime | None) -> int | None:
    return None if day is None else to_ms(day) // DAY_MS


def _midnight(day: int | None) -> datetime | None:
    return None if day is None else from_ms(day * DAY_MS)
