"""What the routes about decisions and policy take and answer. Answers may gain fields."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from collector.operate.policy import HISTORY_MAX
from collector.web.routes import Shape
from collector.web.shapes import Answer, Name, ReasonedAct

Hours = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Revision = Annotated[int, Field(ge=1, lt=2**53)]
Word = Annotated[str, Field(min_length=1, max_length=64)]


class PolicyChange(ReasonedAct):
    """Values as people write them: 30s, 5m, 10%, 3."""

    values: Annotated[dict[Name, Word], Field(min_length=1, max_length=200)]


class SimulatedSums(Shape):
    """Of all slices until now. Hours are an address's; `capacity_*` are parts of `hours`."""

    addresses_would: int = Field(ge=0)
    addresses_really: int = Field(ge=0)
    only_under_this_policy: int = Field(ge=0)
    only_really: int = Field(ge=0)
    mail_would: int = Field(ge=0)
    hours: Hours
    hours_would: Hours
    hours_really: Hours
    capacity_would: Hours
    capacity_really: Hours


class Simulation(Shape):
    """`after`, `before`: the `after` and the `summary` of the slice before; empty for the first."""

    values: Annotated[dict[Name, Word], Field(max_length=200)] = Field(default_factory=dict)
    since: AwareDatetime
    after: str = Field(default="", max_length=64)
    before: SimulatedSums | None = None


Moved = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


class Preview(Shape):
    """`after`, `moved`: as the slice before said; empty for the first."""

    values: Annotated[dict[Name, Word], Field(min_length=1, max_length=200)]
    after: str = Field(default="", max_length=64)
    moved: Annotated[dict[Name, Moved], Field(max_length=10_000)] = Field(default_factory=dict)


class PolicyRollback(ReasonedAct):
    revision: Revision


class HistoryQuery(Shape):
    limit: Annotated[int, Field(ge=1, le=HISTORY_MAX)] = 50


class PolicyItem(Answer):
    """`least` and `most` are numbers in the unit given; none for a word."""

    name: str
    value: str
    number: float | str
    default: str
    is_default: bool
    least: float | None
    most: float | None
    unit: Literal["seconds", "intervals", "ratio", "word", ""]
    does: str


class Policy(Answer):
    revision: int
    at: str
    made_by: str
    note: str
    items: list[PolicyItem]


class PolicyDifference(Answer):
    name: str
    before: str
    after: str


class PolicyRevision(Answer):
    revision: int
    at: str
    made_by: str
    note: str
    changes: list[PolicyDifference]


class PolicyHistory(Answer):
    items: list[PolicyRevision]


class Replayed(Answer):
    id: str
    at: str
    node: str | None
    address: str | None
    kind: str
    reason: str
    fate: str
    brake: str | None
    policy_revision: int


class Difference(Answer):
    what: str
    stored: Any
    now: Any


class Replay(Answer):
    """`unsure`: something of what it was decided from is not there, see `missing`."""

    outcome: Literal["identical", "different", "unsure"]
    decision: Replayed
    core_version_then: str
    core_version_now: str
    missing: list[str]
    differences: list[Difference]


class Episode(Answer):
    """`until` None: still."""

    reason: str
    since: str
    until: str | None
    hours: float
    mail: int
    why: str


class SimulatedAddress(Answer):
    node: str
    pool: str
    address: str
    would: list[Episode]
    really: list[Episode]
    hours_would: float
    hours_really: float
    mail_would: int
    verdict: Literal["both", "only under this policy", "only really"]


class PreviewedItem(Answer):
    """`fate` under the new values, `fate_now` under those in force; None: it is not asked for."""

    node: str
    pool: str
    address: str | None
    receiver: str | None
    kind: str
    reason: str
    rule: str
    fate: str | None
    fate_now: str | None
    brake: str | None


class Previewed(Answer):
    """A slice. `moved`: by pool, addresses that would leave its rotation and that would come back,
    in this slice and those before it; `in_rotation`: of the fleet now."""

    items: list[PreviewedItem]
    nodes: int
    fleet: int
    in_rotation: int
    moved: dict[str, tuple[int, int]]
    after: str | None
    limits: list[str]


class Simulated(Answer):
    """A slice of a fleet of so many nodes: the next begins at `after` (None: this is the last)."""

    since: str
    until: str
    changes: list[PolicyDifference]
    items: list[SimulatedAddress]
    addresses: int
    nodes: int
    fleet: int
    after: str | None
    summary: SimulatedSums
    limits: list[str]
