"""What one node does that a person should look at: an alert while it lasts, resolved when it has
not been seen for a while. Known again after a restart of ours.
"""

from dataclasses import dataclass

from collector.core import causes, levels
from collector.core.causes import Owner
from collector.core.judgement import Judgement
from collector.core.model import AlertFact, Severity
from collector.ports import Clock, JudgementStore

# Two processes speak with one identity.
DUPLICATE = "duplicate"
# More events than any honest node has to tell.
TALKATIVE = "talkative"
CAUSES = causes.owned_by(Owner.INTAKE)
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
        # By key: the alert, and when its cause was last seen.
        self._seen: dict[str, tuple[AlertFact, float]] = {}

    async def load(self) -> None:
        """Those of before our start: their alerts are ours to resolve."""
        for alert in await self._store.standing_alerts(CAUSES):
            self._seen[alert.key] = (alert, self._clock.monotonic())

    async def saw(self, node_id: str, nuisance: Nuisance, *, term: int) -> None:
        """Opens its alert, once while it lasts. One that could not be committed is opened by the
        next `resolve`."""
        key = f"{nuisance.cause}:{node_id}"
        alert = AlertFact(
            key=key,
            severity=nuisance.severity,
            text=nuisance.text,
            opened_at=self._clock.now(),
            node_id=node_id,
        )
        known, _ = self._seen.get(key, (None, 0.0))
        self._seen[key] = (known or alert, self._clock.monotonic())
        if known is None:
            judgement = Judgement(at=alert.opened_at, term=term, alerts_open=(alert,))
            await self._store.commit(judgement)

    async def resolve(self, *, term: int) -> None:
        """By level: opens what is not open, ends what is over; also of a node that never came
        back."""
        now = self._clock.monotonic()
        self._seen = {
            key: (alert, at)
            for key, (alert, at) in self._seen.items()
            if now - at < OVER_AFTER_SECONDS
        }
        changes = levels.changes(
            (alert for alert, _ in self._seen.values()),
            standing=await self._store.standing_alerts(CAUSES),
            is_ours=levels.of_causes(CAUSES),
        )
        judgement = Judgement(
            at=self._clock.now(),
            term=term,
            alerts_open=changes.opened,
            alerts_resolve=changes.resolved,
        )
        if not judgement.is_empty:
            await self._store.commit(judgement)
