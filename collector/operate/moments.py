"""Times as rows carry them (ISO 8601, UTC), and as sentences say them."""

from datetime import datetime, timedelta, timezone


def moment(value: object) -> datetime:
    """A row's time. A time without zone is UTC."""
    assert isinstance(value, str), value
    at = datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def clock(value: object) -> str:
    """`2026-11-22 10:02:03Z`; "never" for None."""
    return "never" if value is None else f"{moment(value):%Y-%m-%d %H:%M:%SZ}"


def ago(value: object, now: datetime) -> str:
    """`4 min ago`; "never" for None."""
    return "never" if value is None else f"{lasting(now - moment(value))} ago"


def lasting(duration: timedelta) -> str:
    """The largest unit that says something: 42 s, 7 min, 3 h, 5 d."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 172_800 else f"{seconds // 86_400} d"
