"""Warm-up in rows and sentences: what stands, what comes next, the days ahead. Asks nothing."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.core.warmup_forecast import Ahead, Reach
from collector.core.warmup_plan import Holder, Plan
from collector.operate.moments import ago
from collector.ports import Row
from deliverability.ladders import LADDERS, Ladder

CAPS_BIND = "its caps bind the grants that name it; a day counts by what all nodes sent for it"


def known_ladders() -> list[Row]:
    """Every ladder there is."""
    return [
        {
            "name": one.name,
            "subject": one.subject,
            "stages": len(one.stages),
            "first_day": one.stages[0].day,
            "last_day": one.stages[-1].day,
            "monthly": None if one.band is None else _band(one.band),
            "note": one.note,
            "source": one.source,
            "dated": one.dated.isoformat(),
        }
        for one in LADDERS.values()
    ]


def shown(row: Row) -> Row:
    return {**row, "next_step": _next_step(row), "state": _state(row)}


def standing(subject: str, plan: Row, *, now: datetime) -> Iterator[str]:
    """What it may send while it warms, and how to hold it or let it go on."""
    yield (
        f"{subject} may send {plan['cap_day']} a day, {plan['cap_hour']} an hour:"
        f" stage {plan['stage']} of {plan['ladder']}, since {ago(plan['since'], now)}"
    )
    if plan["held_by"]:
        yield f"held by {plan['held_by']}: {plan['held_why']}; mailfleet warmup resume {subject}"
    else:
        yield f"to hold it there: mailfleet warmup hold {subject} --reason TEXT"


def _state(row: Row) -> str:
    if row["is_warm"]:
        return "warm"
    return "held" if row["held_by"] else "warming"


def _next_step(row: Row) -> str:
    subject, ladder = row["subject"], LADDERS.get(str(row["ladder"]))
    if row["is_warm"]:
        return f"no cap; usually {row['usual']} a day"
    if row["held_by"] == Holder.OPERATOR.value:
        return f"held by an operator: mailfleet warmup resume {subject}"
    if row["held_by"]:
        return "goes on after a healthy day"
    stage = int(str(row["stage"]))
    if ladder is None or stage >= len(ladder.stages):
        return "no cap, after one more day that counts"
    return f"{ladder.stages[stage].day} a day, after one more day that counts"


def ahead_row(day: Ahead) -> Row:
    cap = day.cap
    return {
        "day": day.day.isoformat(),
        "stage": day.stage,
        "cap_day": cap.day if cap else None,
        "cap_hour": cap.hour if cap else None,
        "cap_receiver": cap.receiver if cap else None,
    }


def reach_row(reach: Reach) -> Row:
    return {
        "monthly": reach.monthly,
        "addresses": reach.addresses,
        "per_day": reach.per_day,
        "on": reach.on.isoformat(),
        "days": reach.days,
        "stage": reach.stage,
    }


def forecast_said(ladder: Ladder, *, ahead: Sequence[Ahead], reach: Reach | None) -> str:
    """One sentence with the true date."""
    end = f"no cap from {ahead[-1].day.isoformat()}" if ahead else "no cap"
    if reach is None:
        return f"on {ladder.name}, when every day counts: {end}"
    how = f"{reach.monthly} a month over {reach.addresses} is {reach.per_day} a day"
    when = f"{reach.on.isoformat()}, {reach.days} days that count from today"
    if reach.stage is None:
        return f"{how}: more than {ladder.name} reaches; without a cap from {when}"
    return f"{how}: on {ladder.name} reached on {when}; {end}"


def stage_said(plan: Plan) -> str:
    cap = plan.cap
    if cap is None:
        return "warm, without a cap"
    return f"stage {plan.stage + 1} of {len(plan.steps.stages)}: {cap.day} a day"


def stood(plan: Plan) -> dict[str, object]:
    return {
        "ladder": plan.ladder,
        "stage": plan.stage + 1,
        "held_by": plan.held_by.value if plan.held_by else None,
        "held_why": plan.held_why,
    }


def _band(band: range) -> str:
    last = "" if band.stop == 2**62 else str(band.stop - 1)
    return f"{band.start}-{last}"
