"""A policy with some values changed, by a person's words; and what speaks against it.

Bounds keep each value sane; CONTRADICTIONS keep them sane together. Says why in sentences, all of
them at once.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from enum import Enum

from collector.core import policy as policies
from collector.core import policy_values, policy_words
from collector.core.policy import Policy

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
NUMBER = re.compile(r"(-?\d{1,15}(?:\.\d{1,9})?) ?([a-z%]{0,2})")
Value = int | float | timedelta | Enum

# (the lesser, the greater, why). Equal is allowed only where it is said.
ASCENDING: tuple[tuple[str, str, str], ...] = (
    ("late_after_intervals", "lost_after_intervals", "a node is late before it is lost"),
    ("heartbeat_jitter", "heartbeat_interval", "else heartbeats would overtake each other"),
    ("lost_after_intervals", "grace_intervals_min", "else our own restart would lose the fleet"),
    ("bounce_close", "bounce_alert", "a pause ends below what alerts, else it would flap"),
    ("bounce_alert", "bounce_pause", "an alert comes before the pause"),
    ("complaint_close", "complaint_alert", "a pause ends below what alerts, else it would flap"),
    ("complaint_alert", "complaint_pause", "an alert comes before the pause"),
    ("blocked_close", "blocked_ratio", "a block ends below what opens it, else it would flap"),
    ("disk_alert", "disk_pause", "an alert comes before the pause"),
    ("disk_close", "disk_pause", "a pause ends below what opens it, else it would flap"),
    ("warmup_bounce_hold", "warmup_bounce_back", "a warm-up is held before it steps back"),
    ("warmup_deferral_hold", "warmup_deferral_back", "a warm-up is held before it steps back"),
    ("warmup_complaint_hold", "warmup_complaint_back", "a warm-up is held before it steps back"),
    ("share_still", "share_step", "else no share would ever move"),
    ("notify_gather", "notify_fold_pace", "what waits must leave before the next of its kind"),
)
OTHERS: tuple[tuple[Callable[[Policy], bool], str], ...] = (
    (
        lambda p: p.silent_ratio_max > 1 - p.floor_ratio,
        "silent_ratio_max must not be above 1 - floor_ratio: silence in common must be seen before"
        " it has taken a pool to its floor",
    ),
    (
        lambda p: p.second_sweep_after > p.sweep_critical,
        "second_sweep_after must not be above sweep_critical: the node's second sweep would come"
        " too early to confirm anything",
    ),
)


class Unfit(ValueError):
    """`problems` in sentences; nothing was changed."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def changed(policy: Policy, words: Mapping[str, str]) -> Policy:
    """The policy with these values, its revision as it was. Unfit: names, words, bounds, sense."""
    wrong: list[str] = []
    chosen: dict[str, Value] = {}
    for name, text in words.items():
        try:
            chosen[name] = parse(name, text=text)
        except Unfit as unfit:
            wrong += unfit.problems
    found = replace(policy, **chosen)  # type: ignore[arg-type]  # each parsed to its field's type
    wrong += problems(found)
    if wrong:
        raise Unfit(*wrong)
    return found


def problems(policy: Policy) -> tuple[str, ...]:
    """What is out of bounds; or, when nothing is, what makes no sense together."""
    return policies.problems(policy) or contradictions(policy)


def contradictions(policy: Policy) -> tuple[str, ...]:
    """Values each within bounds that make no sense together."""
    ascending = (
        f"{low} ({said(policy, low)}) must be below {high} ({said(policy, high)}): {why}"
        for low, high, why in ASCENDING
        if not getattr(policy, low) < getattr(policy, high)
    )
    return (*ascending, *(why for is_wrong, why in OTHERS if is_wrong(policy)))


def parse(name: str, *, text: str) -> Value:
    """`30s`, `5m`, `2h`, `7d`, `500ms` or seconds; `10%` or `0.1`; a whole number; one of some
    words. Unfit."""
    known = getattr(policy_values.DEFAULT, name, None)
    if name not in policy_words.DOES or known is None:
        raise Unfit(f"{name} is no value of the policy")
    if isinstance(known, Enum):
        return _word(text, name=name, kind=type(known))
    match = NUMBER.fullmatch(text.strip().lower())
    if match is None:
        raise Unfit(f"{name}: {text[:40]!r} is no number")
    number, unit = float(match[1]), match[2]
    if isinstance(known, timedelta):
        if unit and unit not in UNITS:
            raise Unfit(f"{name} is a duration: {', '.join(UNITS)}, not {unit!r}")
        return timedelta(seconds=number * UNITS.get(unit, 1))
    if unit not in ("", "%"):
        raise Unfit(f"{name} is no duration: {text[:40]!r}")
    if isinstance(known, int):
        if not number.is_integer() or unit:
            raise Unfit(f"{name} is a whole number, not {text[:40]!r}")
        return int(number)
    return number / 100 if unit else number


def _word(text: str, *, name: str, kind: type[Enum]) -> Enum:
    words = {str(one.value): one for one in kind}
    if text.strip().lower() not in words:
        raise Unfit(f"{name} is one of {', '.join(words)}, not {text[:40]!r}")
    return words[text.strip().lower()]


def differences(*, before: Policy, after: Policy) -> dict[str, tuple[str, str]]:
    """Name -> what it was and what it is, but for the revision."""
    names = (one.name for one in fields(Policy) if one.name != "revision")
    return {
        name: (said(before, name), said(after, name))
        for name in names
        if getattr(before, name) != getattr(after, name)
    }


def said(policy: Policy, name: str) -> str:
    """A value as a person would write it, and as `parse` reads it."""
    value = policy_values.of(policy)[name]
    if isinstance(value, str):
        return value
    if not policy_values.is_duration(name):
        return _number(value)
    return duration(value)


def duration(seconds: float) -> str:
    """`90s`, `5m`, `2h`, `7d`: in the largest unit that it is whole in."""
    for unit in ("d", "h", "m"):
        if seconds >= 2 * UNITS[unit] and seconds % UNITS[unit] == 0:
            return f"{_number(seconds / UNITS[unit])}{unit}"
    return f"{_number(seconds)}s"


def _number(value: float) -> str:
    """Without an exponent, which `parse` does not read."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
