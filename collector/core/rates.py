"""Rates over windows of arrival: bounces of an address, deferrals of a receiver. Pure.

Of first attempts of unique recipients where the node tells them, else of attempts. Below a minimum
volume there is no rate: unknown, never zero. What we did to ourselves counts nowhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from collector.core.policy import Policy

QUARTER_SECONDS = 900
HOUR_SECONDS = 3600
DAY_SECONDS = 86_400

# The least volume of one receiver's deferrals, and how long they must last (DESIGN 6).
DEFERRAL_MIN = 20
DEFERRAL_FOR = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What was added in a stretch of time."""

    sent: int = 0
    deferred: int = 0
    bounced: int = 0
    expired: int = 0
    ours: int = 0
    rejected: int = 0
    first_sent: int = 0
    first_deferred: int = 0
    first_bounced: int = 0
    first_unknown: int = 0
    bytes_sent: int = 0

    @property
    def attempts(self) -> int:
        """Of receivers; what we deferred ourselves is none."""
        return self.sent + self.deferred + self.bounced

    @property
    def firsts(self) -> int:
        return self.first_sent + self.first_deferred + self.first_bounced


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsAsked:
    """Sums over windows of `span` seconds (a quarter, an hour, a day) that begin within the two.

    `by`: slot, node, address, receiver. Hours know no receiver. `is_live`: with what was added
    since the last look, at most a quarter of an hour ago; of the whole fleet that is long work.
    """

    span: int
    since: datetime
    until: datetime
    by: tuple[str, ...]
    node_id: str | None = None
    receiver: str | None = None
    is_live: bool = True


def total(windows: Iterable[Window]) -> Window:
    sums = dict.fromkeys(Window.__slots__, 0)
    for window in windows:
        for name in sums:
            sums[name] += getattr(window, name)
    return Window(**sums)


def bounce_ratio(window: Window, *, least: int) -> float | None:
    """None: fewer than `least` were attempted."""
    return _ratio(window, first=window.first_bounced, any_=window.bounced, least=least)


def deferral_ratio(window: Window, *, least: int = DEFERRAL_MIN) -> float | None:
    return _ratio(window, first=window.first_deferred, any_=window.deferred, least=least)


def defers_for_long(policy: Policy, *, older: Window, newer: Window) -> bool | None:
    """`older` and `newer`: the two halves of DEFERRAL_FOR. Sustained: too many in both, so neither
    one bad quarter of an hour nor one that is over is enough. None: too few to tell."""
    ratios = [deferral_ratio(one) for one in (older, newer)]
    known = [ratio for ratio in ratios if ratio is not None]
    if len(known) < len(ratios):
        return None
    return min(known) >= policy.deferral_alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`count` of `of`, over a day or a week."""

    count: int
    of: int
    span: str

    @property
    def ratio(self) -> float:
        return self.count / self.of

    def shown(self) -> dict[str, object]:
        return {"count": self.count, "of": self.of, "over": self.span, "ratio": self.ratio}


class Counted(Protocol):
    """What is known of an address's mail (`readings.MailFacts`)."""

    @property
    def day(self) -> Window: ...
    @property
    def week(self) -> Window: ...
    @property
    def complaints_day(self) -> int | None: ...
    @property
    def complaints_week(self) -> int | None: ...


def bounces(mail: Counted | None, policy: Policy) -> Rate | None:
    """Over the last day where enough was tried, else over the week; None: too little in both."""
    if mail is None:
        return None
    for window, least, span in (
        (mail.day, policy.rate_day_min, "a day"),
        (mail.week, policy.rate_week_min, "a week"),
    ):
        count, tried = _share(window, first=window.first_bounced, any_=window.bounced)
        if tried >= least:
            return Rate(count=count, of=tried, span=span)
    return None


def complaints(mail: Counted | None, policy: Policy) -> Rate | None:
    """Of what was delivered, as above; None also when nobody tells of complaints."""
    if mail is None:
        return None
    for window, count, least, span in (
        (mail.day, mail.complaints_day, policy.rate_day_min, "a day"),
        (mail.week, mail.complaints_week, policy.rate_week_min, "a week"),
    ):
        if count is not None and window.sent >= least:
            return Rate(count=count, of=window.sent, span=span)
    return None


def rising(day: Window, *, week: Window, policy: Policy) -> tuple[str, ...]:
    """What rose, of "bounces" and "deferrals": the last day's share against that of the six days
    before, when both have their minimum volume."""
    before = less(week, part=day)
    found = []
    for name, of in (("bounces", bounce_ratio), ("deferrals", deferral_ratio)):
        now, then = of(day, least=policy.rate_day_min), of(before, least=policy.rate_week_min)
        if now is None or then is None:
            continue
        if now >= policy.rise_times * then and now - then >= policy.rise_points:
            found.append(name)
    return tuple(found)


def less(whole: Window, *, part: Window) -> Window:
    """What the whole holds beside the part; nothing where the part is larger."""
    return Window(
        **{name: max(0, getattr(whole, name) - getattr(part, name)) for name in Window.__slots__}
    )


def _ratio(window: Window, *, first: int, any_: int, least: int) -> float | None:
    count, tried = _share(window, first=first, any_=any_)
    return count / tried if tried >= max(1, least) else None


def _share(window: Window, *, first: int, any_: int) -> tuple[int, int]:
    """How many of how many: of first attempts where the node tells them."""
    return (first, window.firsts) if window.firsts else (any_, window.attempts)
