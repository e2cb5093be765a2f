"""Days of sending domains that warm up, read for a judgement."""

from datetime import datetime

from sqlalchemy import Connection, text

from collector.adapters.store import senders, warmups
from collector.adapters.store.moments import to_ms
from collector.adapters.store.reign import read_policy
from collector.core import warmup
from collector.core.rates import DAY_SECONDS
from collector.core.warmup_plan import SendingDay, Warming, WarmKind

PLANS_AT_ONCE = 100
DAY_MS = DAY_SECONDS * 1000

# Plans with a day that is over and was not judged; a clock set back by days is not waited out.
WAITING = text(
    f"""SELECT * FROM warmups WHERE kind = '{WarmKind.DOMAIN.value}' AND (judged < :last
 OR judged > :last + 1 OR judged IS NULL AND (started_at < (:last + 1) * {DAY_MS}
 OR started_at > :now)) ORDER BY judged, subject LIMIT {PLANS_AT_ONCE}"""  # noqa: S608
)
ANY = text("SELECT EXISTS (SELECT 1 FROM sender_windows WHERE span = :span AND slot = :slot)")


def waiting(connection: Connection, *, now: datetime) -> tuple[Warming, ...]:
    """Domains with a day to be judged; some, where many have."""
    policy = read_policy(connection)
    last = to_ms(now - policy.warmup_day_lag) // DAY_MS - 1
    rows = connection.execute(WAITING, {"last": last, "now": to_ms(now)}).all()
    found = []
    for plan in map(warmups.plan_of, rows):
        over = warmup.day_to_judge(plan, policy, now=now)
        if over is not None:
            found.append(Warming(plan=plan, day=_day(connection, plan.subject, over=over)))
    return tuple(found)


def _day(connection: Connection, domain: str, *, over: datetime) -> SendingDay:
    """Heard: some node told for whom it sent. Old agents do not, and a day they say nothing of is
    not idle but unknown."""
    count = senders.counted(connection, domain, span=DAY_SECONDS, at=over)
    asked = {"span": DAY_SECONDS, "slot": to_ms(over) // 1000}
    firsts = count.first_sent + count.first_deferred + count.first_bounced
    return SendingDay(
        day=over,
        heard=bool(connection.scalar(ANY, asked)),
        volume=senders.left(count),
        firsts=firsts or count.sent + count.deferred + count.bounced,
        deferred=count.first_deferred if firsts else count.deferred,
        bounced=count.first_bounced if firsts else count.bounced,
    )
