"""How long to wait before the next try. Pure: the fraction of chance is an argument."""

from datetime import timedelta

SPREAD_DEFAULT = timedelta(seconds=10)
CAP = timedelta(seconds=90)
CAP_SPREADS = 9
REFUSED = timedelta(minutes=5)
RETRY_PAUSE = timedelta(seconds=10)
DOUBLINGS_MAX = 16


def reconnect(failures: int, *, spread: timedelta | None, fraction: float) -> timedelta:
    """Wait before connecting anew, `failures` tries after the stream was lost.

    The first wait is anywhere in the spread the collector gave, so that a fleet that lost it at
    one moment comes back evenly; later ones double it up to nine spreads or 90 s, or the spread
    itself when it is longer: at a quicker pace, where silence is believed sooner, they come back
    sooner too. (The collector's start-up grace is twelve spreads of a fleet of 2,000.)
    """
    first = SPREAD_DEFAULT if spread is None else spread
    if failures == 0:
        return first * fraction
    cap = max(min(CAP, first * CAP_SPREADS), first)
    ceiling = min(first * (1 << min(failures, DOUBLINGS_MAX)), cap)
    return ceiling * (0.5 + fraction / 2)


def refused(fraction: float) -> timedelta:
    """Wait after a refusal that a retry alone will not change: 4 to 6 minutes."""
    return REFUSED * (0.8 + 0.4 * fraction)


def attempt(failures: int) -> timedelta:
    """Wait between two tries at one pause or resume: 1, 2, 4, 8, then 10 s for ever."""
    return min(timedelta(seconds=1 << min(failures, DOUBLINGS_MAX)), RETRY_PAUSE)


def jittered(interval: timedelta, *, jitter: timedelta, fraction: float) -> timedelta:
    """The interval, and up to the jitter more or less; never below a tenth of the interval."""
    return max(interval + jitter * (2 * fraction - 1), interval / 10)
