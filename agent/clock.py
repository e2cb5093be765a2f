"""The time, as aware UTC. The one place where the agent looks at the wall clock."""

from datetime import datetime, timezone


def now() -> datetime:
    return datetime.now(timezone.utc)
