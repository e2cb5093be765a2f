"""What a value on the wire may be. Knows no message; refuses (WireError), and never repairs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeVar

MESSAGE_BYTES_MAX = 262_144
# A node's own limits: 64 addresses, the 32 greatest receivers and the rest, 60 zones.
ADDRESSES_MAX = 64
INSTANCES_MAX = 8
CELLS_MAX = ADDRESSES_MAX * 33
CELLS_RECOUNTED_MAX = CELLS_MAX * INSTANCES_MAX
REPLIES_MAX = 33 * 17  # the newest of each receiver and class
INTAKE_MAX = 33
SENDERS_MAX = 259  # domains, and what has none
MINUTES_MAX = 240
DAEMONS_MAX = 64
HOSTS_MAX = 64
UNKNOWN_LINES_MAX = 16
ZONES_MAX = ADDRESSES_MAX * 60
EVENTS_MAX = 1_000
SERVICES_MAX = 64
NAMES_MAX = 64
PAUSES_MAX = 32
PROBLEMS_MAX = 16
ANSWERS_MAX = 32
NAME_MAX = 64
LONG_NAME_MAX = 253
TEXT_MAX = 500
POSITION_BYTES_MAX = 4_096
NUMBER_MAX = 2**63 - 1
# One more than any of these still fits a column, and so does a sum over eight million cells.
ORDER_MAX = NUMBER_MAX // 2
ATTEMPTS_MAX = 2**40
BYTES_MAX = 2**53
TIME_MS_MAX = 253_402_300_799_000  # the end of the year 9999
CPU_RATIO_MAX = 1.5  # a ratio of differences may overshoot a little
LOAD_MAX = 1_000_000.0

Name = TypeVar("Name")


class WireError(Exception):
    """A peer sent what the wire does not allow; its stream ends, nobody else's."""


def few(what: str, count: int, *, most: int) -> None:
    if count > most:
        raise WireError(f"{count} {what}, {most} at most")


def number(what: str, value: int, *, least: int = 0, most: int = NUMBER_MAX) -> int:
    if not least <= value <= most:
        raise WireError(f"{what}: {value}")
    return value


def moment(what: str, milliseconds: int) -> datetime:
    if not 0 < milliseconds <= TIME_MS_MAX:
        raise WireError(f"{what}: {milliseconds} ms is no time")
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def moment_or_none(what: str, milliseconds: int) -> datetime | None:
    return moment(what, milliseconds) if milliseconds else None


def text(what: str, *, value: str, most: int = TEXT_MAX) -> str:
    if len(value) > most or not value.isprintable():
        raise WireError(f"{what}: {value[:80]!r}")
    return value


def name(what: str, *, value: str, most: int = NAME_MAX) -> str:
    if not value:
        raise WireError(f"{what}: missing")
    return text(what, value=value, most=most)


def names(what: str, values: Sequence[str], *, most: int = NAMES_MAX) -> tuple[str, ...]:
    few(what, len(values), most=most)
    found = tuple(values)
    for one in found:
        if not 0 < len(one) <= 2 * NAME_MAX or not one.isprintable():
            raise WireError(f"{what}: {one[:80]!r}")
    return found


@lru_cache(maxsize=16_384)
def address(value: str) -> str:
    """The same few addresses come with every heartbeat. No zone (RFC 4007): it may be any text."""
    try:
        if "%" in value:
            raise ValueError(value)
        return str(ip_address(value))
    except ValueError as error:
        raise WireError(f"not an IP address: {value[:80]!r}") from error


def addresses(values: Sequence[str]) -> tuple[str, ...]:
    few("addresses", len(values), most=ADDRESSES_MAX)
    found = tuple(map(address, values))
    if len(set(found)) != len(found):
        raise WireError("the same address twice")
    return found


def known(what: str, value: int, *, names: Mapping[int, Name]) -> Name:
    """The value's meaning; an enum's zero has none."""
    meaning = names.get(value)
    if meaning is None:
        raise WireError(f"{what}: {value} is none this collector knows")
    return meaning
