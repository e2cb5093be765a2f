"""Silences: made with an end and a reason, ended early, and shown with what they cover now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from collector.core import silences as rules
from collector.core.incident import Silence
from collector.operate import alerts
from collector.operate.desk import Change, Desk, Done, Wish, entry
from collector.ports import Refused, Row

SILENCES_MAX = 500
MATCHERS = ("cause", "zone", "node", "pool", "address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is not to be told for how long; None fits everything."""

    lasts: timedelta
    cause: str | None = None
    zone: str | None = None
    node: str | None = None
    pool: str | None = None
    address: str | None = None


async def listed(desk: Desk, *, everything: bool) -> list[Row]:
    """Newest first, each with the keys of the open alerts it covers now."""
    standing = await alerts.read(desk)
    covered: dict[object, list[str]] = {}
    for key, silence in standing.silenced.items():
        covered.setdefault(silence.number, []).append(key)
    rows = await desk.bureau.store.silences(active_only=not everything, limit=SILENCES_MAX)
    return [{**row, "covers": sorted(covered.get(row["number"], ()))} for row in rows]


async def silence(desk: Desk, wanted: Wanted, *, wish: Wish) -> Done:
    """Refused: SILENCE_WRONG, with every reason; and it says what it would cover now."""
    now = desk.clock.now()
    made = Silence(
        number=0,
        starts_at=now,
        ends_at=now + wanted.lasts,
        made_by=wish.actor.name,
        reason=wish.reason,
        cause=wanted.cause,
        zone=wanted.zone,
        node=wanted.node,
        pool=wanted.pool,
        address=wanted.address,
    )
    wrong = list(rules.problems(made))
    if len(await desk.bureau.store.silences(active_only=True, limit=SILENCES_MAX)) >= SILENCES_MAX:
        wrong.append(f"{SILENCES_MAX} silences last already: end some first")
    if wrong:
        raise Refused("SILENCE_WRONG", "; ".join(wrong))
    covers = await _covers(desk, made)
    said = f"{_matchers(made)} until {made.ends_at:%Y-%m-%d %H:%M}Z: covers {_count(covers)} now"
    details = {"covers": covers, "ends_at": made.ends_at.isoformat()}
    if wish.dry_run:
        text = f"would silence {said}"
        return Done(text=text, changed=False, dry_run=True, details={**details, "number": None})
    after = {name: getattr(made, name) for name in MATCHERS if getattr(made, name)}
    change = Change(
        action="silence made",
        subject=_matchers(made),
        after={**after, "until": made.ends_at.isoformat()},
    )
    number = await desk.bureau.store.add_silence(made, entry(desk, wish, change=change))
    text = f"silence {number} of {said}; undo: mailfleet alert unsilence {number} --reason TEXT"
    return Done(text=text, changed=True, dry_run=False, details={**details, "number": number})


async def end(desk: Desk, number: int, *, wish: Wish) -> Done:
    """What still stands is told at the next pass. Refused: SILENCE_UNKNOWN."""
    active = await desk.bureau.store.silences(active_only=True, limit=SILENCES_MAX)
    if number not in {row["number"] for row in active}:
        raise Refused("SILENCE_UNKNOWN", f"no silence {number} lasts now")
    if wish.dry_run:
        return Done(text=f"would end silence {number}", changed=False, dry_run=True)
    line = entry(desk, wish, change=Change(action="silence ended", subject=f"silence {number}"))
    if not await desk.bureau.store.end_silence(number, line):
        raise Refused("SILENCE_UNKNOWN", f"silence {number} has just ended")
    desk.doorbell.ring()
    text = f"silence {number} is over; what still stands is told now"
    return Done(text=text, changed=True, dry_run=False)


async def _covers(desk: Desk, made: Silence) -> list[str]:
    troubles = await desk.bureau.store.troubles()
    places = troubles.docket.places
    return [
        alert.key
        for alert in troubles.alerts
        if rules.covers(made, alert, place=places.get(alert.node_id or ""))
    ]


def _matchers(made: Silence) -> str:
    said: Mapping[str, str | None] = {name: getattr(made, name) for name in MATCHERS}
    return ", ".join(f"{name} {value}" for name, value in said.items() if value)


def _count(keys: list[str]) -> str:
    return "1 alert" if len(keys) == 1 else f"{len(keys)} alerts"
