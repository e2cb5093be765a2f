"""One decision in plain lines: its evidence, the rule, the brakes, what became of it."""

from collections.abc import Iterator, Mapping

from collector.core.model import Kind
from collector.core.reputation import ONE_RESOLVER
from collector.operate import brakes
from collector.operate.moments import clock
from collector.operate.overview import row_of, rows_of
from collector.ports import Row

WORDS = {
    "pause": "PAUSE",
    "resume": "RESUME",
    "remove": "OUT OF THE ROTATION",
    "admit": "ADMIT",
    "warm": "WARM-UP",
    "advance": "WARM-UP ONE STAGE FURTHER",
    "hold": "WARM-UP HELD",
    "step_back": "WARM-UP STEPPED BACK",
}
assert WORDS.keys() == {kind.value for kind in Kind}
# Shown in chapters of their own, or as part of a sentence.
SAID = frozenset(
    (
        *("who", "from", "why", "liveness", "silence_seconds", "heard_in_row", "zone", "operator"),
        *(
            "answers",
            "meaning",
            "verdict",
            "sentinels",
            "sweep",
            "sweeps_in_row",
            "since",
            "newest",
        ),
        *("received_at", "delisting", "stand", "confirmed_by", "look", "listing", "opened_at"),
        *("found_by",),
        *("pauses", "count", "of", "over", "ratio", "zones", "beside", "ended", "standing"),
        *("ladder", "stage", "stages", "cap", "sent", "deferred", "bounced", "first_attempts"),
        *("subject", "heard", "least", "paused_hours", "idle_days", "trouble", "to", "after"),
    )
)


def headline(decision: Row | None) -> str:
    """`PAUSE of 192.0.2.13 for LISTED: made`"""
    assert decision is not None
    return f"{act(decision)}: {fate(decision)}"


def act(decision: Row) -> str:
    whom = decision["address"] or "the whole node"
    at = f" at {decision['receiver']}" if decision.get("receiver") else ""
    return f"{WORDS[str(decision['kind'])]} of {whom}{at} for {decision['reason']}"


def fate(decision: Row) -> str:
    """What became of it, in words."""
    match decision["fate"]:
        case "withheld":
            return f"withheld by the {decision['brake']}"
        case "would":
            return "only recorded, automation observes"
        case "overridden":
            return "overridden by a person"
    return "made"


def chapters(decision: Row) -> list[tuple[str, list[str]]]:
    """Evidence, second look, rule, decision, why not, brakes, action."""
    evidence = row_of(decision, "evidence") or {}
    return [
        ("evidence", list(_evidence(evidence))),
        ("second look", list(_look(evidence))),
        ("rule", [f"{decision['rule']} (policy revision {decision['policy_revision']})"]),
        ("decision", _decision(decision)),
        ("why not", list(brakes.lines(decision))),
        ("brakes", list(_brakes(row_of(decision, "aggregates") or {}))),
        ("action", [_effect(one) for one in rows_of(decision, "effects")]),
    ]


def short(decision: Row) -> Mapping[str, object]:
    names = ("id", "at", "kind", "reason", "fate", "brake", "address")
    return {name: decision[name] for name in names}


def answer(fact: Row) -> str:
    """A zone's answer with its sentinels: `listed 127.0.0.4, sentinels right`."""
    said = " ".join(map(str, rows_of(fact, "answers")))
    why = f": {fact['why']}" if fact.get("why") else ""
    found = f"{fact['verdict']} {said}".rstrip() + f", sentinels {fact['sentinels']}{why}"
    return found + _finder(fact)


def _finder(fact: Row) -> str:
    """Of what the collector found itself: through which resolver, and what another one said."""
    if not fact.get("found_by"):
        return ""
    look = row_of(fact, "second_look")
    words = str(look["why"] or look["verdict"]) if look else "no other resolver asked yet"
    beside = f"; another resolver: {words}" if look and words != ONE_RESOLVER else f"; {words}"
    by = f", found by the collector through {fact['found_by']}"
    return by + (beside if fact["verdict"] == "listed" else "")


def _evidence(evidence: Row) -> Iterator[str]:
    if "who" in evidence:
        why = evidence.get("why") or (row_of(evidence, "after") or {}).get("reason")
        yield f"asked by {evidence['who']} ({evidence['from']}): {why or 'no reason'}"
    yield from _warmup(evidence)
    if "silence_seconds" in evidence:
        yield f"{evidence['liveness']}: no word for {evidence['silence_seconds']} s"
    if "ratio" in evidence and "of" in evidence:
        counted = f"{evidence['count']} of {evidence['of']} in {evidence['over']}"
        yield f"{counted}: {_percent(evidence['ratio'])}"
    yield from _zone(evidence)
    for one in rows_of(evidence, "beside"):
        yield from _zone(one)
    for name in sorted(evidence.keys() - SAID):
        is_told = name == "day" and "sent" in evidence
        if evidence[name] not in (None, [], {}) and not is_told:
            yield f"{name.replace('_', ' ')}: {_plain(evidence[name])}"


def _plain(value: object) -> str:
    """A fact without a sentence of its own."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value)


def _percent(value: object) -> str:
    return f"{value:.2%}" if isinstance(value, (int, float)) else "unknown"


def _zone(evidence: Row) -> Iterator[str]:
    if "zone" not in evidence:
        return
    meaning = "; ".join(map(str, rows_of(evidence, "meaning")))
    said = meaning or " ".join(map(str, rows_of(evidence, "answers")))
    yield f"{evidence['zone']} answered {said}"
    fact = _fact(evidence)
    if fact.get("sentinels"):
        by = fact.get("found_by")
        resolver = f"the collector's resolver {by}" if by else "the node's resolver"
        yield f"its sentinels through {resolver}: {fact['sentinels']}"
    if fact.get("since"):
        yield f"said so since {clock(fact['since'])}, {_sweeps(fact)}"
    if evidence.get("opened_at"):
        yield f"the listing is open since {clock(evidence['opened_at'])}"


def _look(evidence: Row) -> Iterator[str]:
    """The collector's own word, or the node's second sweep."""
    if evidence.get("confirmed_by"):
        yield f"confirmed by {evidence['confirmed_by']}"
    look = row_of(_fact(evidence), "look")
    if look is not None and look["why"] == ONE_RESOLVER:
        yield f"by nobody else: {ONE_RESOLVER}, and no other to ask"
    elif look is not None:
        resolver = "another resolver" if _fact(evidence).get("found_by") else "resolver"
        asked = f" {look['resolver']}" if look.get("resolver") else ""
        yield f"the collector's {resolver}{asked} said: {answer(look)}, {clock(look['at'])}"


def _warmup(evidence: Row) -> Iterator[str]:
    """Where the plan stood, and what its day was like."""
    if "stages" in evidence:
        cap = f"{evidence['cap']} a day" if evidence["cap"] else "no cap"
        stage = f"stage {evidence['stage']} of {evidence['stages']}"
        yield f"it stood on {evidence['ladder']}, {stage}: {cap}"
    if "sent" in evidence:
        yield (
            f"{evidence['day']}: {evidence['sent']} sent, {evidence['deferred']} deferred,"
            f" {evidence['bounced']} bounced of {evidence['first_attempts']} first attempts"
        )
    if "paused_hours" in evidence:
        yield f"it was paused for {evidence['paused_hours']} h"
    if "idle_days" in evidence:
        yield f"it sent nothing for {evidence['idle_days']} days"
    if evidence.get("trouble"):
        yield f"trouble: {evidence['trouble']}"
    after = row_of(evidence, "to")
    if after is not None:
        stage = f"stage {after['stage']} of {after['stages']}"
        yield f"now on {after['ladder']}, {stage}: {after['cap']} a day"


def _fact(evidence: Row) -> Row:
    """An open listing carries the zone's newest word with it."""
    return row_of(evidence, "newest") or evidence


def _sweeps(fact: Row) -> str:
    count = fact["sweeps_in_row"]
    return "1 sweep" if count == 1 else f"{count} sweeps in a row"


def _decision(decision: Row) -> list[str]:
    return [f"{headline(decision)}, {clock(decision['at'])}", f"id {decision['id']}"]


def _brakes(seen: Row) -> Iterator[str]:
    """The figures the gate looked at."""
    if "zone_newly_listed" in seen:
        yield (
            f"zone brake: {seen['zone_newly_listed']} newly listed on the zone, "
            f"holds above {seen['zone_brake_above']} of {seen['fleet_addresses']}"
        )
    if "pool" in seen:
        yield (
            f"pool {seen['pool']}: {seen['pool_in_rotation']} of {seen['pool_addresses']} "
            f"addresses in the rotation, baseline {seen['pool_baseline']}, "
            f"floor {seen['pool_floor']}, automation {seen['pool_automation']}"
        )
    if seen.get("detector_frozen"):
        yield f"the detector of silence is frozen: {seen['detector_why']}"
    if seen.get("startup_grace"):
        yield "the collector had just started: nobody is removed for silence"
    if seen.get("automation_stopped"):
        yield "automation is stopped"


def _effect(effect: Row) -> str:
    done = effect["outcome"] or effect["state"]
    return f"{effect['kind']}: {done}, {clock(effect['at'])}"
