"""When a log line says it was written. Keeps no clock: the present is an argument.

Three forms: `Nov 22 09:33:50` (RFC 3164: no year, local time), `2026-11-22T09:36:18.999383+00:00`
(RFC 3339) and `2013 Jun 10 06:27:30.123` (syslog-ng; local time). A priority may stand before them
(RFC 3164 `<22>`, RFC 5424 `<22>1 `), and the month's name may be another language's. Where none of
these fits, what other writers make of them: ISO 8601 with a blank or without a zone, a weekday
before or a year behind the date, seconds since 1970 (journalctl(1), --output).
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone, tzinfo

MONTHS = {
    name: number
    for number, name in enumerate(
        b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
        start=1,
    )
}
# A line without a year lies in the past, or at most this far ahead by a clock that was put back.
AHEAD_MAX = timedelta(days=1)
YEARS_BACK_MAX = 8  # to the last 29 February, across a century year
STAMP_BYTES_MAX = 40
LINES_TRIED_MAX = 50
STAMP_SEARCHED_MAX = 200
TAIL_BYTES = 8192  # in which these nearly always are

# Outside of these it is a clock that was never set, or a line that somebody made up; and what is
# near the ends of all dates has no day before, or no second after it.
EARLIEST = datetime(1990, 1, 1, tzinfo=timezone.utc)
LATEST = datetime(2200, 1, 1, tzinfo=timezone.utc)

_MINUTE = timedelta(minutes=1)
_EPOCH_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
# RFC 3164 and RFC 5424, the latter with its version; some write a blank behind it.
PRIORITY = re.compile(rb"<\d{1,3}>(?:1 | )?")
# Of any length, and perhaps with a fraction of the second.
_NAMED = re.compile(rb"([^\s\d:<]{3,12}) {1,2}(\d{1,2} \d\d:\d\d):(\d\d(?:[.,]\d{1,9})?) ")
_WEEKDAY = re.compile(rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? ")
_ISO = re.compile(
    rb"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?"
    rb"(?: ?(Z|UTC|[+-]\d\d(?::?\d\d)?))?\]? "
)
_YEAR_LATE = re.compile(
    rb"([^\s\d:<]{3,12}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d\d:\d\d:\d\d)(?: (\d{4}))? "
)
_SINCE_1970 = re.compile(rb"(\d{10})(?:\.(\d{1,9}))? ")
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d(?::?\d\d)?)", re.ASCII
)
_BEGINS = re.compile(rb"^|[ |:\[]")


class LineClock:
    """Reads the times of consecutive lines; remembers the last minute, so that most are cheap.

    `now` places lines without a year and is to be kept current. `zone`: what local time means;
    None: as this machine has it. An hour that comes twice is told apart by the lines before it.
    """

    __slots__ = ("_minute", "_minute_key", "_previous", "_zone", "now")

    def __init__(self, now: datetime, zone: tzinfo | None = None) -> None:
        self.now = now
        self._zone = zone
        self._previous: datetime | None = None
        self._minute_key = b""
        self._minute = now

    def read(self, line: bytes) -> datetime | None:
        """The line's time in UTC; None when it begins with no time we know."""
        if line[:1] == b"\0":  # a crash may leave such bytes where lines were
            line = line.lstrip(b"\0")
        if line[:1] == b"<" and (priority := PRIORITY.match(line)):
            line = line[priority.end() :]
        try:
            at = self._read(line)
        except (ValueError, OverflowError):
            return None
        if at is None or not EARLIEST <= at < LATEST:
            return None
        self._previous = at
        return at

    def _read(self, line: bytes) -> datetime | None:
        if line[10:11] == b"T":
            return _rfc3339(line) or self._read_other(line)
        if line[3:4] == b" " and line[9:10] == b":" and line[15:16] == b" ":
            return self._local_minute(line[:13]) + timedelta(seconds=int(line[13:15]))
        if line[4:5] == b" " and line[8:9] == b" " and line[:4].isdigit():
            return self._with_year(line)
        named = _NAMED.match(line)
        if named is None:
            return self._read_other(line)
        name, minute, seconds = named.groups()
        passed = float(seconds.replace(b",", b"."))
        return self._local_minute(b"%b %6b" % (name, minute)) + timedelta(seconds=passed)

    def _read_other(self, line: bytes) -> datetime | None:
        weekday = _WEEKDAY.match(line)
        if weekday is not None:
            line = line[weekday.end() :]
        if dated := _ISO.match(line):
            day, clock, fraction, zone = (part or b"" for part in dated.groups())
            zone = b"Z" if zone == b"UTC" else zone
            text = b"%bT%b.%b" % (day, clock, (fraction + b"000000")[:6])
            if zone:
                return _rfc3339(text + zone + b" ")
            return self._to_utc(datetime.fromisoformat(text.decode("ascii")))
        if late := _YEAR_LATE.match(line):
            name, day, early, clock, year = (part or b"" for part in late.groups())
            if early or year:
                return self._with_year(b" ".join((early or year, name, day, clock, b"")))
            return self._read(b"%b %2b %b " % (name, day, clock)) if weekday else None
        if passed := _SINCE_1970.match(line):
            seconds, fraction = passed.groups()
            return _EPOCH_START + timedelta(
                seconds=int(seconds), microseconds=int(((fraction or b"") + b"000000")[:6])
            )
        return None

    def _local_minute(self, key: bytes) -> datetime:
        """`key`: Nov 22 09:33, and perhaps a colon."""
        if key != self._minute_key:
            name, day, clock = key.split(maxsplit=2)
            hour, minute = clock.split(b":")[:2]
            self._minute = self._place(
                month=_month(name), day=int(day), hour=int(hour), minute=int(minute)
            )
            self._minute_key = key
        return self._minute

    def _place(self, *, month: int, day: int, hour: int, minute: int) -> datetime:
        """The latest such moment that is not ahead: so New Year and 29 February find their year."""
        for year in range(self.now.year + 1, self.now.year - YEARS_BACK_MAX - 1, -1):
            try:
                local = datetime(year, month, day, hour, minute)  # noqa: DTZ001 (made aware below)
            except ValueError:
                if (month, day) != (2, 29):
                    raise
                continue
            at = self._to_utc(local)
            if at <= self.now + AHEAD_MAX:
                return at
        raise ValueError("no year fits")

    def _to_utc(self, local: datetime) -> datetime:
        """Where clocks are put back an hour comes twice: the second, if we were past the first."""
        if self._zone is not None:
            local = local.replace(tzinfo=self._zone)
        first = local.astimezone(timezone.utc)
        second = local.replace(fold=1).astimezone(timezone.utc)
        passed = self._previous is not None and self._previous >= first + _MINUTE
        is_near = self._previous is not None and self._previous <= second + _MINUTE
        return second if first < second and passed and is_near else first

    def _with_year(self, line: bytes) -> datetime | None:
        year, name, day, rest = line[:STAMP_BYTES_MAX].split(maxsplit=3)
        clock = rest.split(maxsplit=1)[0].decode("ascii")
        hour, minute, seconds = clock.split(":")
        local = datetime(int(year), _month(name), int(day), int(hour), int(minute))  # noqa: DTZ001
        return self._to_utc(local) + timedelta(seconds=float(seconds))


def _month(name: bytes) -> int:
    """ValueError: no month's name."""
    known = MONTHS.get(name)
    if known is not None:
        return known
    # Nearly every log is in English.
    from agent.maillog import months

    other = months.number_of(name)
    if other is None:
        raise ValueError("not a month's name")
    return other


def _rfc3339(line: bytes) -> datetime | None:
    end = line.find(b" ", 19, STAMP_BYTES_MAX)
    if end < 0:
        return None
    stamp = line[:end].decode("ascii")
    if len(stamp) == 32 and stamp[19] == "." and stamp[29] == ":":  # rsyslog's and Postfix's own
        return datetime.fromisoformat(stamp).astimezone(timezone.utc)
    match = _RFC3339.fullmatch(stamp)
    if match is None:
        return None
    whole, fraction, offset = match.groups()
    minutes = offset[-2:] if len(offset) > 3 else "00"
    offset = "+00:00" if offset == "Z" else f"{offset[:3]}:{minutes}"
    fraction = ((fraction or "") + "000000")[:6]
    return datetime.fromisoformat(f"{whole}.{fraction}{offset}").astimezone(timezone.utc)


def time_within(stamp: bytes, clock: LineClock) -> datetime | None:
    """Of a stamp before which something else stands: a container's name, a file's, a bracket."""
    for word in _BEGINS.finditer(stamp, 0, STAMP_SEARCHED_MAX):
        at = clock.read(stamp[word.end() :])
        if at is not None:
            return at
    return None


def first_time(block: bytes, clock: LineClock) -> datetime | None:
    """Of the first line of the block that tells its time."""
    return next(_times(block.split(b"\n", LINES_TRIED_MAX)[:LINES_TRIED_MAX], clock), None)


def last_time(block: bytes, clock: LineClock) -> datetime | None:
    """Of the last line of the block that tells its time; the block ends with a whole line."""
    usual = clock.read(block[block.rfind(b"\n", 0, -1) + 1 :])
    if usual is not None:
        return usual
    for length in (TAIL_BYTES, len(block)):
        is_cut = length < len(block)
        lines = block[-length:].split(b"\n")[is_cut:]
        at = next(_times(reversed(lines[-LINES_TRIED_MAX - 1 :]), clock), None)
        if at is not None or not is_cut:
            return at
    return None


def stamped_before(moment: datetime) -> datetime:
    """No line that is written from that moment on is stamped so early: many are stamped with their
    second's beginning."""
    return moment.replace(microsecond=0) - timedelta(seconds=1)


def minute_of(stamp: bytes) -> bytes:
    """As much of a stamp as tells its minute, in every form of it: up to the second colon. All of
    it where there is none.
    """
    second = stamp.find(b":", stamp.find(b":") + 1)
    return stamp[: second + 1] if second >= 0 else stamp


def _times(lines: Iterable[bytes], clock: LineClock) -> Iterator[datetime]:
    for line in lines:
        at = clock.read(line)
        if at is not None:
            yield at
