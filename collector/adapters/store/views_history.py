"""What decisions were made of, and every policy there was."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from collector.adapters.store import encode, hindsight, incidents, snapshot
from collector.adapters.store.database import Part
from collector.adapters.store.moments import iso, to_ms
from collector.adapters.store.schema import nodes, policies
from collector.adapters.store.schema_acts import decisions
from collector.core.hindsight import Past
from collector.core.incident import Place
from collector.core.model import Lifecycle
from collector.ports import Row


class HistoryViews(Part):
    async def inputs(self, decision_id: str) -> str | None:
        query = select(decisions.c.inputs).where(decisions.c.id == decision_id)
        return await self._database.read(lambda c: c.scalar(query))

    async def pasts(self, node_ids: Sequence[str], *, since: datetime) -> Sequence[Past]:
        until = to_ms(self._database.clock.now())
        return await self._database.read(
            lambda c: hindsight.pasts(c, node_ids, since=to_ms(since), until=until)
        )

    async def paused(self, node_ids: Sequence[str], *, since: datetime) -> Sequence[Row]:
        return await self._database.read(
            lambda c: hindsight.paused(c, node_ids, since=to_ms(since))
        )

    async def node_ids(self, *, after: str, limit: int) -> Sequence[str]:
        going = nodes.c.lifecycle != Lifecycle.DECOMMISSIONED.value
        query = select(nodes.c.id).where(going, nodes.c.id > after)
        query = query.order_by(nodes.c.id).limit(limit)
        return await self._database.read(lambda c: c.scalars(query).all())

    async def held_zones(self) -> Sequence[str]:
        return await self._database.read(lambda c: list(snapshot.brakes_held(c)))

    async def places(self, node_ids: Sequence[str]) -> Mapping[str, Place]:
        return await self._database.read(lambda c: incidents.places(c, node_ids))

    async def policies(self, *, revision: int | None = None, limit: int) -> Sequence[Row]:
        query = select(policies).order_by(policies.c.revision.desc()).limit(limit)
        if revision is not None:
            query = query.where(policies.c.revision == revision)

        def job(connection: Connection) -> list[Row]:
            return [
                {
                    "revision": row.revision,
                    "at": iso(row.at),
                    "made_by": row.made_by,
                    "note": row.note,
                    "values": encode.value(row.body),
                }
                for row in connection.execute(query)
            ]

        return await self._database.read(job)
