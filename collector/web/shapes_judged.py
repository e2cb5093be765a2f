"""What the routes about decisions and policy take and answer. Answers may gain fields."""

from typing import Any, Literal

from collector.web.shapes import Answer


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
