"""Gathers, every minute, what no heartbeat rings for, and commits what the core makes of it."""

from collections.abc import Sequence

from collector.core import vigil
from collector.core.judgement import Judgement
from collector.core.vigil import Ailing
from collector.operate import receivers
from collector.operate.desk import Desk
from collector.ports import Row

AILING_MAX = 10_000


async def once(desk: Desk) -> Judgement:
    """What changed, committed."""
    listed = await receivers.listed(desk, is_live=False)
    now = desk.clock.now()
    changes = vigil.update(
        [str(row["receiver"]) for row in listed if row["deferring_for_two_hours"]],
        [_ailing(row) for row in await desk.store.ailing(limit=AILING_MAX)],
        standing=await desk.store.standing_alerts(vigil.CAUSES),
        policy=desk.policy(),
        now=now,
    )
    judgement = Judgement(
        at=now,
        term=desk.standing.term(),
        alerts_open=changes.opened,
        alerts_resolve=changes.resolved,
    )
    if not judgement.is_empty:
        await desk.store.commit(judgement)
    return judgement


def _ailing(row: Row) -> Ailing:
    told = row["problems"]
    assert isinstance(told, Sequence), row
    return Ailing(node_id=str(row["id"]), name=str(row["name"]), problems=list(map(str, told)))
