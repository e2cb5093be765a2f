"""Entries of the systemd journal, as journalctl(1) writes them in JSON, into log lines.

Starts nothing and keeps no place. Fields: systemd.journal-fields(7). A field's value is a text, an
array of numbers where its bytes are no UTF-8, or an array of these where it stands several times.
"""

from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import msgspec

from agent.maillog.parse import LINE_BYTES_MAX

FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_HOSTNAME,_TRANSPORT"
# What syslog(3) of the facility mail received, and what Postfix's own unit wrote to its stdout.
_KINDS = ("SYSLOG_FACILITY=2", "_SYSTEMD_UNIT=postfix.service", "_SYSTEMD_UNIT=postfix@-.service")
_EPOCH_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


class Line(NamedTuple):
    """`text` ends with a newline, and is empty where the line would be too long."""

    cursor: str
    at: datetime
    text: bytes


def matches(machine_id: str) -> tuple[str, ...]:
    """Words that choose these entries, of this machine alone; empty: whoever wrote them."""
    own = (f"_MACHINE_ID={machine_id}",) if machine_id else ()
    first, *others = ((kind, *own) for kind in _KINDS)
    return (*first, *(word for other in others for word in ("+", *other)))


class _Entry(msgspec.Struct):
    cursor: str = msgspec.field(name="__CURSOR")
    realtime: str = msgspec.field(name="__REALTIME_TIMESTAMP")
    message: Any = msgspec.field(name="MESSAGE", default=None)
    identifier: Any = msgspec.field(name="SYSLOG_IDENTIFIER", default=None)
    syslog_pid: Any = msgspec.field(name="SYSLOG_PID", default=None)
    pid: Any = msgspec.field(name="_PID", default=None)
    hostname: Any = msgspec.field(name="_HOSTNAME", default=None)
    transport: Any = msgspec.field(name="_TRANSPORT", default=None)


_decoder = msgspec.json.Decoder(_Entry)


def line_of(encoded: bytes) -> Line | None:
    """None: not an entry."""
    try:
        entry = _decoder.decode(encoded)
        at = _EPOCH_START + int(entry.realtime) * _MICROSECOND
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None
    message = _bytes(entry.message).replace(b"\n", b" ")
    if entry.transport == "stdout" and b"]: " in message:
        text = message + b"\n"  # postlogd(8) wrote the whole line
    else:
        stamp = f"{at:%Y-%m-%dT%H:%M:%S.%f}+00:00".encode()
        host = _bytes(entry.hostname) or b"localhost"
        pid = _bytes(entry.syslog_pid) or _bytes(entry.pid) or b"0"
        text = b"%b %b %b[%b]: %b\n" % (stamp, host, _bytes(entry.identifier), pid, message)
    return Line(entry.cursor, at, text if len(text) <= LINE_BYTES_MAX else b"")


def _bytes(value: Any) -> bytes:
    """The value's bytes; of several values the first; of none, no bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list) and value:
        if isinstance(value[0], int):
            return bytes(one & 255 for one in value if isinstance(one, int))
        return _bytes(value[0])
    return b""
