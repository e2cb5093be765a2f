"""What began after the reload, what was in flight, and what does not count."""

from datetime import datetime, timezone

import pytest

from agent.maillog import parse
from agent.maillog.silence import Silence, SilenceWatch
from agent.maillog.times import LineClock

UTC = timezone.utc
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RELOAD_AT = datetime(2026, 11, 22, 9, 0, 0, tzinfo=UTC)
RELOAD = (
    "Nov 22 09:00:00 mx1 postfix/master[1]: reload -- version 3.7.11, configuration /etc/postfix"
)
QUIET = Silence(reload_at=RELOAD_AT)


def delivery(
    clock: str, delays: str, *, tag: str = "postfix/smtp", relay: str = "mx.example[203.0.113.1]:25"
) -> str:
    return (
        f"Nov 22 {clock} mx1 {tag}[7]: 4cB1Gk2zTMz9sWZ: to=<a@b.example>, relay={relay},"
        f" delay=9, delays={delays}, dsn=2.0.0, status=sent (250 ok)"
    )


def watch(*lines: str, pipes_out: frozenset[bytes] = frozenset()) -> Silence:
    watching = SilenceWatch(Silence(), LineClock(NOW, UTC), pipes_out=pipes_out)
    watching.fold(parse.parse_chunk("".join(line + "\n" for line in lines).encode()).events)
    return watching.silence


def test_before_any_reload_nothing_is_told() -> None:
    assert watch(delivery("09:00:05", "0/0/0/0")) == Silence()


@pytest.mark.parametrize(
    "clock, delays, begun",
    [
        ("09:00:00", "0/0/0/0", False),
        ("09:00:01", "0/0/0/0", False),  # the doubtful second
        ("09:00:02", "0/0/0.4/0.6", False),
        ("09:00:02", "0/0/0.4/0.5", True),
        ("09:00:11", "5/5/1/11", False),  # ended long after, began before
        ("09:00:11", "5/5/1/8", True),
        ("09:09:59", "0/0/300/299", False),
    ],
)
def test_the_doubtful_second_is_in_flight(clock: str, delays: str, begun: bool) -> None:
    expected = Silence(reload_at=RELOAD_AT, in_flight=not begun, begun=begun)
    assert watch(RELOAD, delivery(clock, delays)) == expected


@pytest.mark.parametrize("delays", ["", "1/2/3", "a/b/c/d", "0/0/nan/0", "0/0/1e999/0"])
def test_a_delivery_that_does_not_tell_counts_as_begun(delays: str) -> None:
    line = delivery("09:00:11", "@").replace("delays=@", f"delays={delays}")
    assert watch(RELOAD, line).begun == 1


def test_a_delivery_without_a_time_counts_as_begun() -> None:
    line = delivery("09:00:00", "0/0/9/9").removeprefix("Nov 22 09:00:00 ")
    assert watch(RELOAD, line).begun == 1


@pytest.mark.parametrize(
    "tag, relay, counts",
    [
        ("postfix/smtp", "none", True),
        ("postfix-198.51.100.4/smtp", "mx.example[203.0.113.1]:25", True),
        ("postfix/lmtp", "store.example[10.0.0.3]:24", True),
        ("postfix/lmtp", "mx1[private/dovecot-lmtp]", False),
        ("postfix/lmtp", "mx1[/run/dovecot/lmtp]", False),
        ("postfix/pipe", "dovecot", False),
        ("postfix/pipe", "uucp", True),
        ("postfix/local", "local", False),
        ("postfix/virtual", "virtual", False),
        ("postfix/retry", "none", False),
        ("postfix/error", "none", False),
        ("postfix/discard", "none", False),
    ],
)
def test_only_what_leaves_the_machine_counts(tag: str, relay: str, counts: bool) -> None:
    line = delivery("09:00:30", "0/0/0/0", tag=tag, relay=relay)
    assert watch(RELOAD, line, pipes_out=frozenset({b"uucp"})).begun == counts


def test_a_later_reload_or_start_begins_anew() -> None:
    begun = delivery("09:00:30", "0/0/0/0")
    later = RELOAD.replace("09:00:00", "09:01:00")
    start = later.replace("reload", "daemon started")
    for line in (later, start):
        assert watch(RELOAD, begun, line) == Silence(reload_at=RELOAD_AT.replace(minute=1))


def test_it_goes_on_from_what_was_kept() -> None:
    watching = SilenceWatch(Silence(reload_at=RELOAD_AT, in_flight=2, begun=1), LineClock(NOW, UTC))
    watching.fold(parse.parse_chunk(delivery("08:59:59", "0/0/0/0").encode() + b"\n").events)
    assert watching.silence == Silence(reload_at=RELOAD_AT, in_flight=3, begun=1)
