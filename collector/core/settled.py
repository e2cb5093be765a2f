"""What a pass left behind that had nothing to tell: while all of it stands as it did, and until the
next moment at which time alone would change that, there is nothing to tell again.

Saves work and changes no outcome: whoever holds nothing settled looks at every incident.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from collector.core import telling
from collector.core.incident import Docket, Incident, Place, Silence
from collector.core.model import AlertFact, Snapshot
from collector.core.policy import Policy
from collector.core.telling import Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """`until` None: time alone changes nothing. Of no time before `since`: a clock may go back."""

    alerts: tuple[AlertFact, ...]
    incidents: tuple[Incident, ...]
    silences: tuple[Silence, ...]
    places: Mapping[str, Place]
    policy: Policy
    since: datetime
    until: datetime | None

    def covers(self, snapshot: Snapshot, policy: Policy, *, now: datetime) -> bool:
        """Nothing is another than it was."""
        docket = snapshot.docket
        return (
            self.since <= now
            and (self.until is None or now < self.until)
            and (self.policy is policy or self.policy == policy)
            and self.alerts == snapshot.alerts
            and self.incidents == docket.incidents
            and self.silences == docket.silences
            and (self.places is docket.places or self.places == docket.places)
        )


def of(snapshot: Snapshot, threads: Iterable[Thread], *, policy: Policy, now: datetime) -> Settled:
    """Of a pass that had nothing to write about any of these threads."""
    docket = snapshot.docket
    moments = (at for thread in threads for at in telling.moments(thread))
    ahead = (at for at in (*moments, *_turns(docket)) if at > now)
    return Settled(
        alerts=snapshot.alerts,
        incidents=docket.incidents,
        silences=docket.silences,
        places=docket.places,
        policy=policy,
        since=now,
        until=min(ahead, default=None),
    )


def _turns(docket: Docket) -> Iterator[datetime]:
    for one in docket.silences:
        yield from (one.starts_at, one.ends_at)
