"""Times as the journal keeps them: whole milliseconds since 1970, UTC. Asks no clock."""

from datetime import UTC, datetime, timedelta
from typing import overload

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    return (moment - EPOCH) // MILLISECOND


def to_ms_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


@overload
def from_ms(value: int) -> datetime: ...
@overload
def from_ms(value: None) -> None: ...
@overload
def from_ms(value: int | None) -> datetime | None: ...
def from_ms(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + value * MILLISECOND


def iso(value: int | None) -> str | None:
    """ISO 8601 with milliseconds and Z, as people and JSON get it."""
    if value is None:
        return None
    return from_ms(value).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value % 1000:03d}Z"
