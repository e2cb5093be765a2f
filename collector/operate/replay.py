"""Judges a decision of the journal once more, and says whether it comes out the same.

Reads what was stored beside it and the policy of its revision, and nothing of today.
"""

import json
from collections.abc import Mapping
from typing import cast

from collector.core import inputs_text, plain, policy_values, replay
from collector.core.inputs import Inputs
from collector.core.judge import CORE_VERSION
from collector.core.model import Decision
from collector.operate.desk import Desk
from collector.operate.overview import row_of
from collector.ports import Refused, Row

Numbers = Mapping[str, policy_values.Plain]


async def read(desk: Desk, decision_id: str) -> dict[str, object]:
    """`outcome`: identical, different, or unsure when something of its inputs is not there.

    Refused: DECISION_UNKNOWN, NOT_JUDGED for what a person decided.
    """
    stored = next(iter(await desk.store.decisions(decision_id, limit=1)), None)
    if stored is None or stored["id"] != decision_id:
        raise Refused(
            "DECISION_UNKNOWN",
            f"no decision has the id {decision_id}",
            remedy="ids stand in: mailfleet why NODE, mailfleet events -o json",
        )
    text = await desk.store.inputs(decision_id)
    if text is None:
        why = "a person decided it" if stored["rule"] == "operator" else "its inputs were not kept"
        raise Refused("NOT_JUDGED", f"there is nothing to judge again: {why}")
    thresholds = row_of(stored, "thresholds")
    if thresholds is None:
        revision = stored["policy_revision"]
        raise Refused("NOT_JUDGED", f"the policy's revision {revision} is not in the journal")
    return _replayed(stored, text, thresholds=thresholds)


def _replayed(stored: Row, text: str, *, thresholds: Row) -> dict[str, object]:
    strange: set[str] = set()
    said: dict[str, object] = {
        "decision": {name: stored[name] for name in NAMED},
        "core_version_then": stored["core_version"],
        "core_version_now": str(CORE_VERSION),
        "missing": [],
        "differences": [],
    }
    try:
        inputs = inputs_text.from_text(text, strange=strange)
    except plain.PlainError as error:
        return {**said, "outcome": "unsure", "missing": [str(error)]}
    again = replay.judge_again(inputs, policy_values.made(cast(Numbers, thresholds)))
    found = list(differences(stored, again))
    missing = [*inputs.cut, *(f"{name}, unknown to this version" for name in sorted(strange))]
    outcome = "unsure" if missing and found else "different" if found else "identical"
    return {
        **said,
        "outcome": outcome,
        "missing": missing,
        "differences": found,
        "facts": facts(inputs),
    }


NAMED = ("id", "at", "node", "address", "kind", "reason", "fate", "brake", "policy_revision")
COMPARED = ("fate", "brake", "rule", "zone", "evidence", "aggregates")


def differences(stored: Row, again: Decision | None) -> list[dict[str, object]]:
    """What came out otherwise: the name, what was stored, what it is now."""
    if again is None:
        return [{"what": "decision", "stored": stored["kind"], "now": None}]
    now = as_row(again)
    return [
        {"what": name, "stored": stored[name], "now": now[name]}
        for name in COMPARED
        if stored[name] != now[name] and not _was_cut(stored[name])
    ]


def as_row(decision: Decision) -> dict[str, object]:
    """As the journal's row shows it."""
    proposal = decision.proposal
    return {
        "fate": decision.fate.value,
        "brake": decision.brake.value if decision.brake else None,
        "rule": proposal.rule,
        "zone": proposal.zone,
        "evidence": json.loads(json.dumps(proposal.evidence)),
        "aggregates": json.loads(json.dumps(decision.aggregates)),
    }


def facts(inputs: Inputs) -> dict[str, object]:
    """What it was judged from, for who wants to look."""
    return {"unlisted": dict(inputs.unlisted), "snapshot": plain.write(inputs.snapshot)}


def _was_cut(value: object) -> bool:
    """Evidence past its bound was cut when it was stored: that it differs says nothing."""
    return isinstance(value, Mapping) and "truncated" in value
