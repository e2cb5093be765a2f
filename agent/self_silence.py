"""Standing orders and what a node did by them, as values. Knows no rule."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOrders:
    """Silence yourself: when nobody commanded for so long and so many sweeps in a row listed."""

    unheard_for: timedelta
    sweeps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfSilence:
    """A silence by standing orders. `since`, by this node's clock, is its name."""

    since: datetime
    why: str
