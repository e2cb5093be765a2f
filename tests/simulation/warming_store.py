"""Warm-up plans in the journal in memory: read for a judgement with the day that waits, written
with it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from collector.core import lifecycle, warmup
from collector.core.heartbeat import SenderCount
from collector.core.judgement import Judgement, LifecycleChange
from collector.core.model import Lifecycle
from collector.core.rates import DAY_SECONDS
from collector.core.warmup_plan import ONE_DAY, Plan, SendingDay, Warming
from deliverability import ladders
from deliverability.receivers import LOCAL
from tests.simulation import readings
from tests.simulation.intake_store import revise
from tests.simulation.journal import Journal, Line, moment


def adopt(journal: Journal, node_id: str, ips: Iterable[str], *, at: datetime) -> None:
    """Warm as they come: addresses of a node that sends already."""
    ladder = ladders.default(0)
    for ip in ips:
        plan = warmup.start(ip, ladder, stage=len(ladder.stages), now=moment(at))
        journal.warmups.setdefault((node_id, ip), plan)


def read(journal: Journal, node_id: str, ip: str, *, now: datetime) -> Warming | None:
    plan = journal.warmups.get((node_id, ip))
    if plan is None:
        return None
    over = warmup.day_to_judge(plan, journal.policies[-1], now=now)
    day = None if over is None else _day(journal, node_id, ip, over=over)
    return Warming(plan=plan, day=day)


def change(journal: Journal, judgement: Judgement) -> None:
    for one in judgement.warmups:
        key = (one.subject.node_id, one.plan.subject)
        if journal.warmups.get(key) != one.before:
            continue
        journal.warmups[key] = one.plan
    decided = {one.subject.pool_id for one in judgement.warmups if one.decision is not None} - {""}
    for pool_id in sorted(decided):
        revise(journal, pool_id, at=moment(judgement.at))
    for move in judgement.lifecycles:
        _move(journal, move, at=moment(judgement.at))


def _move(journal: Journal, move: LifecycleChange, *, at: datetime) -> None:
    assert lifecycle.may_move(before=move.before, after=move.after), move
    row = journal.nodes[move.node_id]
    if row.lifecycle is move.before:
        journal.nodes[row.id] = replace(row, lifecycle=move.after)
        text = f"the node is {move.after.value}: its addresses' warm-up says so"
        journal.tell(Line(at=at, kind="event", node_id=row.id, text=text))


def _day(journal: Journal, node_id: str, ip: str, *, over: datetime) -> SendingDay:
    begin, end = over.timestamp(), over.timestamp() + DAY_SECONDS
    sums: dict[str, int] = {}
    for (address, receiver), slots in journal.quarters.items():
        if address == ip and receiver != LOCAL:
            for slot, counts in slots.items():
                for name, count in counts.items() if begin <= slot < end else ():
                    sums[name] = sums.get(name, 0) + count
    attempts = sum(sums.get(name, 0) for name in ("sent", "deferred", "bounced"))
    firsts = sum(sums.get(f"first_{name}", 0) for name in ("sent", "deferred", "bounced"))
    kind = "first_" if firsts else ""
    heard = journal.nodes[node_id].last_heartbeat
    return SendingDay(
        day=over,
        heard=heard is not None and heard >= over,
        volume=firsts + sums.get("first_unknown", 0) or attempts,
        firsts=firsts or attempts,
        deferred=sums.get(f"{kind}deferred", 0),
        bounced=sums.get(f"{kind}bounced", 0),
        listed=_listed(journal, node_id, ip, over=over),
        pauses=_paused(journal, node_id, ip, over=over),
    )


def _listed(journal: Journal, node_id: str, ip: str, *, over: datetime) -> tuple[str, ...]:
    held = (
        one.zone
        for one in journal.listings.values()
        if (one.node_id, one.address, one.consequence) == (node_id, ip, "pause")
        and _is_within(journal, one.id, opened_at=one.opened_at, over=over)
    )
    return tuple(sorted(set(held)))


def _paused(journal: Journal, node_id: str, ip: str, *, over: datetime) -> tuple[str, ...]:
    held = (
        one.reason.value
        for one in journal.pauses.values()
        if one.node_id == node_id
        and one.address in (None, ip)
        and _is_within(journal, one.id, opened_at=one.opened_at, over=over)
    )
    return tuple(sorted(set(held)))


def _is_within(journal: Journal, id_: str, *, opened_at: datetime, over: datetime) -> bool:
    closed = journal.closed.get(id_)
    return opened_at < over + ONE_DAY and (closed is None or closed >= over)


def domains(journal: Journal, *, now: datetime) -> tuple[Warming, ...]:
    """Sending domains with a day that waits."""
    found = []
    for (node_id, domain), plan in journal.warmups.items():
        over = None if node_id else warmup.day_to_judge(plan, journal.policies[-1], now=now)
        if over is not None:
            found.append(Warming(plan=plan, day=_day_of_domain(journal, domain, over=over)))
    return tuple(found)


def _day_of_domain(journal: Journal, domain: str, *, over: datetime) -> SendingDay:
    number = int(over.timestamp()) // DAY_SECONDS
    count = journal.sender_days.get((domain, number), SenderCount(domain))
    firsts = count.first_sent + count.first_deferred + count.first_bounced
    return SendingDay(
        day=over,
        heard=any(day == number for _, day in journal.sender_days),
        volume=firsts + count.first_unknown or count.sent + count.deferred + count.bounced,
        firsts=firsts or count.sent + count.deferred + count.bounced,
        deferred=count.first_deferred if firsts else count.deferred,
        bounced=count.first_bounced if firsts else count.bounced,
    )


def warming(journal: Journal, node_id: str, *, now: datetime) -> None:
    """A node that a plan built: its addresses begin on the first stage, and so does the domain it
    sends for, of which somebody said so."""
    domain = readings.domain_of(journal.nodes[node_id].name)
    plan = warmup.start(domain, ladders.default(0, subject="domain"), now=moment(now))
    journal.warmups["", domain] = plan
    row = journal.nodes[node_id]
    journal.nodes[node_id] = replace(row, lifecycle=Lifecycle.WARMING)
    for key in [key for key in journal.warmups if key[0] == node_id]:
        del journal.warmups[key]


def capped(journal: Journal, node_id: str, ip: str) -> Plan | None:
    """The plan of an address that has a cap now."""
    plan = journal.warmups.get((node_id, ip))
    return None if plan is None or plan.is_warm else plan
