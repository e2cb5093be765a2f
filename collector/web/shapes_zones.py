"""What the routes about zones answer. Answers may gain fields; these stay what they are."""

from typing import Literal

from collector.web.shapes import Answer


class ZoneRow(Answer):
    name: str
    operator: str
    kinds: list[str]
    tier: Literal["critical", "major", "minor", "informational"]
    pace_seconds: int | None  # None: never
    status: Literal["alive", "uncertain", "dead"]
    access: str
    selectable: bool
    enabled: bool
    why_disabled: str
    watched: bool
    # What the fleet says of it instead of the catalogue, by name.
    changed: dict[str, object]
    questions_per_day: int
    why_slower: str


class Zones(Answer):
    items: list[ZoneRow]


class ZoneCode(Answer):
    answer: str
    consequence: Literal["pause", "policy", "none"]
    meaning: str


class Zone(ZoneRow):
    codes: list[ZoneCode]
    not_listings: list[ZoneCode]
    refusals: dict[str, str]
    confirmed_by: str
    evidence: str
    seen: str
    limits: str
    queries_per_day_max: int | None
    sentinel_listed: str
    sentinel_clear: str
    delisting: str
    source: str
    dated: str
