"""Entries of the systemd journal into log lines. Opens nothing and keeps no place.

Fields: systemd.journal-fields(7). What journalctl(1) writes as JSON is taken, too: there a field's
value is a text, an array of numbers where its bytes are no UTF-8, or an array of these where it
stands several times.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import msgspec

from agent.maillog.parse import LINE_BYTES_MAX

# What syslog(3) of the facility mail received, and what Postfix's own unit wrote to its stdout.
KINDS = ("SYSLOG_FACILITY=2", "_SYSTEMD_UNIT=postfix.service", "_SYSTEMD_UNIT=postfix@-.service")
_EPOCH_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


class Line(NamedTuple):
    """`text` ends with a newline, and is empty where the line would be too long, or where the
    journal does not give it away."""

    cursor: str
    at: datetime
    text: bytes


def text_of(at: datetime, field: Callable[[str], bytes]) -> bytes:
    """The entry as a log line. `field`: the first value of the field named, empty if there is none;
    asked for no more than is needed."""
    message = field("MESSAGE").replace(b"\n", b" ")
    if b"]: " in message and field("_TRANSPORT") == b"stdout":
        text = message + b"\n"  # postlogd(8) wrote the whole line
    else:
        stamp = at.isoformat(timespec="microseconds").encode()
        host = field("_HOSTNAME") or b"localhost"
        pid = field("SYSLOG_PID") or field("_PID") or b"0"
        text = b"%b %b %b[%b]: %b\n" % (stamp, host, field("SYSLOG_IDENTIFIER"), pid, message)
    return text if len(text) <= LINE_BYTES_MAX else b""


def arrival(microseconds: int) -> datetime:
    """__REALTIME_TIMESTAMP as a time. OverflowError: no time."""
    return _EPOCH_START + microseconds * _MICROSECOND


def microseconds(at: datetime) -> int:
    return (at - _EPOCH_START) // _MICROSECOND


class _Entry(msgspec.Struct):
    cursor: str = msgspec.field(name="__CURSOR")
    realtime: str = msgspec.field(name="__REALTIME_TIMESTAMP")
    MESSAGE: Any = None
    SYSLOG_IDENTIFIER: Any = None
    SYSLOG_PID: Any = None
    _PID: Any = None
    _HOSTNAME: Any = None
    _TRANSPORT: Any = None


_decoder = msgspec.json.Decoder(_Entry)


def line_of(encoded: bytes) -> Line | None:
    """What `journalctl -o json` wrote of one entry. None: not an entry."""
    try:
        entry = _decoder.decode(encoded)
        at = arrival(int(entry.realtime))
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None
    return Line(entry.cursor, at, text_of(at, lambda name: _bytes(getattr(entry, name))))


def _bytes(value: Any) -> bytes:
    """The value's bytes; of several values the first; of none, no bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list) and value:
        if isinstance(value[0], int):
            return bytes(one & 255 for one in value if isinstance(one, int))
        return _bytes(value[0])
    return b""
