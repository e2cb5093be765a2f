"""Notices on their way: handed to channels, tried, taken, folded or given up."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import effects as acts
from collector.adapters.store import encode
from collector.adapters.store.among import among
from collector.adapters.store.database import Part
from collector.adapters.store.moments import from_ms, to_ms
from collector.adapters.store.schema import addresses, nodes
from collector.adapters.store.schema_acts import effects
from collector.adapters.store.schema_alerts import LOST, TROUBLED, UNSENT, deliveries, incidents
from collector.core.channels import ChannelState
from collector.core.notice import Notice, from_payload
from collector.core.notices import KIND
from collector.ports_notify import Delivery

WAITING_MAX = 2_000
STANDING_MAX = 2_000
SENT = "sent"
# Every channel that ever had something, by skipping through the index.
CHANNELS = text(
    """WITH RECURSIVE known(channel) AS (SELECT min(channel) FROM deliveries
 UNION ALL SELECT (SELECT min(d.channel) FROM deliveries d WHERE d.channel > known.channel)
 FROM known WHERE known.channel IS NOT NULL)
 SELECT channel FROM known WHERE channel IS NOT NULL"""
)
STATE = text(
    f"""SELECT
 (SELECT count(*) FROM deliveries WHERE channel = :channel AND {UNSENT.text}) AS waiting,
 (SELECT finished_at FROM deliveries WHERE channel = :channel AND outcome = '{SENT}'
  AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1) AS sent_at,
 (SELECT max(finished_at) FROM deliveries WHERE channel = :channel AND {LOST.text}) AS failed_at,
 (SELECT min(created_at) FROM deliveries WHERE channel = :channel AND {UNSENT.text}
  AND attempts > 0) AS failing_since,
 (SELECT problem FROM deliveries WHERE channel = :channel AND {TROUBLED.text}
  ORDER BY created_at DESC LIMIT 1) AS problem"""  # noqa: S608  # our own words
)


class Deliveries(Part):
    async def untold(self, *, limit: int) -> Sequence[Notice]:
        c = effects.c
        query = (
            select(c.payload)
            .where(c.kind == KIND, c.finished_at.is_(None))
            .order_by(c.created_at, c.key)
        )
        return await self._database.read(
            lambda connection: [
                _notice(payload) for payload in connection.scalars(query.limit(limit))
            ]
        )

    async def told_channels(self, thread: str) -> Collection[str]:
        query = select(deliveries.c.channel).where(deliveries.c.thread == thread).distinct()
        return await self._database.read(lambda c: c.scalars(query).all())

    async def queue(self, notice: Notice, channels: Sequence[str], *, at: datetime) -> None:
        outcome = ", ".join(channels) or "no channel wants it"

        def job(connection: Connection) -> None:
            rows = [
                {
                    "key": notice.key,
                    "channel": channel,
                    "thread": notice.thread,
                    "created_at": to_ms(at),
                }
                for channel in channels
            ]
            if rows:
                connection.execute(upsert(deliveries).on_conflict_do_nothing(), rows)
            acts.finish(connection, {notice.key: f"{outcome}: {notice.title}"}, at=to_ms(at))

        await self._database.write(job)

    async def waiting(self, channel: str) -> Sequence[Delivery]:
        c = deliveries.c
        query = (
            select(deliveries, effects.c.payload)
            .join(effects, effects.c.key == c.key)
            .where(c.finished_at.is_(None), c.channel == channel)
            .order_by(c.created_at, c.key)
            .limit(WAITING_MAX)
        )
        return await self._database.read(lambda k: [_delivery(row) for row in k.execute(query)])

    async def abandon(self, known: Collection[str], *, before: datetime, at: datetime) -> int:
        c = deliveries.c
        waits = update(deliveries).where(c.finished_at.is_(None))
        old = waits.where(c.created_at < to_ms(before)).values(
            outcome="given up", said=c.problem, finished_at=to_ms(at)
        )
        gone = waits.where(~among(c.channel, known)).values(
            outcome="gone", said="no such channel any more", finished_at=to_ms(at)
        )
        return await self._database.write(
            lambda connection: sum(connection.execute(one).rowcount for one in (old, gone))
        )

    async def begun(self, channel: str, keys: Collection[str], *, parcel: str) -> None:
        c = deliveries.c
        mine = (c.channel == channel) & among(c.key, keys) & c.finished_at.is_(None)
        going = update(deliveries).where(mine).values(parcel=parcel)
        await self._database.write(lambda connection: connection.execute(going).rowcount)

    async def attempted(
        self, channel: str, keys: Collection[str], *, problem: str, at: datetime
    ) -> None:
        c = deliveries.c
        mine = (c.channel == channel) & among(c.key, keys) & c.finished_at.is_(None)
        tried = (
            update(deliveries)
            .where(mine)
            .values(attempts=c.attempts + 1, problem=problem, parcel="")
        )
        await self._database.write(lambda connection: connection.execute(tried).rowcount)

    async def delivered(
        self, channel: str, outcomes: Mapping[str, str], *, said: str, at: datetime
    ) -> None:
        c = deliveries.c

        def job(connection: Connection) -> None:
            for outcome in sorted(set(outcomes.values())):
                keys = [key for key, one in outcomes.items() if one == outcome]
                mine = (c.channel == channel) & among(c.key, keys) & c.finished_at.is_(None)
                tries = c.attempts + (1 if outcome == SENT else 0)
                values = {"outcome": outcome, "said": said, "finished_at": to_ms(at)}
                if outcome == "refused":
                    values["problem"] = said
                connection.execute(update(deliveries).where(mine).values(attempts=tries, **values))

        await self._database.write(job)

    async def standing(self, channel: str) -> Sequence[Notice]:
        return await self._database.read(lambda c: _standing(c, channel))

    async def channel_states(self) -> Mapping[str, ChannelState]:
        return await self._database.read(_states)

    async def own_names(self) -> frozenset[str]:
        def job(connection: Connection) -> frozenset[str]:
            ips = connection.scalars(select(addresses.c.ip).where(addresses.c.is_present == 1))
            known = connection.execute(select(nodes.c.name, nodes.c.hostname))
            names = (name.lower() for row in known for name in row if name)
            return frozenset((*ips, *names))

        return await self._database.read(job)


def _notice(payload: str) -> Notice:
    return from_payload(encode.value(payload))


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        channel=row.channel,
        notice=_notice(row.payload),
        created_at=from_ms(row.created_at),
        attempts=row.attempts,
        problem=row.problem,
        parcel=row.parcel,
    )


def _standing(connection: Connection, channel: str) -> list[Notice]:
    """Threads are named NUMBER.TIME; only those of open incidents are asked for."""
    c = deliveries.c
    open_ = select(incidents.c.number, incidents.c.opened_at).where(
        incidents.c.resolved_at.is_(None), incidents.c.notices > 0
    )
    rows = connection.execute(open_.order_by(incidents.c.number).limit(STANDING_MAX))
    threads = [f"{row.number}.{row.opened_at // 1000}" for row in rows]
    query = (
        select(c.thread, effects.c.payload, func.max(c.created_at))
        .join(effects, effects.c.key == c.key)
        .where(among(c.thread, threads), c.channel == channel, c.outcome.in_((SENT, "folded")))
        .group_by(c.thread)
        .order_by(c.thread)
    )
    return [_notice(row.payload) for row in connection.execute(query)]


def _states(connection: Connection) -> dict[str, ChannelState]:
    """Each question of one channel is one look into an index: 90 days of deliveries are kept."""
    return {row.channel: _state(connection, row.channel) for row in connection.execute(CHANNELS)}


def _state(connection: Connection, channel: str) -> ChannelState:
    row = connection.execute(STATE, {"channel": channel}).one()
    return ChannelState(
        waiting=row.waiting,
        sent_at=from_ms(row.sent_at),
        failed_at=from_ms(row.failed_at),
        failing_since=from_ms(row.failing_since),
        problem=row.problem or "",
    )
