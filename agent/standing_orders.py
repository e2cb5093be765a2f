"""When a node must silence itself: nobody commands it, and blocklists name it. Pure but for the
clock it is given; enforces nothing.

The collector gives standing orders with its directive. Without them a node never silences itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.model import StandingOrders, ZoneReading
from deliverability.zones import Consequence, Sentinels, Tier, Verdict, Zone, consequence
from deliverability.zones_pace import HELD_CRITICAL_MAX

REASON = "STANDING_ORDER"
# A listing nobody repeated for so many rounds, its answer's longest life apart, is no reason.
ROUNDS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Sweeps in a row that list the address there; the newest of them, and when it was seen."""

    sweeps: int
    newest: ZoneReading
    seen_at: float


class StandingWatch:
    """`zone` knows the zones that are looked at by their names; `monotonic` is in seconds."""

    def __init__(
        self, zone: Callable[[str], Zone | None], *, monotonic: Callable[[], float]
    ) -> None:
        self._zone = zone
        self._monotonic = monotonic
        self._heard_at = monotonic()
        self._runs: dict[tuple[str, str], _Run] = {}

    def heard(self) -> None:
        """The collector said something."""
        self._heard_at = self._monotonic()

    def saw(self, readings: Sequence[ZoneReading]) -> None:
        """One sweep. Whatever is not a listing with right sentinels ends the row."""
        for one in readings:
            key = (one.address, one.zone)
            if self._is_grave(one):
                before = self._runs.get(key)
                sweeps = before.sweeps + 1 if before else 1
                self._runs[key] = _Run(sweeps=sweeps, newest=one, seen_at=self._monotonic())
            else:
                self._runs.pop(key, None)

    def reason(self, orders: StandingOrders | None) -> str:
        """Why to be silent now, in one sentence; empty when there is no reason."""
        if orders is None or self.unheard < orders.unheard_for:
            return ""
        for (address, zone), run in sorted(self._runs.items()):
            if run.sweeps >= orders.sweeps and self._stands(run):
                minutes = self.unheard.total_seconds() / 60
                said = ", ".join(run.newest.answers)
                return (
                    f"{zone} lists {address} ({said}) in {run.sweeps} sweeps,"
                    f" no collector for {minutes:.0f} minutes"
                )
        return ""

    @property
    def unheard(self) -> timedelta:
        return timedelta(seconds=self._monotonic() - self._heard_at)

    def _stands(self, run: _Run) -> bool:
        """Still a critical zone we look at, and looked at not long ago."""
        zone = self._zone(run.newest.zone)
        if zone is None or not self._is_grave(run.newest):
            return False
        age = timedelta(seconds=self._monotonic() - run.seen_at)
        return age <= zone.pace * ROUNDS_MAX + HELD_CRITICAL_MAX

    def _is_grave(self, one: ZoneReading) -> bool:
        if one.verdict is not Verdict.LISTED or one.sentinels is not Sentinels.RIGHT:
            return False
        zone = self._zone(one.zone)
        if zone is None or zone.tier is not Tier.CRITICAL:
            return False
        return consequence(zone, one.answers) is Consequence.PAUSE


def is_lifted(since: datetime, lifted: datetime | None) -> bool:
    """The collector names the silence it ends by when it began."""
    return lifted is not None and lifted >= since
