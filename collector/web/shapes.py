"""What goes over the REST API, in and out. Answers may gain fields; these stay what they are."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from collector.operate.desk import Wish
from collector.ports import Actor
from collector.web.routes import Shape

Name = Annotated[str, Field(min_length=1, max_length=255)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Act(Shape):
    """What every act may say: why, how many it may affect, and whether only to look."""

    reason: str = Field(default="", max_length=500)
    max_affected: Count | None = None
    dry_run: bool = False

    def wish(self, actor: Actor) -> Wish:
        return Wish(
            actor=actor,
            reason=self.reason,
            affected_max=self.max_affected,
            dry_run=self.dry_run,
        )


class ReasonedAct(Act):
    """A destructive act wants a reason."""

    reason: Reason


class Pause(ReasonedAct):
    address: Name | None = None


class Resume(Act):
    address: Name | None = None
    override_listing: bool = False


class NodeAutomation(Act):
    value: Literal["act", "observe", "as-pool"]


class PoolAutomation(Act):
    value: Literal["act", "observe"]


class Stop(ReasonedAct):
    stop: bool


class NewToken(Shape):
    pool: Name = "default"
    node: Name | None = None


class ZoneTest(Shape):
    address: Name


class ZoneChange(Act):
    """What the fleet says of a zone; what is left out stays as it is."""

    enabled: bool | None = None
    tier: Literal["critical", "major", "minor", "informational"] | None = None
    pace_seconds: Annotated[int, Field(ge=1, le=2**31)] | None = None
    queries_per_day_max: Annotated[int, Field(ge=0, le=2**53)] | None = None


class ZonesQuery(Shape):
    """Without `everything` or a status: those one may choose."""

    everything: bool = False
    tier: Literal["critical", "major", "minor", "informational"] | None = None
    status: Literal["alive", "uncertain", "dead"] | None = None


class NodesQuery(Shape):
    pool: Name | None = None
    status: Name | None = None


class EventsQuery(Shape):
    """`after` is the last `seq` seen; `since` is used when it is 0."""

    after: Annotated[int, Field(ge=0, lt=2**53)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    since: datetime | None = None
    node: Name | None = None


class DailyQuery(Shape):
    """A day in UTC."""

    day: date | None = None


class Answer(BaseModel):
    """Answers may hold more than is promised here."""

    model_config = ConfigDict(extra="allow")


class Address(Answer):
    ip: str
    in_rotation: bool
    rotation_reason: str | None
    rotation_since: str | None


class Alert(Answer):
    key: str
    severity: str
    text: str
    opened_at: str


class Node(Answer):
    id: str
    name: str
    pool: str
    automation: str | None
    lifecycle: str
    liveness: str
    status: str
    health_status: str
    silence_seconds: float
    connected: bool
    addresses: list[Address]
    alerts: list[Alert]
    last_heartbeat: str | None


class Nodes(Answer):
    items: list[Node]


class Pool(Answer):
    id: str
    name: str
    automation: str
    statuses: dict[str, int]


class Pools(Answer):
    items: list[Pool]


class Done(Answer):
    text: str
    changed: bool
    dry_run: bool
    affected: list[str]


class Event(Answer):
    seq: int
    at: str
    kind: str
    node_id: str | None
    severity: str
    text: str


class Events(Answer):
    items: list[Event]
    after: int = Field(description="pass it as `after` to go on")


class Hurting(Answer):
    node: str
    address: str
    pool: str
    symptom: str
    evidence: str
    since: str | None
    did: str
    can: list[str]


class Need(Answer):
    text: str
    fix: str
    severity: str


class Status(Answer):
    at: str
    fleet: dict[str, object]
    hurting: list[Hurting]
    needs_you: list[Need]
    recovered: list[dict[str, object]]
    held: list[dict[str, object]]
    alerts: list[Alert]


class Chapter(Answer):
    title: str
    lines: list[str]


class Why(Answer):
    subject: str
    headline: str
    sends: bool
    chapters: list[Chapter]


class Token(Answer):
    token: str
    pool: str
    command: str


class Finding(Answer):
    zone: str
    address: str
    verdict: Literal["listed", "clear", "unknown"]
    sentinels: str


class Ca(Answer):
    fleet: str
    pem: str
    ends_at: list[str]


class Check(Answer):
    name: str
    state: Literal["ok", "warn", "fail"]
    text: str
    remedy: str
    details: list[str]


class Doctor(Answer):
    state: Literal["ok", "warn", "fail"]
    checks: list[Check]
