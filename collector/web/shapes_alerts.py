"""What the routes about incidents, silences and channels take and answer."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from collector.operate.silencing import Wanted
from collector.web.routes import Shape
from collector.web.shapes import Act, Answer, Done, Name, ReasonedAct

Lasts = Annotated[int, Field(ge=1, le=366 * 86_400, description="seconds")]
Severity = Literal["high", "medium", "low"]


class AlertsQuery(Shape):
    """`everything`: those that are over, too."""

    everything: bool = False
    severity: Severity | None = None
    cause: Name | None = None


class Acknowledge(Act):
    undo: bool = False


class NewSilence(ReasonedAct):
    """Every field that is given must fit; one at least is."""

    lasts: Lasts
    cause: Name | None = None
    zone: Name | None = None
    node: Name | None = None
    pool: Name | None = None
    address: Name | None = None

    def wanted(self) -> Wanted:
        fields = self.model_dump(include={"cause", "zone", "node", "pool", "address"})
        return Wanted(lasts=timedelta(seconds=self.lasts), **fields)


class SilencesQuery(Shape):
    everything: bool = False


class TestChannels(Act):
    channel: Name | None = None


class Incident(Answer):
    number: int
    cause: str
    tenant: str | None
    severity: Severity
    state: Literal["open", "acknowledged", "silenced", "calm", "over"]
    text: str
    opened_at: str
    resolved_at: str | None
    standing: int
    silenced: int
    notices: int
    told_at: str | None
    acknowledged_by: str


class Incidents(Answer):
    items: list[Incident]


class OneAlert(Answer):
    key: str
    severity: Severity
    text: str
    opened_at: str
    resolved_at: str | None
    silenced_by: int | None
    silenced_until: str | None


class Way(Answer):
    channel: str
    outcome: str
    attempts: int
    problem: str


class Sent(Answer):
    key: str
    at: str
    notice: dict[str, object]
    deliveries: list[Way]


class IncidentInFull(Incident):
    alerts: list[OneAlert]
    sent: list[Sent]


class Silence(Answer):
    number: int
    starts_at: str
    ends_at: str
    made_by: str
    reason: str
    ended_by: str | None
    covers: list[str]


class Silences(Answer):
    items: list[Silence]


class SilenceMade(Done):
    number: int | None
    ends_at: str
    covers: list[str]


class Channel(Answer):
    name: str
    kind: str
    waiting: int
    sent_at: str | None
    problem: str


class Channels(Answer):
    items: list[Channel]


class Tested(Answer):
    name: str
    kind: str
    ok: bool
    said: str
    seconds: float


class Tests(Answer):
    items: list[Tested]
