"""What the control pass commits: one judgement, one transaction, whole or not at all."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from collector.adapters.store import (
    counting,
    denials,
    effects,
    incidents,
    outcomes,
    rotation,
    scores,
    snapshot,
    verdicts,
    warmups,
)
from collector.adapters.store.database import Part
from collector.adapters.store.moments import to_ms
from collector.adapters.store.schema import nodes
from collector.adapters.store.timeline import Told, new_id, tell
from collector.core.judgement import Judgement
from collector.core.model import AlertFact, Lifecycle, Order, Snapshot
from collector.ports import PendingEffect, Refused


class Judging(Part):
    async def load(self, node_ids: Sequence[str] | None) -> Snapshot:
        now = to_ms(self._database.clock.now())
        kept = self._database.kept
        return await self._database.read(lambda c: snapshot.load(c, node_ids, kept=kept, now=now))

    async def commit(self, judgement: Judgement) -> Sequence[str]:
        if judgement.is_empty:
            return ()
        return await self._database.write(lambda c: commit(c, judgement))

    async def import_restored(self, node_id: str, applied: Order, *, judgement: Judgement) -> None:
        def job(connection: Connection) -> None:
            verdicts.put_orders(connection, [(node_id, applied)], at=to_ms(judgement.at))
            text = f"the node's directive ({applied.term}, {applied.revision}) was ahead of ours"
            details = {"kind": "restored", "order": applied}
            told = Told(
                at=to_ms(judgement.at), kind="event", text=text, node_id=node_id, details=details
            )
            tell(connection, told)
            commit(connection, judgement)

        await self._database.write(job)

    async def effects(self, *, limit: int) -> Sequence[PendingEffect]:
        return await self._database.read(lambda c: effects.pending(c, limit=limit))

    async def finish_effects(self, outcomes: Mapping[str, str], *, at: datetime) -> None:
        await self._database.write(lambda c: effects.finish(c, outcomes, at=to_ms(at)))

    async def orders(self, node_ids: Sequence[str]) -> Mapping[str, Order]:
        return await self._database.read(lambda c: snapshot.read_orders(c, node_ids))

    async def members(self) -> Mapping[str, str]:
        """The counts are verified on the way, and what is kept in memory read anew: once in a
        round, in the thread that reads."""
        kept = self._database.kept

        def job(connection: Connection) -> dict[str, str]:
            counting.verify(connection)
            kept.troubled.forget()
            going = nodes.c.lifecycle != Lifecycle.DECOMMISSIONED.value
            found = connection.execute(select(nodes.c.id, nodes.c.pool_id).where(going))
            return {row.id: row.pool_id for row in found}

        return await self._database.read(job)

    async def standing_alerts(self, causes: Collection[str]) -> Sequence[AlertFact]:
        return await self._database.read(lambda c: snapshot.alerts_of(c, causes))


def commit(connection: Connection, judgement: Judgement) -> list[str]:
    at, batch = to_ms(judgement.at), new_id()
    ids = verdicts.put_decisions(connection, judgement, batch=batch)
    verdicts.clear_standing(connection, judgement.standing_clear)
    denials.end(connection, judgement.denials_end)
    outcomes.close_listings(connection, judgement.listings_close, at=at)
    outcomes.open_listings(connection, judgement.listings_open, at=at)
    outcomes.open_pauses(connection, judgement, ids=ids)
    outcomes.close_pauses(connection, judgement.pauses_close, at=at)
    outcomes.probe_pauses(connection, judgement.pauses_probe)
    rotation.change(connection, judgement, ids=ids)
    scores.change(connection, judgement)
    warmups.change(connection, judgement, ids=ids)
    verdicts.put_orders(connection, judgement.orders, at=at)
    effects.add(connection, judgement, batch=batch)
    outcomes.open_alerts(connection, judgement.alerts_open, at=at)
    outcomes.resolve_alerts(connection, judgement.alerts_resolve, at=at)
    incidents.put(connection, judgement.incidents)
    outcomes.move_brakes(connection, judgement, at=at)
    return ids


def known_node(connection: Connection, node_id: str) -> str:
    """The node's pool; Refused when there is no such node."""
    pool = connection.scalar(select(nodes.c.pool_id).where(nodes.c.id == node_id))
    if pool is None:
        raise Refused("NODE_UNKNOWN", f"no node {node_id}")
    return str(pool)
