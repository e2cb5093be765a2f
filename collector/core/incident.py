"""What a judgement knows of incidents, silences and where alerts come from. Values only.

An incident is one cause with its alerts: there is one open incident for each (cause, tenant), and
whatever alert of that cause stands belongs to it. So membership is computed, never stored; what is
stored is what people were told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from collector.core.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was last said about one alert: how grave it was, and what was done about it.

    `words` name its subject, for the day it is gone.
    """

    severity: Severity
    words: str
    did: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One cause's thread. `number` is what people call it; `cause` as `subjects.cause_of` gives it.

    `told` are the alerts people know of and that, as far as they know, still stand, by key;
    `notices` counts what was sent about it. `severity` is the gravest that was ever said (None:
    nothing yet). `calm_since`: no alert stands any more; `resolved_at`: and people were told so,
    or never knew. `ended` are keys whose end is still to be told. Acknowledgement is a person's:
    a judgement only ends it (`IncidentDraft.unacknowledge`).
    """

    number: int
    cause: str
    tenant: str | None
    opened_at: datetime
    told: Mapping[str, Told] = field(default_factory=dict)
    severity: Severity | None = None
    notices: int = 0
    told_at: datetime | None = None
    reminders: int = 0
    reopened: int = 0
    calm_since: datetime | None = None
    resolved_at: datetime | None = None
    acknowledged_by: str = ""

    @property
    def name(self) -> str:
        """Unique for ever: a number is given again by a collector restored from a backup."""
        return f"{self.number}.{int(self.opened_at.timestamp())}"

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A person's wish not to be told of some alerts until a time. Every field that is given must
    fit; what is silenced is recorded and shown all the same."""

    number: int
    starts_at: datetime
    ends_at: datetime
    made_by: str
    reason: str
    cause: str | None = None
    zone: str | None = None
    node: str | None = None
    pool: str | None = None
    address: str | None = None

    def is_active(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node belongs, for people: names, not ids (but the tenant's)."""

    node: str
    pool: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Docket:
    """All a judgement needs to tell people: open incidents, and those resolved so lately that they
    may open again; silences that have not ended; the place of each node with an open alert."""

    incidents: tuple[Incident, ...] = ()
    silences: tuple[Silence, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    next_number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentDraft:
    """An incident as it will stand: new, or in place of the one with its number."""

    incident: Incident
    unacknowledge: bool = False
