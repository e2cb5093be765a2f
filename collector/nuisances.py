"""What one node does that a person should look at: an alert while it lasts, resolved when it has
not been seen for a while. Known again after a restart of ours.
"""

from dataclasses import dataclass

from collector.core.judgement import Judgement
from collector.core.model import AlertFact, Severity
from collector.ports import Clock, JudgementStore

# Two processes speak with one identity.
DUPLICATE = "duplicate"
# More events than any honest node has to tell.
TALKATIVE = "talkative"
CAUSES = (DUPLICATE, TALKATIVE)
OVER_AFTER_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuisance:
    cause: str
    severity: Severity
    text: str


class Nuisances:
    def __init__(self, store: JudgementStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # When each node's were last seen, by cause.
        self._seen: dict[str, dict[str, float]] = {}

    async def load(self) -> None:
        """Those of before our start: their alerts are ours to resolve."""
        for alert in await self._store.standing_alerts(CAUSES):
            cause, _, node_id = alert.key.partition(":")
            self._seen.setdefault(node_id, {})[cause] = self._clock.monotonic()

    async def saw(self, node_id: str, nuisance: Nuisance, *, term: int) -> None:
        """Opens its alert, once while it lasts."""
        seen = self._seen.setdefault(node_id, {})
        is_new = nuisance.cause not in seen
        seen[nuisance.cause] = self._clock.monotonic()
        if is_new:
            now = self._clock.now()
            alert = AlertFact(
                key=f"{nuisance.cause}:{node_id}",
                severity=nuisance.severity,
                text=nuisance.text,
                opened_at=now,
                node_id=node_id,
            )
            await self._store.commit(Judgement(at=now, term=term, alerts_open=(alert,)))

    async def resolve(self, *, term: int) -> None:
        """The alerts that are over; also of a node that never came back."""
        now = self._clock.monotonic()
        over = [
            (cause, node_id)
            for node_id, seen in self._seen.items()
            for cause, at in seen.items()
            if now - at >= OVER_AFTER_SECONDS
        ]
        if not over:
            return
        keys = tuple(f"{cause}:{node_id}" for cause, node_id in over)
        await self._store.commit(Judgement(at=self._clock.now(), term=term, alerts_resolve=keys))
        for cause, node_id in over:
            del self._seen[node_id][cause]
            if not self._seen[node_id]:
                del self._seen[node_id]
