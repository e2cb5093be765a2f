"""Facts in: the store's side of `intake`."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, null
from sqlalchemy.dialects.sqlite import insert as upsert

from collector.adapters.store import encode, facts
from collector.adapters.store.database import Part
from collector.adapters.store.engines import failures
from collector.adapters.store.group import EpochBegun, Settled
from collector.adapters.store.moments import from_ms, to_ms
from collector.adapters.store.schema import looks
from collector.core import reputation
from collector.core.heartbeat import Account, Heartbeat, Hello
from collector.core.model import Look
from deliverability.zones import Sentinels, Verdict

# One statement without a transaction: ten thousand nodes may say Hello at once.
ACCOUNT = """SELECT n.machine_id, s.epoch, s.sequence, s.counted_to, s.log_position, n.lifecycle,
 s.last_heartbeat, o.term, o.revision, o.body,
 (SELECT json_group_array(ip) FROM (SELECT ip FROM addresses
  WHERE node_id = n.id AND is_present = 1 ORDER BY position))
 FROM nodes n JOIN node_states s ON s.node_id = n.id LEFT JOIN orders o ON o.node_id = n.id
 WHERE n.id = ?"""


class Intake(Part):
    async def account(self, node_id: str) -> Account | None:
        with failures():
            rows = list(await self._database.glance.execute_fetchall(ACCOUNT, (node_id,)))
        if not rows:
            return None
        machine_id, epoch, sequence, counted_to, position, lifecycle, heard, *order, ips = rows[0]
        term, revision, body = order
        return Account(
            node_id=node_id,
            machine_id=machine_id,
            epoch=epoch,
            sequence=sequence,
            counted_to=from_ms(counted_to),
            log_position=position,
            order=None if body is None else facts.order_of(term=term, revision=revision, body=body),
            lifecycle=lifecycle,
            addresses=encode.strings(ips),
            last_heartbeat=from_ms(heard),
        )

    async def record_hello(self, hello: Hello) -> None:
        await self._database.writer.record(hello)

    async def begin_epoch(self, node_id: str, *, epoch: str) -> None:
        """Refused EPOCH_USED: the node counted in that epoch before its present one."""
        at = self._database.clock.now()
        await self._database.writer.record(EpochBegun(node_id=node_id, epoch=epoch, at=at))

    async def record(self, heartbeat: Heartbeat) -> None:
        """Refused NODE_UNKNOWN, EPOCH_UNKNOWN (not begun), FACT_ABSURD (no column holds it)."""
        await self._database.writer.record(heartbeat)

    async def settle(self) -> None:
        await self._database.writer.record(Settled())

    async def record_look(self, look: Look) -> None:
        values = {
            "verdict": look.verdict.value,
            "answers": encode.joined(look.answers),
            "sentinels": look.sentinels.value,
            "at": to_ms(look.at),
            "why": look.why,
            "resolver": look.resolver,
        }
        statement = upsert(looks).values(address=look.address, zone=look.zone, **values)
        # The newest by arrival: a clock set back must not keep an old look in force.
        newest = statement.on_conflict_do_update(
            index_elements=["address", "zone"], set_=values | {"cleared_at": _cleared_at(look)}
        )

        def job(connection: Connection) -> None:
            connection.execute(newest)

        await self._database.write(job)


def _cleared_at(look: Look) -> ColumnElement[Any]:
    """What a look that tells nothing keeps of the row before it."""
    if not reputation.tells_nothing(look):
        return null()
    c = looks.c
    was_clear = and_(c.verdict == Verdict.CLEAR.value, c.sentinels == Sentinels.RIGHT.value)
    return case((was_clear, c.at), else_=c.cleared_at)
