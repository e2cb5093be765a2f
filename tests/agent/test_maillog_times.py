"""When lines were written: forms, the missing year, hours that come twice."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.maillog.times import LineClock, first_time, last_time, minute_of

UTC = timezone.utc
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "line, expected",
    [
        (b"Nov 22 09:33:50 mx1 x", datetime(2026, 11, 22, 9, 33, 50, tzinfo=UTC)),
        (b"Nov  2 09:33:50 mx1 x", datetime(2026, 11, 2, 9, 33, 50, tzinfo=UTC)),
        (b"\0\0\0Nov  2 09:33:50 mx1 x", datetime(2026, 11, 2, 9, 33, 50, tzinfo=UTC)),
        (b"2026-11-22T09:36:18.999383+00:00 h x", datetime(2026, 11, 22, 9, 36, 18, 999383, UTC)),
        (b"2026-11-22T09:36:18.999383+02:00 h x", datetime(2026, 11, 22, 7, 36, 18, 999383, UTC)),
        (b"2026-11-22T09:36:18Z h x", datetime(2026, 11, 22, 9, 36, 18, tzinfo=UTC)),
        (b"2026-11-22T09:36:18.5-0100 h x", datetime(2026, 11, 22, 10, 36, 18, 500000, UTC)),
        (b"2013 Jun 10 06:27:30.123 mx1 x", datetime(2013, 6, 10, 6, 27, 30, 123000, UTC)),
        (b"Nov 22 09:33:50.250 mx1 x", datetime(2026, 11, 22, 9, 33, 50, 250000, UTC)),
        (b"Nov 22 9:33:50 mx1 x", None),
        (b"1970-01-01T00:00:07+00:00 mx1 x", None),
        (b"9999-12-31T23:59:59.999999+00:00 mx1 x", None),
        (b"<22>Nov 22 09:33:50 mx1 x", datetime(2026, 11, 22, 9, 33, 50, tzinfo=UTC)),
        (b"\0<22>Nov  2 09:33:50 mx1 x", datetime(2026, 11, 2, 9, 33, 50, tzinfo=UTC)),
        (
            b"<22>1 2026-11-22T09:36:18.999383+02:00 h postfix/smtp 7 - - x",
            datetime(2026, 11, 22, 7, 36, 18, 999383, UTC),
        ),
        (b"<22>1 2026-11-22T09:36:18Z h x", datetime(2026, 11, 22, 9, 36, 18, tzinfo=UTC)),
        (b"<2222>Nov 22 09:33:50 mx1 x", None),
        (b"<22>1 - h x", None),
        (b"M\xc3\xa4r 22 09:33:50 mx1 x", datetime(2026, 3, 22, 9, 33, 50, tzinfo=UTC)),
        (b"M\xe4r 22 09:33:50 mx1 x", datetime(2026, 3, 22, 9, 33, 50, tzinfo=UTC)),
        (b"Okt  2 09:33:50 mx1 x", datetime(2026, 10, 2, 9, 33, 50, tzinfo=UTC)),
        (b"d\xc3\xa9c.  2 09:33:50 mx1 x", datetime(2025, 12, 2, 9, 33, 50, tzinfo=UTC)),
        (b"f\xc3\xa9vr. 12 09:33:50.5 h x", datetime(2026, 2, 12, 9, 33, 50, 500000, UTC)),
        (b"<22>1 2013 mai 10 06:27:30.123 h x", datetime(2013, 5, 10, 6, 27, 30, 123000, UTC)),
        (b"2026-11-22 09:33:50 mx1 x", datetime(2026, 11, 22, 9, 33, 50, tzinfo=UTC)),
        (b"2026-11-22 09:33:50,5 +0200 x", datetime(2026, 11, 22, 7, 33, 50, 500000, UTC)),
        (b"2026-11-22T09:33:50 mx1 x", datetime(2026, 11, 22, 9, 33, 50, tzinfo=UTC)),
        (b"2026-11-22T09:33:50.123456789Z x", datetime(2026, 11, 22, 9, 33, 50, 123456, UTC)),
        (b"Sun 2026-11-22 09:33:50 UTC mx1 x", datetime(2026, 11, 22, 9, 33, 50, tzinfo=UTC)),
        (b"Sun Nov 22 09:33:50 2026 mx1 x", datetime(2026, 11, 22, 9, 33, 50, tzinfo=UTC)),
        (b"Mon Nov  2 09:33:50 mx1 x", datetime(2026, 11, 2, 9, 33, 50, tzinfo=UTC)),
        (b"Nov 22 2025 09:33:50 mx1 x", datetime(2025, 11, 22, 9, 33, 50, tzinfo=UTC)),
        (b"1795340178.5 mx1 x", datetime(2026, 11, 22, 9, 36, 18, 500000, UTC)),
        (b"2026-11-32 09:33:50 mx1 x", None),
        (b"abc 22 09:33:50 mx1 x", None),
        (b"Feb 30 09:33:50 mx1 x", None),
        (b"2026-13-22T09:36:18Z h x", None),
        (b"2026-11-22T09:36:18", None),
        (b"postfix/smtp[1]: x", None),
        (b"", None),
    ],
)
def test_the_forms(line: bytes, expected: datetime | None) -> None:
    assert LineClock(NOW, UTC).read(line) == expected


@pytest.mark.parametrize(
    "now, line, year",
    [
        (datetime(2027, 1, 1, 0, 0, 10, tzinfo=UTC), b"Dec 31 23:59:59 h x", 2026),
        (datetime(2027, 1, 1, 0, 0, 10, tzinfo=UTC), b"Jan  1 00:00:05 h x", 2027),
        (datetime(2026, 12, 31, 23, 59, 50, tzinfo=UTC), b"Jan  1 00:00:05 h x", 2027),
        (datetime(2026, 12, 31, 12, 0, tzinfo=UTC), b"Jan  2 00:00:05 h x", 2026),
        (datetime(2026, 3, 1, 12, 0, tzinfo=UTC), b"Feb 29 10:00:00 h x", 2024),
        (datetime(2028, 3, 1, 12, 0, tzinfo=UTC), b"Feb 29 10:00:00 h x", 2028),
        (datetime(2026, 11, 22, 12, 0, tzinfo=UTC), b"Nov 24 10:00:00 h x", 2025),
    ],
)
def test_the_missing_year_is_the_latest_that_is_not_ahead(
    now: datetime, line: bytes, year: int
) -> None:
    at = LineClock(now, UTC).read(line)
    assert at is not None
    assert at.year == year


def test_new_year_within_one_reading() -> None:
    clock = LineClock(datetime(2027, 1, 1, 0, 1, tzinfo=UTC), UTC)
    times = [clock.read(b"Dec 31 23:59:59 h x"), clock.read(b"Jan  1 00:00:00 h x")]
    assert times == [
        datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    ]


def test_local_time_is_converted() -> None:
    clock = LineClock(NOW, BERLIN)
    assert clock.read(b"Nov 22 09:33:50 h x") == datetime(2026, 11, 22, 8, 33, 50, tzinfo=UTC)
    assert clock.read(b"Jul 22 09:33:50 h x") == datetime(2026, 7, 22, 7, 33, 50, tzinfo=UTC)


def test_the_hour_that_comes_twice_is_told_apart_by_what_came_before() -> None:
    """Clocks in Berlin were put back from 03:00 to 02:00 on 25 October 2026."""
    clock = LineClock(NOW, BERLIN)
    stamps = [
        b"01:59:59",
        b"02:00:30",
        b"02:30:00",
        b"02:59:59",
        b"02:00:01",
        b"02:30:00",
        b"03:00:00",
    ]
    times = [clock.read(b"Oct 25 " + stamp + b" h x") for stamp in stamps]
    assert times == sorted(times, key=lambda at: at or NOW)
    assert times[4] == datetime(2026, 10, 25, 1, 0, 1, tzinfo=UTC)


def test_the_first_and_the_last_line_that_tell_a_time() -> None:
    block = b"half a line\nNov 22 09:00:00 h x\nNov 22 09:00:01 h x\nno time\n"
    clock = LineClock(NOW, UTC)
    assert first_time(block, clock) == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert last_time(block, clock) == datetime(2026, 11, 22, 9, 0, 1, tzinfo=UTC)
    assert first_time(b"none\nat all\n", clock) is None
    assert last_time(b"", clock) is None


def test_the_last_line_is_found_in_a_block_of_one_line_and_behind_long_ones() -> None:
    clock, line = LineClock(NOW, UTC), b"Nov 22 09:00:00 h x\n"
    at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert last_time(line, clock) == at
    assert last_time(line + b"x" * 50_000 + b"\n", clock) == at
    assert last_time(line * 1000, clock) == at
    assert last_time(line + b"none\n" * 100, clock) is None


@pytest.mark.parametrize(
    "stamp, minute",
    [
        (b"Nov 22 09:33:50 mx1 ", b"Nov 22 09:33:"),
        (b"2026-11-22T09:36:18.999383+00:00 mx1 ", b"2026-11-22T09:36:"),
        (b"2013 Jun 10 06:27:30.123 mx1 ", b"2013 Jun 10 06:27:"),
        (b"mx1 ", b"mx1 "),
        (b"", b""),
    ],
)
def test_a_stamp_tells_its_minute(stamp: bytes, minute: bytes) -> None:
    assert minute_of(stamp) == minute


@pytest.mark.parametrize("before", [b"", b"<22>", b"<22> ", b"<22>1 ", b"\0\0"])
@pytest.mark.parametrize("month", [b"Nov", b"Marras", b"\xd0\xbd\xd0\xbe\xd1\x8f"])
def test_lines_of_any_form_are_found(before: bytes, month: bytes) -> None:
    block = b"".join(before + month + b" 22 09:00:0%d h x\n" % second for second in range(3))
    clock = LineClock(NOW, UTC)
    assert first_time(block, clock) == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert last_time(block, clock) == datetime(2026, 11, 22, 9, 0, 2, tzinfo=UTC)


@given(st.binary(max_size=60))
def test_no_bytes_raise(line: bytes) -> None:
    at = LineClock(NOW, UTC).read(line)
    assert at is None or at.utcoffset() == timedelta(0)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2026, 11, 22)))  # noqa: DTZ001
def test_rfc_3339_of_any_moment(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    line = at.isoformat(timespec="microseconds").encode() + b" mx1 postfix/smtp[1]: x"
    assert LineClock(NOW, UTC).read(line) == at
