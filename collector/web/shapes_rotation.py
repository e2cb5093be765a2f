"""What the routes about rotation and warm-up take and answer. Answers may gain fields."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from collector.core.rotation import Strategy
from collector.operate.rotation import GrantWish, Settings
from collector.operate.warmup import Begin, Question
from collector.web.routes import Shape
from collector.web.shapes import Act, Answer, Name, ReasonedAct

WAIT_SECONDS_MAX = 25.0
Monthly = Annotated[int, Field(ge=0, le=10**12)]
Region = Annotated[str, Field(max_length=50, pattern=r"^[A-Za-z0-9_.-]*$")]
Domain = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9_.-]*$")]
Receiver = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9_.-]+$")]


class RotationQuery(Shape):
    """With `receiver`: who may take mail for that one. With `after` the answer comes once the
    revision is past it, or after `wait` seconds."""

    receiver: Receiver | None = None
    after: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    wait: Annotated[float, Field(ge=0, le=WAIT_SECONDS_MAX)] = 0.0


class GrantAsked(Shape):
    """`key` makes asking twice harmless: the same key gets the same answer. `domain`: the sending
    domain; while it warms up its caps bind too."""

    messages: Annotated[int, Field(ge=1, le=1_000_000)]
    receiver: Receiver
    key: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
    lifetime_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    region: Region = ""
    only_there: bool = False
    domain: Domain = ""

    def wish(self) -> GrantWish:
        return GrantWish(
            messages=self.messages,
            receiver=self.receiver,
            key=self.key,
            lifetime=timedelta(seconds=self.lifetime_seconds),
            region=self.region,
            only_there=self.only_there,
            domain=self.domain,
        )


class PoolSettings(Act):
    strategy: Literal["round-robin", "weighted", "region"] | None = None
    region: Region | None = None
    monthly: Monthly | None = None

    def settings(self) -> Settings:
        strategy = None if self.strategy is None else Strategy(self.strategy)
        return Settings(strategy=strategy, region=self.region, monthly=self.monthly)


class WarmupsQuery(Shape):
    """`everything`: those without a cap too."""

    everything: bool = False


class ForecastQuery(Shape):
    subject: Name | None = None
    monthly: Monthly | None = None
    addresses: Annotated[int, Field(ge=1, le=100_000)] = 1
    ladder: Name | None = None
    kind: Literal["address", "domain"] = "address"

    def question(self) -> Question:
        return Question(
            subject=self.subject,
            monthly=self.monthly,
            addresses=self.addresses,
            ladder=self.ladder,
            kind=self.kind,
        )


class WarmupStart(ReasonedAct):
    """`stage` counts from 1. Without a ladder: the band of `monthly`."""

    ladder: Name | None = None
    monthly: Monthly = 0
    stage: Annotated[int, Field(ge=1, le=100)] = 1

    def begin(self) -> Begin:
        return Begin(ladder=self.ladder, monthly=self.monthly, stage=self.stage)


class Member(Answer):
    node: str
    address: str
    region: str
    may_send: bool
    against: list[str]
    blocked_receivers: list[str]
    share: float
    reputation_score: int
    cap_day: int | None
    cap_hour: int | None
    cap_receiver: int | None
    sent_today: int
    sent_this_hour: int
    current_load: int
    capacity_per_hour: int


class Rotation(Answer):
    pool: str
    revision: int
    strategy: str
    region: str
    receiver: str | None
    decision: Literal["send", "hold"]
    is_stopped: bool
    capacity_per_hour: int
    members: list[Member]


class Allocation(Answer):
    node_id: str
    node: str | None
    address: str
    messages: int


class Held(Answer):
    reason: str
    addresses: int


class Granted(Answer):
    """`hold`: no address may send now; keep the mail."""

    decision: Literal["grant", "hold"]
    pool: str
    revision: int
    key: str
    receiver: str
    domain: str
    asked: int
    granted: int
    expires_at: str | None
    allocations: list[Allocation]
    held_because: list[Held]
    retry_at: str | None


class Warmup(Answer):
    kind: Literal["address", "domain"]
    subject: str
    node: str | None
    pool: str | None
    state: Literal["warming", "held", "warm"]
    ladder: str
    stage: int
    stages: int
    cap_day: int | None
    cap_hour: int | None
    cap_receiver: int | None
    sent_today: int | None
    since: str
    held_by: str | None
    held_why: str
    last_day: str | None
    last_why: str | None
    next_step: str


class Warmups(Answer):
    items: list[Warmup]


class Ahead(Answer):
    day: str
    stage: int
    cap_day: int | None
    cap_hour: int | None
    cap_receiver: int | None


class WarmupDay(Answer):
    day: str
    volume: int
    cap: int | None
    why: str


class WarmupPlan(Warmup):
    days: list[WarmupDay]
    ahead: list[Ahead]


class Forecast(Answer):
    ladder: str
    begin: str
    text: str
    reach: dict[str, object] | None
    ahead: list[Ahead]


class Ladder(Answer):
    name: str
    subject: str
    stages: int
    first_day: int
    last_day: int
    monthly: str | None
    note: str
    source: str
    dated: str


class Ladders(Answer):
    items: list[Ladder]
