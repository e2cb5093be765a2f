"""How much may be sent in an hour, and how much of it is. Pure."""

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
