"""Why a sending domain's warm-up stands where it does: there is nothing else to say of it."""

from collections.abc import Sequence

from collector.operate import testimony
from collector.ports import Row


def explain(subject: str, decisions: Sequence[Row]) -> dict[str, object]:
    """By the newest of its decisions, in the shape of `why.explain`; about no node."""
    decision = decisions[0]
    undo = [f"to hold it there: mailfleet warmup hold {decision['address']} --reason TEXT"]
    chapters = (*testimony.chapters(decision), ("undo", undo))
    return {
        "subject": subject,
        "node": None,
        "headline": testimony.headline(decision),
        "sends": True,
        "chapters": [{"title": title, "lines": lines} for title, lines in chapters if lines],
        "decision": decision,
        "decisions": [testimony.short(one) for one in decisions],
    }
