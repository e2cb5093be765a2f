"""Whether what was seen is what was expected. Whoever is not named must not be touched: an
automatic pause or removal that nothing allows is wrong, however short.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.incidents.incident import Expectation, Incident
from tests.incidents.record import Record, Spell

SILENCE = "SILENCE"
OF_PAUSES = ("paused", "out", "tolerated", "sends", "not_sends")

Names = Callable[[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`problems`: sentences, none when all came as expected. `wrong_pauses`: spells nothing
    allows."""

    problems: tuple[str, ...]
    wrong_pauses: int

    @property
    def is_right(self) -> bool:
        return not self.problems


def judge(
    incident: Incident, record: Record, *, names: Names, pauses_only: bool = False
) -> Outcome:
    """`names`: the addresses behind a name of the file. `pauses_only`: of a checker that knows
    neither alerts nor brakes."""
    wanted = [one for one in incident.expectations if not pauses_only or one.what in OF_PAUSES]
    wrong = list(_wrong(wanted, record, names))
    missed = [
        text for one in wanted for text in CHECKS[one.what](_Case(one, record, names, incident))
    ]
    return Outcome(problems=(*wrong, *missed), wrong_pauses=len(wrong))


@dataclass(frozen=True, slots=True)
class _Case:
    wanted: Expectation
    record: Record
    names: Names
    incident: Incident

    def addresses(self) -> tuple[str, ...]:
        return tuple(ip for name in self.wanted.subjects for ip in self.names(name))

    def seconds(self, name: str, *, default: float) -> float:
        said = self.wanted.seconds(name)
        return default if said is None else said


def _wrong(wanted: list[Expectation], record: Record, names: Names) -> Iterator[str]:
    allowed: dict[tuple[str, ...], float] = {}
    for one in wanted:
        if one.what in ("paused", "out", "tolerated"):
            after, reason = one.seconds("after") or 0.0, one.said.get("reason", SILENCE)
            for ip in (ip for name in one.subjects for ip in names(name)):
                key: tuple[str, ...] = (ip,) if reason == SILENCE else (ip, reason)
                allowed[key] = min(allowed.get(key, after), after)
    for what, spells in (("paused", record.pauses), ("removed", record.out)):
        for key, found in sorted(spells.by_key.items()):
            for spell in found:
                if key not in allowed or spell.since < allowed[key]:
                    yield f"wrongly {what}: {' '.join(key)} at {clock(spell.since)}"


def _tolerated(case: _Case) -> Iterator[str]:
    """Spells that the rules cannot avoid: so many at most, and over in time."""
    reason, at_most = case.wanted.said["reason"], case.wanted.said["at_most"]
    over_by = case.seconds("over_by", default=case.incident.lasts)
    spells = case.record.out if reason == SILENCE else case.record.pauses
    found = [
        (ip, spell)
        for ip in case.addresses()
        for spell in spells.by_key.get((ip,) if reason == SILENCE else (ip, reason), [])
    ]
    if len({ip for ip, _ in found}) > at_most:
        yield f"at most {at_most} should be touched ({reason}): {len({ip for ip, _ in found})} were"
    for ip, spell in found:
        if case.wanted.said.get("over_by") and (spell.until is None or spell.until > over_by):
            yield f"{ip} should be free again ({reason}) by {clock(over_by)}: {_end(spell)}"


def _paused(case: _Case) -> Iterator[str]:
    reason = case.wanted.said["reason"]
    by = case.seconds("by", default=case.incident.lasts)
    after = case.seconds("after", default=0.0)
    for ip in case.addresses():
        found = [s for s in case.record.pauses.by_key.get((ip, reason), []) if s.since >= after]
        first = found[0] if found else None
        if first is None or first.since > by:
            when = f"only at {clock(first.since)}" if first else "never"
            yield f"{ip} should be paused ({reason}) by {clock(by)}: {when}"
            continue
        yield from _ends(case, ip, reason, found[-1])


def _ends(case: _Case, ip: str, reason: str, last: Spell) -> Iterator[str]:
    over_by, stays = case.wanted.seconds("over_by"), case.wanted.seconds("stays_until")
    if over_by is not None and (last.until is None or last.until > over_by):
        yield f"{ip}'s pause ({reason}) should be over by {clock(over_by)}: {_end(last)}"
    if stays is not None and not last.covers(stays):
        yield f"{ip}'s pause ({reason}) should stand at {clock(stays)}: {_end(last)}"


def _out(case: _Case) -> Iterator[str]:
    by, back_by = case.seconds("by", default=case.incident.lasts), case.wanted.seconds("back_by")
    for ip in case.addresses():
        found = case.record.out.by_key.get((ip,), [])
        if not found or found[0].since > by:
            when = f"only at {clock(found[0].since)}" if found else "never"
            yield f"{ip} should leave the rotation by {clock(by)}: {when}"
        elif back_by is not None and not _is_member(case.record, ip, back_by):
            yield f"{ip} should be back in the rotation by {clock(back_by)}: {_end(found[-1])}"


def _decided(case: _Case, *, brake: str) -> Iterator[str]:
    said, by = case.wanted.said, case.seconds("by", default=case.incident.lasts)
    found = {
        one.address
        for one in case.record.decided
        if (one.reason, one.brake) == (said["reason"], brake) and one.at <= by
    }
    missing = [ip for ip in case.addresses() if ip not in found]
    if said.get("some") and len(missing) < len(case.addresses()):
        return
    what = f"withheld by the {brake}" if brake else "only proposed"
    for ip in missing:
        yield f"{ip}'s {said['reason']} should be {what} by {clock(by)}: never"


def _withheld(case: _Case) -> Iterator[str]:
    return _decided(case, brake=case.wanted.said["brake"])


def _would(case: _Case) -> Iterator[str]:
    return _decided(case, brake="")


def _alerts(case: _Case) -> list[Spell]:
    """Of this cause, about these, naming the zone: the newest last."""
    (cause,) = case.wanted.subjects
    about, zone = case.wanted.said.get("about"), case.wanted.said.get("zone", "")
    wanted = None if about is None else {one for name in about for one in (name, *case.names(name))}
    found = [
        spell
        for (said, key, node), spells in case.record.alerts.by_key.items()
        for spell in spells
        if said == cause
        and zone in key
        and (wanted is None or node in wanted or any(key.endswith(f":{one}") for one in wanted))
    ]
    return sorted(found, key=lambda spell: spell.since)


def _alert(case: _Case) -> Iterator[str]:
    by, over_by = case.seconds("by", default=case.incident.lasts), case.wanted.seconds("over_by")
    found, cause = _alerts(case), case.wanted.subjects[0]
    if not found or found[0].since > by:
        when = f"only at {clock(found[0].since)}" if found else "never"
        yield f"the alert {cause!r} should be open by {clock(by)}: {when}"
    elif over_by is not None and any(s.until is None or s.until > over_by for s in found):
        yield f"the alert {cause!r} should be over by {clock(over_by)}: {_end(found[-1])}"


def _no_alert(case: _Case) -> Iterator[str]:
    for spell in _alerts(case):
        yield f"no alert {case.wanted.subjects[0]!r} should open: at {clock(spell.since)}"


def _sends(case: _Case) -> Iterator[str]:
    at = case.seconds("at", default=case.incident.lasts)
    for ip in case.addresses():
        if not _is_member(case.record, ip, at):
            yield f"{ip} should be in the rotation at {clock(at)}, and is not"


def _not_sends(case: _Case) -> Iterator[str]:
    at = case.seconds("at", default=case.incident.lasts)
    for ip in case.addresses():
        if _is_member(case.record, ip, at):
            yield f"{ip} should not be in the rotation at {clock(at)}, and is"


def _silent(case: _Case) -> Iterator[str]:
    by = case.seconds("by", default=case.incident.lasts)
    for ip in case.addresses():
        found = case.record.silent.by_key.get((ip,), [])
        if not found or found[0].since > by:
            yield f"{ip} should be silent by {clock(by)}, and is not"


def _is_member(record: Record, ip: str, at: float) -> bool:
    return any(spell.covers(at) for spell in record.members.by_key.get((ip,), []))


def _end(spell: Spell) -> str:
    return "it lasts" if spell.until is None else f"it ended at {clock(spell.until)}"


def clock(at: float) -> str:
    minutes, seconds = divmod(round(at), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


CHECKS: Mapping[str, Callable[[_Case], Iterator[str]]] = {
    "paused": _paused,
    "out": _out,
    "would": _would,
    "withheld": _withheld,
    "alert": _alert,
    "no_alert": _no_alert,
    "sends": _sends,
    "not_sends": _not_sends,
    "tolerated": _tolerated,
    "silent": _silent,
}
