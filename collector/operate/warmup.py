"""Warm-up as people read and steer it: where each plan stands and why, the days ahead, and an
operator's start, hold and resume. A person's word is a decision like any other.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import NamedTuple

from collector.core import warmup, warmup_forecast
from collector.core.warmup_plan import Holder
from collector.operate import change, overview, warmup_words
from collector.operate.desk import Change, Desk, Done, Wish, entry, guard
from collector.ports import Refused, Row
from collector.ports_rotation import Standing
from deliverability import ladders
from deliverability.ladders import LADDERS, Ladder

DAYS_SHOWN = 14
AHEAD_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """How a plan is to begin: on a ladder by name, or the band's of so many messages a month.
    `stage` counts from 1."""

    ladder: str | None = None
    monthly: int = 0
    stage: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a forecast is asked for: a subject's own plan, or a ladder from today."""

    subject: str | None = None
    monthly: int | None = None
    addresses: int = 1
    ladder: str | None = None
    kind: str = "address"


async def listed(desk: Desk, *, everything: bool) -> list[Row]:
    """Those with a cap; with `everything` the warm ones too."""
    rows = await desk.rotating.warmups()
    return [warmup_words.shown(row) for row in rows if everything or not row["is_warm"]]


async def one(desk: Desk, subject: str) -> Row:
    """One plan with its last days and those ahead. Refused: WARMUP_UNKNOWN."""
    rows = await desk.rotating.warmups(subject=subject)
    standing = await desk.rotating.warmup(subject.lower())
    if not rows or standing is None:
        raise _unknown(subject)
    ahead = warmup_forecast.of_plan(standing.plan, today=desk.clock.now().date())
    return {
        **warmup_words.shown(rows[0]),
        "days": [*await desk.rotating.warmup_days(subject, limit=DAYS_SHOWN)],
        "ahead": [warmup_words.ahead_row(day) for day in ahead]
        if not standing.plan.is_warm
        else [],
    }


async def forecast(desk: Desk, asked: Question) -> Row:
    """The days ahead if each counts, and the true date of a monthly volume.

    Refused: WARMUP_UNKNOWN, LADDER_UNKNOWN, LADDER_MISFIT.
    """
    today = desk.clock.now().date()
    standing = None if asked.subject is None else await desk.rotating.warmup(asked.subject)
    if asked.subject is not None and standing is None:
        raise _unknown(asked.subject)
    ladder, stage = _asked_ladder(asked, standing)
    reach = None
    if asked.monthly is not None:
        reach = warmup_forecast.reaching(
            ladder,
            monthly=asked.monthly,
            addresses=asked.addresses,
            begin=today,
            stage=stage,
        )
    ahead = list(warmup_forecast.of_ladder(ladder, begin=today, stage=stage))[:AHEAD_MAX]
    return {
        "subject": asked.subject,
        "ladder": ladder.name,
        "note": ladder.note,
        "source": ladder.source,
        "begin": today.isoformat(),
        "text": warmup_words.forecast_said(ladder, ahead=ahead, reach=reach),
        "reach": reach and {**warmup_words.reach_row(reach)},
        "ahead": [warmup_words.ahead_row(day) for day in ahead],
    }


async def start(desk: Desk, subject: str, *, begin: Begin, wish: Wish) -> Done:
    """Begins a plan, or begins it anew: an address of a node, else a sending domain.

    Refused: ADDRESS_UNKNOWN, LADDER_UNKNOWN, LADDER_MISFIT, STAGE_UNKNOWN, AFFECTS_MANY.
    """
    subject = subject.lower()
    is_address = _is_address(subject)
    known = await desk.rotating.warmup(subject.lower())
    node_id = pool_id = ""
    if is_address:
        row = await _node_of(desk, subject)
        node_id, pool_id = str(row["id"]), str(row["pool_id"])
        ratio = await change.capacity_ratio(desk, [row], address=subject)
        guard(wish, affected=1, capacity_ratio=ratio)
    ladder = _ladder(begin.ladder, monthly=begin.monthly, kind=_kind(is_address))
    if not 1 <= begin.stage <= len(ladder.stages):
        text = f"{ladder.name} has stages 1 to {len(ladder.stages)}"
        raise Refused("STAGE_UNKNOWN", text)
    plan = warmup.start(subject, ladder, stage=begin.stage - 1, now=desk.clock.now())
    if known is not None:
        plan = replace(plan, usual=known.plan.usual, sent_on=known.plan.sent_on)
    standing = Standing(plan=plan, node_id=node_id, pool_id=pool_id)
    text = f"{subject} warms up on {ladder.name}, {warmup_words.stage_said(plan)}"
    if not is_address:
        text += f"; {warmup_words.CAPS_BIND}"
    return await _set(desk, standing, _Word("warm-up start", text, known), wish=wish)


async def hold(desk: Desk, subject: str, *, wish: Wish) -> Done:
    """The stage stands until a person says otherwise. Refused: WARMUP_UNKNOWN, WARMUP_WARM."""
    known = await _known(desk, subject)
    if known.plan.is_warm:
        raise Refused("WARMUP_WARM", f"{subject} has no cap: there is nothing to hold")
    if known.plan.held_by is Holder.OPERATOR:
        text = f"{subject} is held already: {known.plan.held_why}"
        return Done(text=text, changed=False, dry_run=wish.dry_run)
    plan = warmup.hold(known.plan, by=Holder.OPERATOR, why=wish.reason or wish.actor.name)
    text = f"{subject} is held at {warmup_words.stage_said(plan)} until a person resumes it"
    after = replace(known, plan=plan)
    return await _set(desk, after, _Word("warm-up hold", text, known), wish=wish)


async def resume(desk: Desk, subject: str, *, wish: Wish) -> Done:
    """Lifts a hold, whoever holds. Refused: WARMUP_UNKNOWN, WARMUP_NOT_HELD."""
    known = await _known(desk, subject)
    if known.plan.held_by is None:
        raise Refused("WARMUP_NOT_HELD", f"nobody holds the warm-up of {subject}")
    plan = warmup.resume(known.plan)
    text = f"{subject} goes on at {warmup_words.stage_said(plan)}"
    after = replace(known, plan=plan)
    return await _set(desk, after, _Word("warm-up resume", text, known), wish=wish)


class _Word(NamedTuple):
    """What is done, how it is said, and what stood before."""

    action: str
    text: str
    before: Standing | None


async def _set(desk: Desk, standing: Standing, word: _Word, *, wish: Wish) -> Done:
    if not wish.dry_run:
        asked = Change(
            action=word.action,
            subject=standing.plan.subject,
            before={} if word.before is None else warmup_words.stood(word.before.plan),
            after=warmup_words.stood(standing.plan),
        )
        before = None if word.before is None else word.before.plan
        await desk.rotating.set_warmup(standing, entry(desk, wish, change=asked), before=before)
        desk.rotations.changed()
        if standing.node_id:
            desk.doorbell.ring(standing.node_id)
    said = f"would be: {word.text}" if wish.dry_run else word.text
    return Done(
        text=said,
        changed=not wish.dry_run,
        dry_run=wish.dry_run,
        affected=(standing.plan.subject,),
    )


async def _known(desk: Desk, subject: str) -> Standing:
    known = await desk.rotating.warmup(subject.lower())
    if known is None:
        raise _unknown(subject)
    return known


async def _node_of(desk: Desk, ip: str) -> Row:
    """The node that has this address. Refused: ADDRESS_UNKNOWN."""
    try:
        row = await overview.one(desk, ip)
        change.must_have(row, ip)
    except Refused as refused:
        raise Refused("ADDRESS_UNKNOWN", f"no node has the address {ip}") from refused
    return row


def _asked_ladder(asked: Question, standing: Standing | None) -> tuple[Ladder, int]:
    if standing is not None and asked.ladder is None:
        return standing.plan.steps, standing.plan.stage
    kind = asked.kind if standing is None else standing.plan.kind.value
    return _ladder(asked.ladder, monthly=asked.monthly or 0, kind=kind), 0


def _ladder(name: str | None, *, monthly: int, kind: str) -> Ladder:
    """Refused: LADDER_UNKNOWN, LADDER_MISFIT."""
    if name is None:
        return ladders.default(monthly, subject=kind)
    found = LADDERS.get(name)
    if found is None:
        raise Refused("LADDER_UNKNOWN", f"no ladder is called {name}")
    if found.subject != kind:
        raise Refused("LADDER_MISFIT", f"{name} is a ladder for a {found.subject}, not a {kind}")
    return found


def _kind(is_address: bool) -> str:
    return "address" if is_address else "domain"


def _is_address(subject: str) -> bool:
    """Anything else is a sending domain, as RFC 1035 writes it. Refused: SUBJECT_WRONG."""
    try:
        ip_address(subject)
    except ValueError:
        labels = subject.split(".")
        fits = all(0 < len(one) <= 63 and one.replace("-", "a").isalnum() for one in labels)
        if len(labels) < 2 or not fits or not subject.isascii() or len(subject) > 253:
            text = f"{subject} is neither an address nor a domain"
            raise Refused("SUBJECT_WRONG", text) from None
        return False
    return True


def _unknown(subject: str) -> Refused:
    return Refused("WARMUP_UNKNOWN", f"nobody keeps a warm-up plan of {subject}")
