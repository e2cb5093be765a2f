"""What another policy would have paused, judged hour by hour from what the journal still holds.

Looks at confirmed listings, at bounces, and at silences that took an address out of the rotation.
What it cannot know stands in LIMITS, and is said with every answer: a past that was not recorded is
never taken for a healthy one.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from collector.core import listed, rates
from collector.core.listed import Vote
from collector.core.model import Listing, Reason
from collector.core.policy import Policy
from collector.core.rates import Window
from collector.core.readings import MailFacts
from deliverability.catalogue import Catalogue

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)

LIMITS = (
    "sums of mail are kept for 8 days, by the hour: a week that begins before them is shorter here",
    "what an address sent while it would have been paused is in the mail touched, but counts for"
    " and against nobody: such a pause ends when it expires, and bounce_close ends none earlier",
    "complaints, blocks of single receivers, full disks, services and DNS are not kept by the hour:"
    " pauses for them are not simulated",
    "a silence shorter than the threshold of then left no trace: a shorter threshold is only shown"
    " where it would have acted earlier, a longer one where it would not have acted",
    "brakes are not simulated: what they would have withheld is shown as paused",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastListing:
    """A confirmed listing that asks for a pause; `closed_at` None: it stands."""

    zone: str
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of one address. `hours`: begin of the hour and what was added in it, in order;
    an hour may come twice.

    `silences`: when it left the rotation for silence, and when it came back (None: still out).
    """

    node_id: str
    address: str
    hours: tuple[tuple[datetime, Window], ...] = ()
    listings: tuple[PastListing, ...] = ()
    silences: tuple[tuple[datetime, datetime | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A pause, or a time out of the rotation, that was or would have been; `until` None: still."""

    reason: Reason
    since: datetime
    until: datetime | None
    why: str


def episodes(
    past: Past,
    policy: Policy,
    *,
    then: Policy,
    catalogue: Catalogue,
    span: tuple[datetime, datetime],
) -> tuple[Episode, ...]:
    """What this policy would have done in the span. `then`: the policy the past was recorded by."""
    found = (
        *_listed(past, policy, catalogue=catalogue, span=span),
        *_bounces(past, policy, span=span),
        *_silences(past, policy, then=then, span=span),
    )
    return tuple(sorted(found, key=lambda one: (one.since, one.reason.value)))


def overlap(episode: Episode, span: tuple[datetime, datetime]) -> timedelta:
    """How much of the span it takes."""
    begun, over = max(episode.since, span[0]), min(episode.until or span[1], span[1])
    return max(over - begun, timedelta(0))


def touched(past: Past, found: Iterable[Episode]) -> int:
    """Attempts the address made in the hours that any of these cover."""
    spans = [(one.since, one.until) for one in found]
    return sum(
        window.attempts
        for at, window in past.hours
        if any(since < at + HOUR and (until is None or at < until) for since, until in spans)
    )


def _listed(
    past: Past, policy: Policy, *, catalogue: Catalogue, span: tuple[datetime, datetime]
) -> Iterator[Episode]:
    """At every moment at which a listing opened, closed, or grew old enough."""
    moments = {span[0]}
    for one in past.listings:
        moments |= {one.opened_at, one.opened_at + policy.major_alone_after}
        moments |= {one.closed_at} if one.closed_at else set()
    open_since, why = None, ""
    rolling = _Rolling(past.hours)
    for moment in sorted(at for at in moments if span[0] <= at < span[1]):
        votes = _votes(past, catalogue, now=moment)
        if open_since is None:
            ground = listed.ground(votes, rolling.upto(moment), policy=policy, now=moment)
            if ground is not None:
                first = ground.votes[0].listing
                known = first.opened_at if first and moment == span[0] else moment
                open_since, why = known, f"{ground.votes[0].zone.name}: {ground.rule}"
        elif not listed.keeping(votes, policy):
            yield Episode(reason=Reason.LISTED, since=open_since, until=moment, why=why)
            open_since = None
    if open_since is not None:
        yield Episode(reason=Reason.LISTED, since=open_since, until=None, why=why)


def _votes(past: Past, catalogue: Catalogue, *, now: datetime) -> tuple[Vote, ...]:
    """By the catalogue of now: a zone switched off since has none. Whether one was ending, nobody
    recorded: until it was closed it counts."""
    return listed.ordered(
        Vote(zone=zone, opinion=None, listing=_as_listing(past, one))
        for one in past.listings
        if one.opened_at <= now and (one.closed_at is None or one.closed_at > now)
        if (zone := listed.voter(one.zone, catalogue)) is not None
    )


def _as_listing(past: Past, one: PastListing) -> Listing:
    return Listing(
        id="",
        node_id=past.node_id,
        address=past.address,
        zone=one.zone,
        answers=(),
        opened_at=one.opened_at,
        confirmed_by="",
    )


def _bounces(past: Past, policy: Policy, *, span: tuple[datetime, datetime]) -> Iterator[Episode]:
    """At the end of every hour. Its pause ends when it expires, and begins the count anew."""
    rolling, paused_until = _Rolling(past.hours), span[0] - WEEK
    now = span[0]
    while now < span[1]:
        now += HOUR
        mail = rolling.upto(now, since=paused_until)
        rate = rates.bounces(mail, policy) if now > paused_until else None
        if rate is not None and rate.ratio >= policy.bounce_pause:
            paused_until = now + policy.rate_pause_lasts
            why = f"{rate.count} of {rate.of} bounced in {rate.span}"
            until = paused_until if paused_until < span[1] else None
            yield Episode(reason=Reason.BOUNCE_RATE, since=now, until=until, why=why)


def _silences(
    past: Past, policy: Policy, *, then: Policy, span: tuple[datetime, datetime]
) -> Iterator[Episode]:
    """Out after so many intervals since the last word, if the silence lasted so long."""
    lost_then = then.heartbeat_interval * then.lost_after_intervals
    lost = policy.heartbeat_interval * policy.lost_after_intervals
    for left, back in past.silences:
        since = left - lost_then + lost
        if since < span[1] and (back is None or since < back):
            why = f"no heartbeat for {lost.total_seconds():.0f} s"
            yield Episode(reason=Reason.SILENCE, since=since, until=back, why=why)


class _Rolling:
    """Sums of the last day and week of one address, carried along as time goes on."""

    def __init__(self, hours: Sequence[tuple[datetime, Window]]) -> None:
        self._coming = deque(hours)
        self._day: deque[tuple[datetime, Window]] = deque()
        self._week: deque[tuple[datetime, Window]] = deque()
        self._sums: Mapping[str, Counter[str]] = {"day": Counter(), "week": Counter()}

    def upto(self, now: datetime, *, since: datetime | None = None) -> MailFacts:
        """Whole hours that ended by now; none of what began before `since`."""
        while self._coming and self._coming[0][0] + HOUR <= now:
            at, window = self._coming.popleft()
            for kept, sums in ((self._day, "day"), (self._week, "week")):
                kept.append((at, window))
                _count(self._sums[sums], window, sign=1)
        self._drop(self._day, "day", edge=max(now - DAY, since or now - DAY))
        self._drop(self._week, "week", edge=max(now - WEEK, since or now - WEEK))
        return MailFacts(day=Window(**self._sums["day"]), week=Window(**self._sums["week"]))

    def _drop(self, kept: deque[tuple[datetime, Window]], sums: str, *, edge: datetime) -> None:
        while kept and kept[0][0] < edge:
            _count(self._sums[sums], kept.popleft()[1], sign=-1)


def _count(sums: Counter[str], window: Window, *, sign: int) -> None:
    for name in NAMES:
        sums[name] += sign * getattr(window, name)


NAMES = tuple(one.name for one in fields(Window))
