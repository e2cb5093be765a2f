"""Alerts that no heartbeat rings for: a receiver that defers for hours, a node that cannot count.
Looked at every minute; opened, reworded and resolved by level.
"""

from collections.abc import AsyncIterator, Sequence

from collector.core import rates
from collector.core.judgement import Judgement
from collector.core.model import AlertFact, Severity
from collector.operate import receivers
from collector.operate.desk import Desk

DEFERRAL, COUNTING = "deferral", "counting"
CAUSES = (DEFERRAL, COUNTING)
# The parts of an agent without which nothing is counted, as it names them in its problems.
COUNTING_PARTS = ("state: ", "log: ")
ALERTS_MAX = 10_000


async def once(desk: Desk) -> Judgement:
    """What changed, committed."""
    wanted = {alert.key: alert async for alert in _wanted(desk)}
    standing = {
        str(row["key"]): str(row["text"])
        for row in await desk.store.alerts(open_only=True, limit=ALERTS_MAX)
        if str(row["key"]).partition(":")[0] in CAUSES
    }
    judgement = Judgement(
        at=desk.clock.now(),
        term=desk.standing.term(),
        alerts_open=tuple(
            alert for key, alert in sorted(wanted.items()) if standing.get(key) != alert.text
        ),
        alerts_resolve=tuple(sorted(standing.keys() - wanted.keys())),
    )
    if not judgement.is_empty:
        await desk.store.commit(judgement)
    return judgement


async def _wanted(desk: Desk) -> AsyncIterator[AlertFact]:
    now = desk.clock.now()
    for row in await receivers.listed(desk, is_live=False):
        if row["deferring_for_two_hours"]:
            name = str(row["receiver"])
            limit = f"{rates.DEFERRAL_RATIO_MAX:.0%}"
            text = f"{name} has deferred {limit} or more of what is new to it for two hours"
            yield AlertFact(
                key=f"{DEFERRAL}:{name}", severity=Severity.MEDIUM, text=text, opened_at=now
            )
    for row in await desk.store.ailing(limit=ALERTS_MAX):
        told = row["problems"]
        assert isinstance(told, Sequence), row
        grave = [str(problem) for problem in told if str(problem).startswith(COUNTING_PARTS)]
        if grave:
            yield AlertFact(
                key=f"{COUNTING}:{row['id']}",
                severity=Severity.MEDIUM,
                text=f"{row['name']} cannot count its mail: {'; '.join(grave)}",
                opened_at=now,
                node_id=str(row["id"]),
            )
