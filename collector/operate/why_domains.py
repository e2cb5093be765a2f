"""Why a sending domain's warm-up stands where it does: there is nothing else to say of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.core.warmup_plan import WarmKind
from collector.operate import testimony, warmup_words
from collector.operate.desk import Desk
from collector.ports import Refused, Row


async def read(desk: Desk, subject: str, *, decisions: Sequence[Row]) -> dict[str, object]:
    """Of its name, or of one decision about it. Refused: SUBJECT_UNKNOWN."""
    decision = next(iter(decisions), None)
    if decision is not None and decision["id"] == subject:
        return _of_decision(decision)
    domain = subject.lower()
    plans = await desk.rotating.warmups(subject=domain)
    plan = next((one for one in plans if one["kind"] == WarmKind.DOMAIN.value), None)
    if plan is None:
        text = f"no node, address, sending domain or decision is called {subject}"
        raise Refused("SUBJECT_UNKNOWN", text)
    return explain(plan, decisions, now=desk.clock.now())


def explain(plan: Row, decisions: Sequence[Row], *, now: datetime) -> dict[str, object]:
    """Its present state, and the newest of its decisions, if there is one."""
    decision = next(iter(decisions), None)
    chapters = testimony.chapters(decision) if decision is not None else []
    chapters.append(("warm-up", list(_stands(plan, now))))
    return {
        **_shaped(_headline(plan), chapters, decision),
        "subject": plan["subject"],
        "decisions": [testimony.short(one) for one in decisions],
    }


def _of_decision(decision: Row) -> dict[str, object]:
    undo = [f"to hold it there: mailfleet warmup hold {decision['address']} --reason TEXT"]
    chapters = [*testimony.chapters(decision), ("undo", undo)]
    return {
        **_shaped(testimony.headline(decision), chapters, decision),
        "subject": decision["id"],
        "decisions": [testimony.short(decision)],
    }


def _shaped(
    headline: str, chapters: Sequence[tuple[str, list[str]]], decision: Row | None
) -> dict[str, object]:
    """As `why.explain` does; about no node."""
    return {
        "node": None,
        "headline": headline,
        "sends": True,
        "chapters": [{"title": title, "lines": lines} for title, lines in chapters if lines],
        "decision": decision,
    }


def _headline(plan: Row) -> str:
    if plan["is_warm"]:
        return f"{plan['subject']} is warm, without a cap"
    how = "is held" if plan["held_by"] else "warms up"
    at = f"stage {plan['stage']} of {plan['stages']}, {plan['cap_day']} a day"
    return f"{plan['subject']} {how}: {at}"


def _stands(plan: Row, now: datetime) -> Iterator[str]:
    if not plan["is_warm"]:
        yield from warmup_words.standing(str(plan["subject"]), plan, now=now)
        yield f"sent for it today, by all nodes: {plan['sent_today']}"
    yield f"next: {warmup_words.shown(plan)['next_step']}"
    if plan["last_day"]:
        yield f"its last day, {plan['last_day']}: {plan['last_why']}"
