"""What the routes about mail answer. Answers may gain fields; these stay what they are."""

from typing import Literal

from collector.web.shapes import Answer


class Counted(Answer):
    attempts: int
    sent: int
    deferred: int
    bounced: int
    expired: int
    rejected: int
    deferral_ratio: float | None
    bounce_ratio: float | None


class ReceiverRow(Counted):
    receiver: str
    state: Literal["ok", "warn", "unknown"]
    deferring_for_two_hours: bool | None


class Receivers(Answer):
    items: list[ReceiverRow]


class Said(Answer):
    outcome: str
    text: str
    at: str
    node: str


class Receiver(ReceiverRow):
    addresses: list[Counted]
    replies: list[Said]
    classes_today: dict[str, int]
    connect_expected_ms: list[int] | None


class Queue(Answer):
    node: str
    active: int | None
    incoming: int | None
    deferred: int | None
    hold: int | None
    oldest_age_seconds: int | None


class Queues(Answer):
    items: list[Queue]
    totals: dict[str, int]
    nodes: int
    nodes_unknown: int


class Daily(Answer):
    day: str
    is_over: bool
    total: Counted
    receivers: list[Counted]
    addresses: list[Counted]
    classes: dict[str, int] | None


class Audited(Answer):
    node: str
    is_done: bool
    verdict: Literal["counting", "proved", "incomplete", "wrong"]
    ratio: float | None
    lines: int
    journal: dict[str, int]
    logs: dict[str, int]
    differences: list[dict[str, object]]
    gaps: list[dict[str, str]]
    is_proved: bool
    text: str
