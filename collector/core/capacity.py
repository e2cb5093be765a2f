"""How much may be sent in an hour, and how much of it is. Pure."""

from typing import NamedTuple

from deliverability.ladders import Stage

# Of an address without a cap of which nothing is known yet: the first hour nobody minds.
UNKNOWN_PER_HOUR = 100


def current_load(attempts_last_hour: int, *, hour_cap: int | None) -> int:
    """Percent of the hour's cap, 0 without one (the owners' `current_load`)."""
    return attempts_last_hour * 100 // hour_cap if hour_cap else 0


def per_hour(*, hour_cap: int | None, best_hour: int) -> int:
    """The cap in force; without one the highest healthy hour of 30 days."""
    if hour_cap is not None:
        return hour_cap
    return best_hour or UNKNOWN_PER_HOUR


class DomainUse(NamedTuple):
    """A sending domain that warms up: its caps, and what was granted of them in the present day
    and hour (UTC), in all pools together, or sent, if that is more; `receiver`: granted of the day
    for the one that is asked for.

    Nodes tell what they sent by sending domain or by receiver, never by both; and what was granted
    counts as sent, used or not.
    """

    cap: Stage
    day: int = 0
    hour: int = 0
    receiver: int = 0


def room(use: DomainUse) -> tuple[int, str]:
    """How many more may be granted of the domain's caps, and which of them binds."""
    left = (
        (use.cap.day - use.day, "the day's cap of the sending domain is reached"),
        (use.cap.hour - use.hour, "the hour's cap of the sending domain is reached"),
        (use.cap.receiver - use.receiver, "the day's cap of the sending domain there is reached"),
    )
    least, why = min(left, key=lambda one: one[0])
    return max(0, least), why
