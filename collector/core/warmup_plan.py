"""The words of warm-up as frozen values: a plan, a day of sending, what is known of both.

Days are the midnights (UTC) they begin with. Belongs to `model`; knows no rule and no clock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum

from deliverability.ladders import LADDERS, Ladder, Stage

ONE_DAY = timedelta(days=1)
CAREFUL = LADDERS["owners-10k-gentle"]


class WarmKind(Enum):
    """What warms up."""

    ADDRESS = "address"
    DOMAIN = "domain"


class Holder(Enum):
    """Who holds a plan. Automation lifts only its own."""

    AUTOMATION = "automation"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`stage` counts from 0; at the ladder's length the subject is warm and has no cap.

    `since`: of the stage. `judged`: the last day looked at; `counted`: the latest that ever
    counted; `sent_on`: the last on which it sent. `usual`: what it sends on a healthy day.
    `listed_since`: a LISTED pause stands, or stood until a moment ago.
    """

    subject: str
    kind: WarmKind = WarmKind.ADDRESS
    ladder: str
    stage: int
    started_at: datetime
    since: datetime
    healthy_days: int = 0
    idle_days: int = 0
    usual: int = 0
    judged: datetime | None = None
    counted: datetime | None = None
    sent_on: datetime | None = None
    listed_since: datetime | None = None
    held_by: Holder | None = None
    held_why: str = ""

    @property
    def steps(self) -> Ladder:
        """One that only a later version knows is the most careful one meanwhile."""
        return LADDERS.get(self.ladder, CAREFUL)

    @property
    def is_warm(self) -> bool:
        return self.stage >= len(self.steps.stages)

    @property
    def cap(self) -> Stage | None:
        """The caps in force; None: warm."""
        return None if self.is_warm else self.steps.stages[self.stage]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingDay:
    """One day of one subject, by arrival of the counts, as the windows have it.

    `volume`: messages that left, each once; `heard`: its node was heard since the day began.
    `firsts`: first attempts, of which `deferred` and `bounced`. `complaints` None: nobody told.
    `listed`: zones with a listing, `pauses`: reasons, both of any time of the day. `best_hour`:
    the most messages of one healthy hour.
    """

    day: datetime
    heard: bool = False
    volume: int = 0
    firsts: int = 0
    deferred: int = 0
    bounced: int = 0
    complaints: int | None = None
    listed: tuple[str, ...] = ()
    pauses: tuple[str, ...] = ()
    best_hour: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Warming:
    """A plan, and the day that is over and was not judged yet; None: none is."""

    plan: Plan
    day: SendingDay | None = None


def midnight(at: datetime) -> datetime:
    """The one that begins this day (UTC)."""
    utc = at.astimezone(timezone.utc)
    return utc.replace(hour=0, minute=0, second=0, microsecond=0)
