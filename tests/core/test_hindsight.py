"""What another policy would have paused: listings, bounces and silences of a past that was kept."""

from datetime import datetime, timedelta

import pytest

from collector.core import hindsight
from collector.core.hindsight import HOUR, Episode, Past, PastListing
from collector.core.model import Reason
from collector.core.policy import PauseListed, Policy
from collector.core.rates import Window
from deliverability.catalogue import Catalogue, Override
from tests.core.fleet import NOON, ZEN

SPAN = (NOON - timedelta(days=7), NOON)
MAJORS = ("bl.spamcop.net", "b.barracudacentral.org")
IP = "198.51.100.1"


def past(**parts: object) -> Past:
    return Past(node_id="n1", address=IP, **parts)  # type: ignore[arg-type]


def judged(known: Past, **policy: object) -> list[tuple[Reason, datetime, datetime | None]]:
    found = hindsight.episodes(
        known,
        Policy(**policy),  # type: ignore[arg-type]
        then=Policy(),
        catalogue=Catalogue(),
        span=SPAN,
    )
    return [(one.reason, one.since, one.until) for one in found]


def ago(hours: float) -> datetime:
    return NOON - timedelta(hours=hours)


def listing(zone: str, begun: float, ended: float | None) -> PastListing:
    closed = None if ended is None else ago(ended)
    return PastListing(zone=zone, opened_at=ago(begun), closed_at=closed)


def hours(count: int, *, sent: int, bounced: int, last: float = 0) -> tuple[object, ...]:
    window = Window(sent=sent, bounced=bounced, first_sent=sent, first_bounced=bounced)
    return tuple((ago(last + count - n), window) for n in range(count))


def test_a_critical_listing_pauses_from_its_opening_to_its_end() -> None:
    known = past(listings=(listing(ZEN, 50, 20),))
    assert judged(known) == [(Reason.LISTED, ago(50), ago(20))]
    assert judged(past(listings=(listing(ZEN, 50, None),))) == [(Reason.LISTED, ago(50), None)]


def test_what_stood_when_the_span_began_is_as_old_as_it_is() -> None:
    known = past(listings=(listing(ZEN, 400, 100),))
    assert judged(known) == [(Reason.LISTED, ago(400), ago(100))]


@pytest.mark.parametrize(
    ("asked", "begun"),
    [(PauseListed.CRITICAL, None), (PauseListed.MAJOR, 40), (PauseListed.ANY, 60)],
)
def test_whose_listings_pause_is_the_policys(asked: PauseListed, begun: float | None) -> None:
    """Two majors, the second twenty hours after the first."""
    known = past(listings=(listing(MAJORS[0], 60, 10), listing(MAJORS[1], 40, 10)))
    wanted = [] if begun is None else [(Reason.LISTED, ago(begun), ago(10))]
    assert judged(known, pause_listed=asked) == wanted


def test_a_zone_nobody_knows_any_more_has_no_vote() -> None:
    assert judged(past(listings=(listing("gone.example", 60, 10),))) == []


def test_bounces_pause_by_the_hour_and_for_as_long_as_the_policy_says() -> None:
    known = past(hours=hours(30, sent=88, bounced=12, last=40))
    # 100 an hour: after the first the week has its minimum, and so after every pause.
    assert judged(known) == [
        (Reason.BOUNCE_RATE, ago(69), ago(45)),
        (Reason.BOUNCE_RATE, ago(44), ago(20)),
    ]
    assert judged(known, bounce_pause=0.2) == []
    long = judged(known, rate_pause_lasts=timedelta(days=14))
    assert long == [(Reason.BOUNCE_RATE, ago(69), None)]


def test_too_few_have_no_rate() -> None:
    assert judged(past(hours=hours(1, sent=10, bounced=9, last=40))) == []


def test_a_silence_is_as_long_as_it_was() -> None:
    """Out 90 s after the last word; back ten minutes after that."""
    known = past(silences=((ago(10), ago(10) + timedelta(minutes=10)),))
    assert judged(known) == [(Reason.SILENCE, ago(10), ago(10) + timedelta(minutes=10))]
    (later,) = judged(known, lost_after_intervals=6)
    assert later[1] == ago(10) + timedelta(seconds=90)
    assert judged(known, heartbeat_interval=timedelta(seconds=300)) == []
    still = judged(past(silences=((ago(10), None),)))
    assert still == [(Reason.SILENCE, ago(10), None)]


def test_what_it_took_is_counted_within_the_span() -> None:
    one = Episode(reason=Reason.LISTED, since=ago(200), until=ago(160), why="")
    assert hindsight.overlap(one, SPAN) == 8 * HOUR
    gone = Episode(reason=Reason.LISTED, since=ago(300), until=ago(200), why="")
    assert hindsight.overlap(gone, SPAN) == timedelta(0)
    still = Episode(reason=Reason.LISTED, since=ago(2), until=None, why="")
    assert hindsight.overlap(still, SPAN) == 2 * HOUR
    known = past(hours=hours(10, sent=5, bounced=1))
    assert hindsight.touched(known, [still]) == 2 * 6
    assert hindsight.touched(known, [still, still]) == 2 * 6
    assert hindsight.touched(known, []) == 0


def test_a_zone_that_is_switched_off_would_have_paused_nobody() -> None:
    known = past(listings=(listing(ZEN, 50, 20), listing(MAJORS[0], 40, None)))
    off = Catalogue(overrides={ZEN: Override(is_enabled=False)})
    assert hindsight.episodes(known, Policy(), then=Policy(), catalogue=off, span=SPAN) == ()


def test_the_gravest_listing_is_named() -> None:
    known = past(listings=(listing(MAJORS[0], 60, None), listing(ZEN, 60, None)))
    (one,) = hindsight.episodes(known, Policy(), then=Policy(), catalogue=Catalogue(), span=SPAN)
    assert one.why.startswith(f"{ZEN}: ")
