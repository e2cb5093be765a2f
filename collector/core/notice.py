"""One notification as a value: what is said to people about one incident, at one time. No channel.

It travels through the journal as JSON, and comes out as it went in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum

from collector.core.severity import Severity


class Occasion(Enum):
    OPENED = "opened"
    UPDATED = "updated"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    # Several incidents at once, after a channel was away.
    DIGEST = "digest"
    # Somebody asked whether this channel works.
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """`key` is the idempotency key: the same notice sent twice carries the same one. `thread` is
    the same for all of one incident; `sequence` counts them, from 1. `was` is the severity said
    before, None for the first. Text is for people, bounded and free of control characters.
    """

    key: str
    thread: str
    incident: int
    sequence: int
    event: Occasion
    cause: str
    severity: Severity
    was: Severity | None
    # The owners' alert `infrastructure-critical`: a High alert, or a node lost.
    is_critical: bool
    at: datetime
    opened_at: datetime
    title: str
    # Verbatim: the alerts, then what was seen.
    what: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    did: tuple[str, ...] = ()
    coming: tuple[str, ...] = ()
    can: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    # What the alerts are about, as their keys name it.
    subjects: tuple[str, ...] = ()
    # Alerts that stand now, also those not named.
    standing: int = 0
    tenant: str | None = None


def to_payload(notice: Notice) -> dict[str, object]:
    """JSON-ready."""
    return {item.name: _plain(getattr(notice, item.name)) for item in fields(notice)}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def from_payload(payload: Mapping[str, object]) -> Notice:
    """What `to_payload` gave; a field of a later version is passed over."""
    known = {item.name for item in fields(Notice)}
    return Notice(**{name: _typed(name, value) for name, value in payload.items() if name in known})  # type: ignore[arg-type]  # each by its name


def _typed(name: str, value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    if value is None or name not in PARSE:
        return value
    return PARSE[name](str(value))


PARSE: Mapping[str, Callable[[str], object]] = {
    "event": Occasion,
    "severity": Severity,
    "was": Severity,
    "at": datetime.fromisoformat,
    "opened_at": datetime.fromisoformat,
}
