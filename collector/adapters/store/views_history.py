"""What decisions were made of, and every policy there was."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from collector.adapters.store import encode
from collector.adapters.store.database import Part
from collector.adapters.store.moments import iso
from collector.adapters.store.schema import policies
from collector.adapters.store.schema_acts import decisions
from collector.ports import Row


class HistoryViews(Part):
    async def inputs(self, decision_id: str) -> str | None:
        query = select(decisions.c.inputs).where(decisions.c.id == decision_id)
        return await self._database.read(lambda c: c.scalar(query))

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
