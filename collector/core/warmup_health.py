"""Whether a day of a warming subject was healthy: its rates, its listings, its pauses. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from collector.core.model import Reason
from collector.core.policy import Policy
from collector.core.warmup_plan import SendingDay


class Gravity(Enum):
    """HOLD: the day does not count. BACK: it takes a stage back."""

    HOLD = "hold"
    BACK = "back"


# What a pause that stood on the day makes of it. An operator's, and what is the node's own trouble
# and not its reputation's, makes nothing: what was sent around it counts.
PAUSES = {
    Reason.LISTED.value: Gravity.HOLD,
    Reason.STANDING_ORDER.value: Gravity.HOLD,
    Reason.BLOCKED.value: Gravity.HOLD,
    Reason.BOUNCE_RATE.value: Gravity.BACK,
    Reason.COMPLAINT_RATE.value: Gravity.BACK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    gravity: Gravity
    why: str


def trouble(day: SendingDay, policy: Policy) -> Trouble | None:
    """The worst there was; None: healthy. Fewer than `warmup_trouble_min` of a kind are none."""
    found = [*_listed(day), *_paused(day), *_rates(day, policy)]
    worst = [one for one in found if one.gravity is Gravity.BACK] or found
    if not worst:
        return None
    return Trouble(gravity=worst[0].gravity, why="; ".join(one.why for one in found))


def shown(day: SendingDay) -> dict[str, object]:
    """For the evidence of a decision."""
    return {
        "day": f"{day.day:%Y-%m-%d}",
        "sent": day.volume,
        "first_attempts": day.firsts,
        "deferred": day.deferred,
        "bounced": day.bounced,
        "complaints": day.complaints,
        "listed": list(day.listed),
        "pauses": list(day.pauses),
        "heard": day.heard,
    }


def _listed(day: SendingDay) -> Iterator[Trouble]:
    if day.listed:
        yield Trouble(gravity=Gravity.HOLD, why=f"listed by {', '.join(day.listed)}")


def _paused(day: SendingDay) -> Iterator[Trouble]:
    for name in day.pauses:
        if name in PAUSES and not (day.listed and name == Reason.LISTED.value):
            yield Trouble(gravity=PAUSES[name], why=f"paused: {name}")


def _rates(day: SendingDay, policy: Policy) -> Iterator[Trouble]:
    limits = (
        ("bounced", day.bounced, policy.warmup_bounce_hold, policy.warmup_bounce_back),
        ("deferred", day.deferred, policy.warmup_deferral_hold, policy.warmup_deferral_back),
        (
            "complained",
            day.complaints or 0,
            policy.warmup_complaint_hold,
            policy.warmup_complaint_back,
        ),
    )
    for name, count, hold, back in limits:
        ratio = count / max(day.firsts, day.volume, count, 1)
        if count < policy.warmup_trouble_min or ratio < hold:
            continue
        gravity = Gravity.BACK if ratio >= back else Gravity.HOLD
        yield Trouble(gravity=gravity, why=f"{count} {name}, {ratio:.1%}")
